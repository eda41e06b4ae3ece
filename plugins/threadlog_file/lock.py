"""The one writer's place: the kernel's lock on the file LOCK.

The lock goes with the process that holds it, however that ends; nobody ever breaks it because of a process id or an
age. What the file says is for people, and for programs that want to find the writer.
"""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from threadlog.log import LogLocked
from threadlog_file.files import Files, read_all, write_all

NAME = "LOCK"
_MOST = 64 * 1024


class Lock:
    """The lock of one log, held from `take` to `release`."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path
        self._fd: int | None = None

    def take(self, holder: Mapping[str, str]) -> None:
        """Take the lock and write down who holds it.

        Raises:
            LogLocked: another open log, in this process or another, holds it.
        """
        fd = self._files.open(f"{self._path}/{NAME}", os.O_RDWR | os.O_CREAT)
        try:
            if not self._files.lock(fd):
                raise self._locked(fd)
            self._describe(fd, holder)
        except BaseException:
            self._files.close(fd)
            raise
        self._fd = fd
        _forget_in_children(self)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with suppress(OSError):  # what the file says does not matter once nobody holds it
            self._files.truncate(fd, 0)
        self._files.close(fd)

    def forget(self) -> None:
        """In a forked child: let go of the inherited descriptor, which would hold the lock after its parent's end."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._files.close(fd)

    def _describe(self, fd: int, holder: Mapping[str, str]) -> None:
        told = {
            "pid": str(os.getpid()),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            **holder,
        }
        with suppress(OSError):  # on a full disk nobody is told who holds the lock, but it is held
            self._files.truncate(fd, 0)
            write_all(self._files, fd, msgspec.json.encode(told) + b"\n", 0)

    def _locked(self, fd: int) -> LogLocked:
        try:
            holder = msgspec.json.decode(read_all(self._files, fd, _MOST, 0), type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError):
            holder = {}
        process, host = holder.get("pid", "?"), holder.get("host", "this machine")
        return LogLocked(
            f"process {process} on {host} has the log at {self._path} open for writing: "
            "end it first, work through it, or open the log for reading only.",
            holder,
        )


def _forget_in_children(lock: Lock) -> None:
    held = weakref.WeakMethod(lock.forget)

    def forget() -> None:
        method = held()
        if method is not None:
            method()

    os.register_at_fork(after_in_child=forget)
