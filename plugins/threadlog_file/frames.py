"""Frames: the unit of writing. One frame holds what one call stored in one shard, all of it or nothing.

A frame is a header line of fixed width and then one JSON line per event (see `threadlog_file.lines`). Everything in
a segment is text, one JSON value a line, so that ``grep`` and ``jq`` work on the file as it is.
"""

from __future__ import annotations

import re
from zlib import crc32

import msgspec
from msgspec import Struct

from threadlog.log import FormatTooNew

FORMAT = 1
"""Version of everything that this plugin writes."""

HEADER = 192
"""Bytes of a frame's header line, its line break included."""

MARK = b'{"frame":'
"""How each frame begins; no event line begins so, and no line break stands inside a line."""


SHORTEST = 80
"""No event takes fewer bytes: the names of its fields alone are as many."""


_SUMS = re.compile("([0-9a-f]{8}){3,4}").fullmatch
"""How checks are written."""


class FrameHeader(Struct, frozen=True, gc=False):
    """What a frame says about itself."""

    frame: int
    """Version of the format."""
    shard: int
    first: int
    """Position of its first event."""
    count: int
    """Number of its events, at least 1."""
    durable: int
    """Position up to which the shard was on stable storage when this frame was written."""
    length: int
    """Bytes of what follows the header."""
    crc: str
    """CRC-32 of what follows the header, 8 hexadecimal digits."""
    prev: str
    """The check of the frame before it; zeros in the first one of a shard."""
    check: str
    """CRC-32 of the header before this field."""
    link: str = ""
    """Only where repair put the frame in place of another one: the check by which the next frame knows that one."""

    @property
    def possible(self) -> bool:
        """Whether a writer can have said this: a check that fits proves no sense."""
        if not _SUMS(self.crc + self.prev + self.check + self.link):
            return False
        return 0 <= self.durable < self.first and 1 <= self.count <= self.length // SHORTEST

    @property
    def stamp(self) -> int:
        """The check as a number. It covers the body's as well, so no other frame has it."""
        return int(self.check, 16)

    @property
    def tie(self) -> int:
        """What the next frame says in `prev`, as a number."""
        return int(self.link or self.check, 16)

    @property
    def before(self) -> int:
        """`prev` as a number."""
        return int(self.prev, 16)

    @property
    def last(self) -> int:
        """Position of its last event."""
        return self.first + self.count - 1

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return HEADER + self.length

    def fits(self, body: bytes) -> bool:
        """Whether `body` is what was written after this header."""
        return len(body) == self.length and crc32(body) == int(self.crc, 16)


class _Version(Struct, frozen=True):
    frame: int


_decode = msgspec.json.Decoder(FrameHeader).decode
_version = msgspec.json.Decoder(_Version).decode


def make_frame(
    shard: int, first: int, count: int, durable: int, body: bytes, prev: int = 0, link: int | None = None
) -> bytes:
    """A frame's bytes, ready to be written.

    Args:
        prev: `FrameHeader.tie` of the frame before it in the shard, 0 where there is none.
        link: what the next frame says of the one that this one stands for, where that is not this one's check.
    """
    line = (
        f'{{"frame":{FORMAT},"shard":{shard},"first":{first},"count":{count},"durable":{durable}'
        f',"length":{len(body)},"crc":"{crc32(body):08x}","prev":"{prev:08x}"'
    )
    if link is not None:
        line += f',"link":"{link:08x}"'
    return seal_line(line, HEADER) + body


def stamp_of(frame: bytes) -> int:
    """`FrameHeader.stamp` of a frame's bytes."""
    return int(frame[HEADER - len('00000000"}\n') : HEADER - len('"}\n')], 16)


def seal_line(line: str, width: int) -> bytes:
    """Pad an unfinished JSON object to `width` bytes and close it with the check of all that stands before."""
    tail = len(b',"check":"00000000"}\n')
    padded = line.encode().ljust(width - tail)
    if len(padded) != width - tail:
        raise ValueError(f"a header line of {len(padded) + tail} bytes is over {width}.")
    return padded + b',"check":"%08x"}\n' % crc32(padded)


def is_sealed_line(line: bytes, width: int) -> bool:
    """Whether `line` is what `seal_line` made."""
    padded = line[: width - len(b',"check":"00000000"}\n')]
    return len(line) == width and line == padded + b',"check":"%08x"}\n' % crc32(padded)


def parse_header(data: bytes, segment: str = "a segment") -> FrameHeader | None:
    """The frame header in the first `HEADER` bytes of `data`; None if that is no whole header.

    Args:
        segment: the name of the file that holds it, for the error.

    Raises:
        FormatTooNew: it is whole, and of a newer format.
    """
    line = data[:HEADER]
    if not line.startswith(MARK) or not is_sealed_line(line, HEADER):
        return None
    try:
        if _version(line).frame > FORMAT:
            raise too_new(f"{segment} holds frames", _version(line).frame)
        header = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return header if header.possible else None


def too_new(what: str, version: int) -> FormatTooNew:
    """The error of `what` has a higher format than this one."""
    return FormatTooNew(
        f"{what} of a newer format, {version}; this threadlog reads up to {FORMAT}: upgrade it. If no newer one has "
        "written here, that is no true line: move the file out of the folder and run `threadlog repair`."
    )


def is_filling(data: bytes) -> bool:
    """Whether what stands behind the last frame means nothing: line breaks, or zeros of a power cut."""
    return not data.strip(b"\n\0")
