"""Reading from a shard: pages of a thread, pages of the shard, and an append by its id."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar
from zlib import crc32

from msgspec import Struct

from threadlog.log import Event, HeadPage, Limits, LogBusy, LogCorrupt, LogError, ShardPage, ThreadPage
from threadlog_file.damage import Damage
from threadlog_file.files import SCARCE
from threadlog_file.index import ENTRY, Chunk
from threadlog_file.indexfile import IndexDamaged
from threadlog_file.lines import UNREADABLE, event_of, split_lines
from threadlog_file.scanning import Frame, Source, read_frame
from threadlog_file.segments import TITLE, Segment, index_path
from threadlog_file.shard import Shard
from threadlog_file.watermark import Mark

T = TypeVar("T")

_GAP = 2048
"""Bytes between two appends that are rather read than skipped by a call of their own."""

_RUN = 1024 * 1024
"""Most bytes of one such call."""

_LINES = 2
"""Bytes of lines that a page reads at most for each byte of payload that it may hold."""

_LOOK = 8 * 1024 * 1024
"""Bytes that one page of a tenant's events looks through at most."""


class ShardReader:
    """Reads one shard."""

    def __init__(self, shard: Shard, limits: Limits) -> None:
        self._shard = shard
        self._limits = limits

    @property
    def last(self) -> int:
        """Last position."""
        return self._shard.last

    def healed(self, read: Callable[[], T]) -> T:
        """The result of `read`, indexes that turn out to be damaged being built anew on the way.

        Raises:
            LogCorrupt: stored events are damaged, or the storage does not give them.
            LogBusy: the process has no descriptor or memory left.
        """
        try:
            while True:
                try:
                    return read()
                except IndexDamaged as error:  # each is met once: it is not used again
                    self._shard.distrust(error.path)
        except OSError as error:
            raise _unreadable(error, self._shard.folder) from error

    def advance(self, mark: Mark) -> None:
        """Take in what another process has written up to `mark`."""
        if mark.position > self._shard.last:
            self.healed(lambda: self._shard.advance(mark))

    def heads_page(
        self, tenant: str, owner: str | None, after: str | None, limit: int, *, newest_first: bool
    ) -> HeadPage:
        """A page of heads (see `EventLog.list_heads`)."""
        return self._shard.heads.page(tenant, owner, after, limit, newest_first=newest_first)

    def thread_page(self, tenant: str, thread: str, after: int, limit: int, *, backward: bool) -> ThreadPage:
        """A page of one thread (see `EventLog.read_thread`)."""
        row = self._shard.threads.find(tenant, thread)
        if row is None:
            return ThreadPage((), 0)
        last = self._shard.threads.last_seq[row]
        limit = min(limit, self._limits.page_events)
        if backward:
            high = last if after == 0 else min(after - 1, last)
            low = max(1, high - limit + 1)
        else:
            low = after + 1
            high = min(last, after + limit)
        if low > high:
            return ThreadPage((), last)
        events = self._thread_events(row, low, high, backward=backward)
        return ThreadPage(self._bounded(events), last)

    def shard_page(self, after: int, limit: int, tenant: str | None) -> ShardPage:
        """A page of the shard (see `EventLog.read_shard`)."""
        last = self._shard.last
        limit = min(limit, self._limits.page_events)
        taken: list[Event] = []
        size, looked_to, looked = 0, after, 0
        for append in self._appends(after) if after < last else ():
            payload = sum([len(event.data) for event in append])
            looked += payload
            if looked > _LOOK and looked_to > after:
                break
            if tenant is None or append[0].tenant == tenant:
                if taken and (len(taken) >= limit or size + payload > self._limits.page_bytes):
                    break
                taken += append
                size += payload
            looked_to = append[-1].position
            if tenant is None and len(taken) >= limit:
                break
        return ShardPage(tuple(taken), max(after, looked_to), last)

    def _appends(self, after: int) -> Iterator[list[Event]]:
        """The appends of the shard that have events after a position, those events alone, in order."""
        for segment, frame in self._frames(after):
            events = self._decode(split_lines(frame.body), frame.damage(segment.name))
            for _, append in groupby(events, lambda event: (event.append_id, event.thread_id, event.tenant)):
                rest = [event for event in append if event.position > after]
                if rest:
                    yield rest

    def _frames(self, after: int) -> Iterator[tuple[Segment, Frame]]:
        """The frames from the one that holds the position `after` + 1 on."""
        position = after
        segments = self._shard.segments
        ordinal = max(0, bisect_right(segments, position + 1, key=lambda segment: segment.first) - 1)
        for segment in segments[ordinal:]:
            source = Source(self._shard.handles, segment.path, segment.end)
            offset = TITLE
            for offset, stamp in self._places(segment, position + 1):
                frame = read_frame(source, offset)
                if frame is None or frame.header.stamp != stamp or frame.header.first > position + 1:
                    raise self._gap_at(segment, offset, position + 1)
                yield segment, frame
                position, offset = frame.header.last, frame.end
            if position < segment.last:
                raise self._gap_at(segment, offset, position + 1)

    def _places(self, segment: Segment, position: int) -> Iterator[tuple[int, int]]:
        """Offset and stamp of each frame from the one on that holds `position`, or from the segment's first."""
        firsts, offsets, stamps = segment.index.frames()
        at = max(0, bisect_right(firsts, position - segment.first) - 1)
        return ((offsets[at], stamps[at]) for at in range(at, len(offsets)))

    def find_append(self, row: int, append_id: str, wanted: int) -> tuple[Event, ...]:
        """All events of the thread's append with this id; none if there is no such append."""
        for segment, chunk in self._chunks(row):
            for at, check in enumerate(chunk.entries[3::ENTRY]):
                if check == wanted:
                    part = Part.of(segment, chunk, at, at + 1)
                    events = self._decode(self._lines(part), part.place)
                    if events[0].append_id == append_id:
                        return tuple(events)
        return ()

    def append_ids(self, row: int) -> Iterator[int]:
        """CRC-32 of every append id of a thread."""
        for _, chunk in self._chunks(row):
            yield from chunk.entries[3::ENTRY]

    def _chunks(self, row: int) -> Iterator[tuple[Segment, Chunk]]:
        """The parts of a thread, newest first."""
        at = self._shard.threads.newest[row]
        while at:
            segment = self._shard.segments[at - 1]
            chunk = segment.index.chunk(row)
            if chunk is None or chunk.previous >= at:
                raise IndexDamaged(index_path(segment.path))
            yield segment, chunk
            at = chunk.previous

    def _thread_events(self, row: int, low: int, high: int, *, backward: bool) -> list[Event]:
        """The events `low` to `high` of a thread, or as many as a page holds of them, in the order asked for."""
        parts = self._parts_down(row, low, high) if backward else self._parts_up(row, low, high)
        if not parts:
            raise self._gap(self._shard.segments[-1])
        lines = [line for part in parts for line in self._lines(part)]
        base = parts[0].seq
        first = max(low, base) if backward else low
        events = self._decode(lines[max(0, first - base) : high - base + 1], parts[0].place)
        if [event.seq for event in events] != list(range(first, first + len(events))) or (
            backward and first + len(events) <= high
        ):
            raise self._gap(parts[0].segment)
        return events[::-1] if backward else events

    def _parts_up(self, row: int, low: int, high: int) -> list[Part]:
        """What to read for the events from `low` on, as far as a page goes."""
        chain = []
        for segment, chunk in self._chunks(row):
            chain.append((segment, chunk))
            if chunk.base <= low:
                break
        parts: list[Part] = []
        room = _LINES * self._limits.page_bytes
        for segment, chunk in reversed(chain):
            if high < chunk.base or room <= 0:
                break
            start = chunk.index_of(low)
            part = Part.of(segment, chunk, start, chunk.index_of(high) + 1)
            fitting = _fitting(part.entries[2::ENTRY], room)
            parts.append(Part.of(segment, chunk, start, start + fitting))
            room -= sum(parts[-1].entries[2::ENTRY])
        return parts

    def _parts_down(self, row: int, low: int, high: int) -> list[Part]:
        """What to read for the events from `high` down, as far as a page goes; ascending."""
        parts: list[Part] = []
        room = _LINES * self._limits.page_bytes
        for segment, chunk in self._chunks(row):
            if room <= 0 or (parts and parts[-1].seq <= low):
                break
            if high < chunk.base:
                continue
            stop = chunk.index_of(high) + 1
            part = Part.of(segment, chunk, chunk.index_of(low), stop)
            fitting = _fitting(part.entries[2::ENTRY][::-1], room)
            parts.append(Part.of(segment, chunk, stop - fitting, stop))
            room -= sum(parts[-1].entries[2::ENTRY])
        return parts[::-1]

    def _lines(self, part: Part) -> list[bytes]:
        """The lines of some appends, checked."""
        pread, fd = self._shard.files.pread, self._shard.handles.get(part.segment.path)
        firsts, offsets, lengths, checks = (part.entries[column::ENTRY].tolist() for column in (0, 1, 2, 4))
        pieces: list[bytes] = []
        for start, stop in _runs(offsets, lengths):
            base = offsets[start]
            data = pread(fd, offsets[stop - 1] + lengths[stop - 1] - base, base)
            if stop - start == 1:
                pieces.append(data)
            else:
                pieces += [data[offsets[at] - base : offsets[at] - base + lengths[at]] for at in range(start, stop)]
        if list(map(crc32, pieces)) != checks:
            raise self._damaged(part, pieces)
        if firsts[-1] - firsts[0] == len(firsts) - 1:  # all have one line, except perhaps the last
            return [piece[:-1] for piece in pieces[:-1]] + split_lines(pieces[-1])
        return split_lines(b"".join(pieces))

    def _damaged(self, part: Part, pieces: Sequence[bytes]) -> LogCorrupt:
        """The error of appends that are not what was written."""
        at = next(at for at, piece in enumerate(pieces) if crc32(piece) != part.entries[at * ENTRY + 4])
        offset, length = part.entries[at * ENTRY + 1], part.entries[at * ENTRY + 2]
        return Damage(part.segment.name, offset, offset + length).error()

    def _decode(self, lines: Sequence[bytes], place: Damage) -> list[Event]:
        """The events of some lines, which lie at `place`."""
        shard = self._shard.number
        try:
            return [event_of(line, shard) for line in lines]
        except UNREADABLE as error:
            raise place.error() from error

    def _bounded(self, events: list[Event]) -> tuple[Event, ...]:
        """The first events of a page, as many as its bytes allow, at least one."""
        room = self._limits.page_bytes
        if sum([len(event.data) for event in events]) <= room:
            return tuple(events)
        for at, event in enumerate(events):
            room -= len(event.data)
            if room < 0 and at:
                return tuple(events[:at])
        return tuple(events)

    def _gap_at(self, segment: Segment, offset: int, position: int) -> LogCorrupt:
        """The error of a frame that is not whole."""
        known = [damage for damage in self._shard.damage if damage.first <= position <= damage.last]
        return (known[0] if known else Damage(segment.name, offset, segment.end, position, position)).error()

    def _gap(self, segment: Segment) -> LogCorrupt:
        """The error of a thread of which events are lost."""
        known = self._shard.damage
        return (known[0] if known else Damage(segment.name, TITLE, segment.end)).error()


