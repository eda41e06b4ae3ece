"""Segments: the files that hold the frames of a shard, each named by its shard and its first position."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from threadlog_file.files import Files, replace_file
from threadlog_file.frames import FORMAT, is_sealed_line, seal_line, too_new
from threadlog_file.index import Index
from threadlog_file.manifest import Manifest

TITLE = 256
"""Bytes of a segment's first line; the first frame follows it."""

_NAME = re.compile(r"(0|[1-9][0-9]{0,4})-([0-9]{16})\.seg")
_SUM = re.compile("[0-9a-f]{8}").fullmatch


class Title(Struct, frozen=True):
    """What the first line of a segment says."""

    segment: int
    """Version of the format."""
    log_id: str
    shard: int
    shards: int
    first: int
    prev: str
    """The check of the last frame of the segment before it; zeros in the first one of a shard."""
    created_us: int

    @property
    def before(self) -> int:
        """`prev` as a number."""
        return int(self.prev, 16)


class _Version(Struct, frozen=True):
    segment: int


class Segment:
    """One segment as an open log knows it."""

    __slots__ = ("end", "first", "index", "last", "ordinal", "path")

    def __init__(self, folder: str, shard: int, first: int, ordinal: int, index: Index) -> None:
        self.first = first
        """Position of its first event."""
        self.ordinal = ordinal
        """Its number among the shard's segments, from 0."""
        self.path = segment_path(folder, shard, first)
        self.index = index
        self.end = TITLE
        """Where its last known frame ends, in bytes."""
        self.last = first - 1
        """Position of its last known event."""

    @property
    def name(self) -> str:
        """Its file name, for people."""
        return os.path.basename(self.path)


def segment_path(folder: str, shard: int, first: int) -> str:
    """Path of the segment of `shard` that begins with the position `first`."""
    return f"{folder}/{shard}-{first:016d}.seg"


def index_path(segment: str) -> str:
    """Path of the index beside a segment."""
    return segment.removesuffix(".seg") + ".idx"


def segments_in(names: Iterable[str], shard: int) -> list[int]:
    """First positions of a shard's segments among the names in a folder, ascending."""
    found = (_NAME.fullmatch(name) for name in names)
    return sorted(int(match[2]) for match in found if match and int(match[1]) == shard)


def shards_in(names: Iterable[str]) -> list[int]:
    """Numbers of the shards that have segments among the names in a folder, ascending."""
    found = (_NAME.fullmatch(name) for name in names)
    return sorted({int(match[1]) for match in found if match})


def is_segment(name: str) -> bool:
    """Whether a file of this name is a segment."""
    return _NAME.fullmatch(name) is not None


def create_segment(
    files: Files, folder: str, manifest: Manifest, shard: int, first: int, prev: int, frames: Iterable[bytes] = ()
) -> str:
    """Make a segment that holds `frames`, durably and as one step; returns its path."""
    path = segment_path(folder, shard, first)
    replace_file(files, path, b"".join((make_title(manifest, shard, first, prev), *frames)))
    return path


def make_title(manifest: Manifest, shard: int, first: int, prev: int) -> bytes:
    """The first line of a new segment.

    Args:
        prev: `FrameHeader.tie` of the last frame of the segment before it, 0 in the first one of a shard.
    """
    line = (
        f'{{"segment":{FORMAT},"log_id":"{manifest.log_id}","shard":{shard},"shards":{manifest.shards}'
        f',"first":{first},"prev":"{prev:08x}","created_us":{time.time_ns() // 1000}'
    )
    return seal_line(line, TITLE)


def parse_title(line: bytes, segment: str = "a segment") -> Title | None:
    """The title in the first `TITLE` bytes of a segment; None if that is no whole title.

    Args:
        segment: the name of the file, for the error.

    Raises:
        FormatTooNew: it is whole, and of a newer format.
    """
    if not is_sealed_line(line, TITLE):
        return None
    try:
        version = msgspec.json.decode(line, type=_Version).segment
        if version > FORMAT:
            raise too_new(f"{segment} is", version)
        title = msgspec.json.decode(line, type=Title)
        return title if _SUM(title.prev) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
