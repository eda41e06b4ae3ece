"""The index of one segment: where in it each thread's appends lie, and where its frames begin.

An `OpenIndex` grows with its segment in memory. When the segment is sealed it is written beside it, and read back as a
`threadlog_file.indexfile.SealedIndex`, of which only a few numbers per thread stay in memory.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import NamedTuple, Protocol

from msgspec import Struct

from threadlog_file.threads import Threads

ENTRY = 5
"""Numbers per append in `Chunk.entries`: seq of its first event less the chunk's base; offset in the segment and length
of its lines in bytes; CRC-32 of the append id; CRC-32 of the lines."""


class ThreadHead(Struct, frozen=True, omit_defaults=True, gc=False):
    """What listings show of a thread, as far as events have told it."""

    thread_id: str
    owner: str | None = None
    title: str | None = None
    status: str = "active"
    info: str | None = None


class Chunk:
    """The appends of one thread in one segment."""

    __slots__ = ("base", "entries", "previous")

    def __init__(self, base: int, previous: int, entries: array[int]) -> None:
        self.base = base
        """Seq of the first event here."""
        self.previous = previous
        """1 + ordinal of the segment with the thread's events before; 0 if these are the first."""
        self.entries = entries

    def index_of(self, seq: int) -> int:
        """Number of the append that holds `seq`, or the first one here when `seq` is earlier."""
        firsts = memoryview(self.entries)[::ENTRY]
        return max(bisect_right(firsts, seq - self.base) - 1, 0) if seq >= self.base else 0


class FrameColumns(NamedTuple):
    """The frames of a segment."""

    firsts: array[int]
    """The first position of each, less the segment's."""
    offsets: array[int]
    stamps: array[int]
    """What tells each from any other frame (see `FrameHeader.stamp`)."""

    @property
    def last(self) -> tuple[int, int]:
        """Offset and stamp of the last one."""
        return (self.offsets[-1], self.stamps[-1]) if self.offsets else (0, 0)


class Index(Protocol):
    """What reading needs of either kind."""

    def chunk(self, row: int) -> Chunk | None:
        """The thread's appends in this segment, if there are any."""

    def head(self, row: int) -> ThreadHead | None:
        """The thread's head as of this segment's end, if it changed in this segment."""

    def frames(self) -> FrameColumns:
        """The frames, ascending."""


class OpenIndex:
    """The index of a segment that is being written, or was not sealed yet."""

    def __init__(self, threads: Threads) -> None:
        self.known = len(threads)
        """How many threads there were before this segment."""
        self.chunks: dict[int, Chunk] = {}
        self.heads: dict[int, ThreadHead] = {}
        self.names: list[tuple[str, str]] = []
        """Tenant and id of the threads that began here, in row order."""
        self._firsts = array("I")
        self._offsets = array("I")
        self._stamps = array("I")

    def add_frame(self, first: int, offset: int, stamp: int) -> None:
        """Note a frame; `first` counts from the segment's first position."""
        self._firsts.append(first)
        self._offsets.append(offset)
        self._stamps.append(stamp)

    def chunk(self, row: int) -> Chunk | None:
        return self.chunks.get(row)

    def head(self, row: int) -> ThreadHead | None:
        return self.heads.get(row)

    def frames(self) -> FrameColumns:
        return FrameColumns(self._firsts, self._offsets, self._stamps)