def _unreadable(error: OSError, folder: str) -> LogError:
    if error.errno in SCARCE:
        return LogBusy(f"the log's files cannot be opened now ({error}): raise the process's limits, or try again.")
    place = os.path.basename(error.filename) if error.filename else folder
    return LogCorrupt(f"{place} cannot be read ({error}): look after the disk, or run `threadlog repair`.", place)


class Part(Struct, frozen=True, gc=False):
    """Some appends of one thread that follow each other in one segment."""

    segment: Segment
    seq: int
    """Seq of the first event of the first of them."""
    entries: array[int]

    @property
    def place(self) -> Damage:
        """Where they lie."""
        return Damage(self.segment.name, self.entries[1], self.entries[-4] + self.entries[-3])

    @classmethod
    def of(cls, segment: Segment, chunk: Chunk, start: int, stop: int) -> Part:
        """The appends `start` to `stop` (not included) of a chunk."""
        entries = chunk.entries[start * ENTRY : stop * ENTRY]
        return cls(segment, chunk.base + entries[0], entries)


def _fitting(lengths: Iterable[int], room: int) -> int:
    """How many appends of these lengths to read, at least one."""
    count = 0
    for length in lengths:
        if count and length > room:
            break
        room -= length
        count += 1
    return count


def _runs(offsets: Sequence[int], lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Groups of appends, each as a start and a stop, that are near enough to each other for one read."""
    start, end = 0, 0
    for at, (offset, length) in enumerate(zip(offsets, lengths, strict=True)):
        if at > start and (offset - end > _GAP or offset + length - offsets[start] > _RUN):
            yield start, at
            start = at
        end = offset + length
    if len(offsets):
        yield start, len(offsets)
