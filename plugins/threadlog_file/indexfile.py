"""Index files: the index of a sealed segment, written beside it.

An index file is derived data: it is checked when it is read, and one that is missing or damaged is built anew from its
segment.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from zlib import crc32

import msgspec
from msgspec import Struct

from threadlog_file.frames import is_sealed_line, seal_line
from threadlog_file.handles import Handles
from threadlog_file.index import ENTRY, Chunk, FrameColumns, OpenIndex, ThreadHead
from threadlog_file.threads import Threads

FORMAT = 2
_WIDTH = 1024
_CHUNK = struct.Struct("<QIIII")
"""Base, 1 + ordinal of the previous segment, place and number of the entries, and CRC-32 of all that."""


_SECTIONS = {
    *("rows", "seqs", "flags", "tenants", "named", "names", "created", "headed", "owners", "spans", "heads", "chunks"),
    *("entries", *FrameColumns._fields),
}


class IndexDamaged(Exception):
    """An index file is not what was written; it must be built anew."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the index {path} is damaged")
        self.path = path


class IndexHeader(Struct, frozen=True):
    """The first line of an index file."""

    index: int
    order: str
    """Byte order of the numbers."""
    log_id: str
    first: int
    """First position of the segment."""
    last: int
    """Its last one."""
    bytes: int
    """Size of the segment."""
    final: tuple[int, int]
    """Offset and stamp of its last frame: an index is not used for a segment that ends otherwise."""
    known: int
    """How many threads there were before it."""
    sections: dict[str, tuple[int, int, int]]
    """Offset, length and CRC-32 of each section."""


class ThreadStates(Struct, frozen=True):
    """Columns of `Threads` as they were at a segment's end."""

    last_seq: array[int]
    flags: bytes
    created_us: array[int]


def encode_index(index: OpenIndex, threads: ThreadStates, log_id: str, first: int, last: int, size: int) -> bytes:
    """The index file of a segment that holds the positions `first` to `last` in `size` bytes."""
    rows = sorted(index.chunks)
    chunks, entries = _encode_chunks(index, rows)
    tenants: dict[str, int] = {}
    named = array("I", (tenants.setdefault(tenant, len(tenants)) for tenant, _ in index.names))
    headed = sorted(index.heads)
    spans, heads = _encode_heads(index, headed)
    frames = index.frames()
    return _assemble(
        IndexHeader(FORMAT, sys.byteorder, log_id, first, last, size, frames.last, index.known, {}),
        {
            "rows": array("I", rows).tobytes(),
            "seqs": array("Q", (threads.last_seq[row] for row in rows)).tobytes(),
            "flags": bytes(threads.flags[row] for row in rows),
            "tenants": msgspec.json.encode(list(tenants)),
            "named": named.tobytes(),
            "names": msgspec.json.encode([thread for _, thread in index.names]),
            "created": threads.created_us[index.known : index.known + len(index.names)].tobytes(),
            "headed": array("I", headed).tobytes(),
            "owners": msgspec.json.encode([index.heads[row].owner for row in headed]),
            "spans": spans,
            "heads": heads,
            "chunks": chunks,
            "entries": entries,
            "firsts": frames.firsts.tobytes(),
            "offsets": frames.offsets.tobytes(),
            "stamps": frames.stamps.tobytes(),
        },
    )


def _encode_chunks(index: OpenIndex, rows: Iterable[int]) -> tuple[bytes, bytes]:
    records, parts, start = [], [], 0
    for row in rows:
        chunk = index.chunks[row]
        data = chunk.entries.tobytes()
        count = len(chunk.entries) // ENTRY
        check = crc32(data, crc32(_CHUNK.pack(chunk.base, chunk.previous, start, count, row)))
        records.append(_CHUNK.pack(chunk.base, chunk.previous, start, count, check))
        parts.append(data)
        start += count
    return b"".join(records), b"".join(parts)


def _encode_heads(index: OpenIndex, rows: Iterable[int]) -> tuple[bytes, bytes]:
    spans, parts, start = array("I"), [], 0
    for row in rows:
        data = msgspec.json.encode(index.heads[row])
        spans.extend((start, len(data), crc32(data)))
        parts.append(data)
        start += len(data)
    return spans.tobytes(), b"".join(parts)


def _assemble(header: IndexHeader, sections: dict[str, bytes]) -> bytes:
    places, offset = {}, _WIDTH
    for name, data in sections.items():
        places[name] = (offset, len(data), crc32(data))
        offset += len(data)
    text = msgspec.json.encode(msgspec.structs.replace(header, sections=places)).decode()
    return seal_line(text.removesuffix("}"), _WIDTH) + b"".join(sections.values())


