"""Where to wait for the disk: on the event loop, or in a thread."""

from __future__ import annotations

import time

from threadlog_file.files import Files, write_all, write_file
from threadlog_file.options import SyncMode

INLINE_BELOW = 0.000_5
"""Seconds. A thread costs 0.1 to 0.3 ms there and back on a busy loop, and each flush of a lone writer pays it; where
the disk answers about as fast, it is waited for in place."""

_TRIES = 5
_UNKNOWN = 1.0
"""Seconds."""

_WEIGHT = 0.05
"""How much of the running average one flush makes up."""


class SyncPolicy:
    """Decides for each flush, by those before it."""

    def __init__(self, mode: SyncMode, latency: float) -> None:
        self._mode = mode
        self.latency = latency
        """Running average of what a flush takes, in seconds."""

    @property
    def inline(self) -> bool:
        """Whether to wait for the next flush on the event loop."""
        if self._mode != "auto":
            return self._mode == "inline"
        return self.latency < INLINE_BELOW

    def note(self, seconds: float) -> None:
        """Learn from a flush."""
        self.latency += _WEIGHT * (seconds - self.latency)


def measure(files: Files, folder: str) -> float:
    """What a small write with its flush takes in this folder: the median of a few, in seconds.

    Where that fails, as on a full disk, the disk counts as slow until flushes tell otherwise.
    """
    path = f"{folder}/probe.tmp"
    times: list[float] = []

    def probe(fd: int) -> None:
        for _ in range(_TRIES):
            start = time.perf_counter()
            write_all(files, fd, b"\n" * 512, 0)
            files.flush(fd)
            times.append(time.perf_counter() - start)

    try:
        write_file(files, path, probe, durable=False)
        files.unlink(path)
    except OSError:
        return _UNKNOWN
    return sorted(times)[_TRIES // 2]
