"""Reading frames one after the other, as recovery, readers of another process's log, and checks do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from zlib import crc32

import msgspec
from msgspec import Struct

from threadlog.log import HeadChange
from threadlog_file.damage import Damage
from threadlog_file.frames import HEADER, MARK, FrameHeader, parse_header
from threadlog_file.handles import Handles
from threadlog_file.lines import UNREADABLE, Key, decode_key, event_of, split_lines

_WINDOW = 1024 * 1024

_any_json = msgspec.json.Decoder(msgspec.Raw).decode


class Frame(Struct, frozen=True, gc=False):
    """A whole frame as it was found in a segment."""

    offset: int
    header: FrameHeader
    body: bytes

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.offset + self.header.size

    def damage(self, segment: str, how: str = "damaged") -> Damage:
        """That it is not what was written."""
        return Damage(segment, self.offset, self.end, self.header.first, self.header.last, how)


class StoredAppend(Struct, frozen=True, gc=False):
    """One append of a frame, and where in the frame's body its lines lie."""

    tenant: str
    thread: str
    seq: int
    """Seq of its first event."""
    count: int
    id_crc: int
    """CRC-32 of its append id."""
    time_us: int
    offset: int
    length: int
    crc: int
    """CRC-32 of its lines."""
    heads: Sequence[HeadChange] = ()
    row: int | None = None
    """Its thread's row, where that is known already."""


class Source:
    """The first `end` bytes of a file, read through a window so that small frames cost no call each."""

    def __init__(self, handles: Handles, path: str, end: int) -> None:
        self.end = end
        self._handles = handles
        self._path = path
        self.name = path.rpartition("/")[2]
        self._start = 0
        self._data = b""

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`, fewer at the end."""
        size = min(size, self.end - offset)
        if size <= 0:
            return b""
        at = offset - self._start
        if at < 0 or at + size > len(self._data):
            wanted = min(max(size, _WINDOW), self.end - offset)
            self._data, self._start, at = self._handles.read(self._path, wanted, offset), offset, 0
        return self._data[at : at + size]


def read_frame(source: Source, offset: int) -> Frame | None:
    """The frame at `offset`, or None if no whole frame is there.

    Raises:
        FormatTooNew: a whole header of a newer format is there.
    """
    header = parse_header(source.read(offset, HEADER), source.name)
    if header is None or header.count < 1 or offset + header.size > source.end:
        return None
    body = source.read(offset + HEADER, header.length)
    return Frame(offset, header, body) if header.fits(body) else None


def frames_from(source: Source, offset: int, *, shard: int, position: int) -> Iterator[Frame]:
    """The whole frames from `offset` on that follow on `position`, up to the first thing that is none."""
    while (frame := read_frame(source, offset)) is not None:
        if frame.header.first != position + 1 or frame.header.shard != shard:
            return
        yield frame
        offset, position = frame.end, frame.header.last


def walk(source: Source, name: str, *, shard: int, offset: int, position: int, last: int) -> Iterator[Frame | Damage]:
    """All there is in a segment from `offset` on, up to the position `last`: whole frames, and what is damaged.

    Args:
        name: the segment's name, for `Damage`.
        position: the position before the one that is expected at `offset`.
    """
    while position < last:
        for frame in frames_from(source, offset, shard=shard, position=position):
            if frame.header.last > last:
                break
            yield frame
            offset, position = frame.end, frame.header.last
            if position == last:
                return
        behind = _next_of(source, offset, shard, position, last)
        damage = Damage(
            name,
            offset,
            behind.offset if behind else max(source.end, offset + 1),
            position + 1,
            behind.header.first - 1 if behind else last,
        )
        yield damage
        offset, position = damage.end, damage.last


def _next_of(source: Source, offset: int, shard: int, position: int, last: int) -> Frame | None:
    """The whole frame behind `offset` with which the shard goes on after `position`.

    Of those nearby the one with the first position: a later one may have been copied before it.
    """
    best: Frame | None = None
    found = find_frame(source, offset)
    while found is not None and (best is None or found.offset - offset < _WINDOW):
        before = last + 1 if best is None else best.header.first
        if found.header.shard == shard and position < found.header.first < before:
            best = found
        found = read_frame(source, found.end) or find_frame(source, found.end - 1)
    return best


def find_frame(source: Source, offset: int) -> Frame | None:
    """The first whole frame that begins after `offset`, whatever stands between."""
    data = source.read(offset, source.end - offset)
    at = data.find(MARK, 1)
    while at >= 0:
        frame = read_frame(source, offset + at)
        if frame is not None:
            return frame
        at = data.find(MARK, at + 1)
    return None


def appends_of(frame: Frame) -> Sequence[StoredAppend] | None:
    """The appends of a frame, in order; None if its lines are not the events that its header tells of."""
    try:
        keyed = [(decode_key(line), line) for line in split_lines(frame.body)]
    except UNREADABLE:
        return None
    header = frame.header
    if [key.position for key, _ in keyed] != list(range(header.first, header.first + header.count)):
        return None
    appends = list(_group(keyed))
    told = [seq for append in appends for seq in range(append.seq, append.seq + append.count)]
    return appends if [key.seq for key, _ in keyed] == told else None


def is_readable(frame: Frame) -> bool:
    """Whether all events of a frame can be read, to the last field and payload."""
    try:
        for line in split_lines(frame.body):
            _any_json(event_of(line, frame.header.shard).data)
    except UNREADABLE:
        return False
    return True


def _group(keyed: Sequence[tuple[Key, bytes]]) -> Iterator[StoredAppend]:
    offset = 0
    for _, group in groupby(keyed, _append_key):
        pairs = list(group)
        first = pairs[0][0]
        data = b"\n".join([line for _, line in pairs] + [b""])
        yield StoredAppend(
            tenant=first.tenant,
            thread=first.thread,
            seq=first.seq,
            count=len(pairs),
            id_crc=crc32(first.append.encode()),
            time_us=first.time_us,
            offset=offset,
            length=len(data),
            crc=crc32(data),
            heads=[key.head for key, _ in pairs if key.head is not None],
        )
        offset += len(data)


def _append_key(pair: tuple[Key, bytes]) -> tuple[str, str, str]:
    key = pair[0]
    return key.append, key.thread, key.tenant