class SealedIndex:
    """The index of a sealed segment, most of it left on disk."""

    def __init__(self, handles: Handles, path: str) -> None:
        self._handles = handles
        self._path = path
        self.header = load_header(handles, path)
        self._rows = self._numbers("I", "rows")
        self._headed = self._numbers("I", "headed")

    def chunk(self, row: int) -> Chunk | None:
        at = _find(self._rows, row)
        if at is None:
            return None
        record = self._read("chunks", at * _CHUNK.size, _CHUNK.size)
        base, previous, start, count, check = _CHUNK.unpack(record)
        data = self._read("entries", start * ENTRY * 4, count * ENTRY * 4)
        if check != crc32(data, crc32(_CHUNK.pack(base, previous, start, count, row))):
            raise IndexDamaged(self._path)
        return Chunk(base, previous, array("I", data))

    def head(self, row: int) -> ThreadHead | None:
        at = _find(self._headed, row)
        if at is None:
            return None
        start, size, check = array("I", self._read("spans", at * 12, 12))
        data = self._read("heads", start, size)
        if crc32(data) != check:
            raise IndexDamaged(self._path)
        return msgspec.json.decode(data, type=ThreadHead)

    def frames(self) -> FrameColumns:
        return FrameColumns(*(self._numbers("I", name) for name in FrameColumns._fields))

    def load_into(self, threads: Threads, ordinal: int) -> None:
        """Bring `threads` from where it was before this segment to where it was at its end.

        Listings are not touched: they are built once all segments are loaded.
        """
        if self.header.known != len(threads):
            raise IndexDamaged(self._path)
        # All is read and checked before any of it is used: a damaged index must leave `threads` as it was.
        tenants = msgspec.json.decode(self._section("tenants"), type=list[str])
        names = msgspec.json.decode(self._section("names"), type=list[str])
        named, created = self._numbers("I", "named"), self._numbers("Q", "created")
        seqs, flags = self._numbers("Q", "seqs"), self._section("flags")
        self._section("owners")
        for tenant, thread, created_us in zip(named, names, created, strict=True):
            threads.add(tenants[tenant], thread, created_us)
        last_seq, all_flags, newest = threads.last_seq, threads.flags, threads.newest
        for row, seq, flag in zip(self._rows, seqs, flags, strict=True):
            last_seq[row] = seq
            all_flags[row] = flag
            newest[row] = ordinal + 1
        for row in self._headed:
            threads.head_at[row] = ordinal + 1

    def owners(self) -> Iterable[tuple[int, str | None]]:
        """The owner of each thread whose head changed here, as of the segment's end."""
        owners = msgspec.json.decode(self._section("owners"), type=list[str | None])
        return zip(self._headed, owners, strict=True)

    def verify(self) -> None:
        """Check every section.

        Raises:
            IndexDamaged: one is not whole.
        """
        for name in self.header.sections:
            self._section(name)

    def _read(self, section: str, offset: int, size: int) -> bytes:
        start, length, _ = self.header.sections[section]
        data = self._handles.read(self._path, size, start + offset) if offset + size <= length else b""
        if len(data) != size:
            raise IndexDamaged(self._path)
        return data

    def _section(self, name: str) -> bytes:
        _, length, check = self.header.sections[name]
        data = self._read(name, 0, length)
        if crc32(data) != check:
            raise IndexDamaged(self._path)
        return data

    def _numbers(self, code: str, name: str) -> array[int]:
        return array(code, self._section(name))


def load_header(handles: Handles, path: str) -> IndexHeader:
    """What an index file says first.

    Raises:
        IndexDamaged: it is not whole.
        OSError: it cannot be read.
    """
    line = handles.read(path, _WIDTH, 0)
    if not is_sealed_line(line, _WIDTH):
        raise IndexDamaged(path)
    try:
        header = msgspec.json.decode(line, type=IndexHeader)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise IndexDamaged(path) from None
    if header.index != FORMAT or header.order != sys.byteorder or set(header.sections) != _SECTIONS:
        raise IndexDamaged(path)
    size = handles.size(path)
    if any(start < 0 or length < 0 or start + length > size for start, length, _ in header.sections.values()):
        raise IndexDamaged(path)
    return header


def sealed_last(handles: Handles, path: str, log_id: str, first: int) -> int:
    """The last position of a segment by its index `path`; 0 where there is no whole index of that segment."""
    try:
        header = load_header(handles, path)
    except (OSError, IndexDamaged):
        return 0
    return header.last if (header.log_id, header.first) == (log_id, first) else 0


def sealed_frames(handles: Handles, path: str, log_id: str, first: int, last: int) -> dict[int, int]:
    """What the index `path` says of the frames of its segment: the stamp of each by its first position.

    Empty where there is no whole index of that segment.
    """
    try:
        index = SealedIndex(handles, path)
        if (index.header.log_id, index.header.first, index.header.last) != (log_id, first, last):
            return {}
        frames = index.frames()
    except (OSError, IndexDamaged):
        return {}
    return {first + at: stamp for at, stamp in zip(frames.firsts, frames.stamps, strict=True)}


def _find(rows: array[int], row: int) -> int | None:
    at = bisect_left(rows, row)
    return at if at < len(rows) and rows[at] == row else None
