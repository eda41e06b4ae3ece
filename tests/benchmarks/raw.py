"""The machine's own limit for a log in files: a bare loop of write and fdatasync, by whoever does nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from msgspec import Raw
from report import Run

from threadlog_file.frames import make_frame
from threadlog_file.lines import Line, encode_lines

APPENDED = "write + fdatasync"
ENCODED = "encode + write + fdatasync"
OVERWRITTEN = "overwrite + fdatasync"
"""What the limits are called."""

DATA = b'{"type":"thread.item.updated","item_id":"msg_0123456789abcdef","update":{"delta":"' + b"x" * 110 + b'"}}'
"""A payload of about 200 bytes."""


@dataclass(frozen=True)
class Load:
    """So many writers, each of which appends so many events at a time and awaits the answer."""

    name: str
    writers: int
    events: int

    @property
    def at_once(self) -> int:
        """Events that one flush can have."""
        return self.writers * self.events


LONE = Load("1 writer, 1 event", 1, 1)
LONE_BATCH = Load("1 writer, 20 events", 1, 20)
CROWD = Load("200 writers, 1 event", 200, 1)
CROWD_BATCH = Load("200 writers, 20 events", 200, 20)


def appending(folder: Path, load: Load, seconds: float, *, encode: bool = False) -> Run:
    """Rounds of writing what the log writes for a load, one flush after the other at a file's end, in events/s.

    Args:
        encode: make the bytes anew for each flush, with the log's own encoder.
    """
    events = lines(load)
    frame = framed(events)

    async def one_round() -> float:
        with new_file(folder) as file:
            began = perf_counter()
            flushes = 0
            while perf_counter() < began + seconds:
                os.write(file, framed(events) if encode else frame)
                os.fdatasync(file)
                flushes += 1
            return flushes * load.at_once / (perf_counter() - began)

    return one_round


def overwriting(folder: Path, load: Load, seconds: float) -> Run:
    """The same into a file that has its size and its blocks already, so that a flush need store nothing but bytes."""
    frame = framed(lines(load))
    places = max(1, (4 << 20) // len(frame))

    async def one_round() -> float:
        with new_file(folder) as file:
            os.write(file, b"\n" * (places * len(frame)))
            os.fsync(file)
            began = perf_counter()
            flushes = 0
            while perf_counter() < began + seconds:
                os.pwrite(file, frame, flushes % places * len(frame))
                os.fdatasync(file)
                flushes += 1
            return flushes * load.at_once / (perf_counter() - began)

    return one_round


def lines(load: Load) -> list[Line]:
    """The events of one flush."""
    return [
        Line(
            position=1_000_000 + number,
            tenant="acme",
            thread=f"log 12 {number}",
            seq=1_000,
            id=str(uuid4()),
            append=f"log 12 {number}-1000",
            type="thread.item.updated",
            version=1,
            time_us=1_800_000_000_000_000,
            data=Raw(DATA),
        )
        for number in range(load.at_once)
    ]


def framed(events: list[Line]) -> bytes:
    """The bytes of one flush, as the log writes them."""
    return make_frame(0, events[0].position, len(events), events[0].position - 1, encode_lines(events))


@contextmanager
def new_file(folder: Path) -> Iterator[int]:
    """A file for one round."""
    path = folder / "bare"
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)
        path.unlink()
