"""The watermark: how far each shard is on stable storage and acknowledged, for recovery and for other processes.

It is a small mapped file. The writer moves it after the flush and before the acknowledgement, so it outlives a SIGKILL
and is never ahead of the disk. Each shard has two slots, written in turn, each with its own check: whoever reads while
one is being written takes the other. A power cut may leave an old one, never a wrong one.
"""

from __future__ import annotations

import errno
import os
import struct
from zlib import crc32

from msgspec import Struct

from threadlog.log import LogCorrupt
from threadlog_file.files import Files, Page, read_all, replace_file, write_all
from threadlog_file.frames import FrameHeader

NAME = "WATERMARK"
_TITLE = b"threadlog watermark 1\n"
_SECTOR = 512
"""The title and each slot have a disk sector of their own, the unit that a power cut leaves whole."""
_MARK = struct.Struct("<QQQQII")
_CHECK = struct.Struct("<I")
_SLOT = _MARK.size + _CHECK.size


class Mark(Struct, frozen=True, gc=False):
    """How far a shard is durable."""

    position: int = 0
    """Last acknowledged position."""
    segment: int = 0
    """First position of the segment that holds it; 0 while there is none."""
    offset: int = 0
    """Where in that segment the next frame goes."""
    start: int = 0
    """Where in that segment its last frame begins; 0 where it holds none, or that is not known."""
    tie: int = 0
    """What the next frame says of the last one (see `FrameHeader.tie`), in whichever segment that is."""
    before: int = 0
    """What the last frame says of the one before it."""

    @property
    def said(self) -> int | None:
        """What it says of the last frame; None where it says nothing of one."""
        return self.tie if self.start else None

    @classmethod
    def behind(cls, segment: int, offset: int, header: FrameHeader) -> Mark:
        """The mark behind the frame that begins at `offset`."""
        return cls(header.last, segment, offset + header.size, offset, header.tie, header.before)


class Watermark:
    """The mapped file of one log."""

    def __init__(self, files: Files, path: str, shards: int, *, writable: bool) -> None:
        self._path = f"{path}/{NAME}"
        self._shards = shards
        try:
            fd = files.open(self._path, os.O_RDWR if writable else os.O_RDONLY)
        except FileNotFoundError:
            raise _damaged("bytes 0-0", "missing") from None
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise _damaged("bytes 0-0", "no file") from error
        try:
            _check_title(files, fd, shards)
            self._page: Page = files.map(fd, file_size(shards), writable=writable)
        finally:
            files.close(fd)
        self._turn = [self._newest(shard) for shard in range(shards)]

    def load(self, shard: int) -> Mark:
        """Where the shard is durable now, whichever process moved it.

        Raises:
            LogCorrupt: neither slot is whole.
        """
        for _ in range(100):
            found = [mark for turn in (0, 1) if (mark := self._slot(shard, turn)) is not None]
            if found:
                return max(found, key=lambda mark: mark.position)
        raise _damaged(slots_of(shard).removeprefix(f"{NAME} "))

    def damaged(self, shard: int) -> list[str]:
        """Places of the shard's marks that are not whole: a power cut may leave one so, and the other one counts."""
        torn = [0, 1]
        for _ in range(100):  # a writer may be storing one just now
            torn = [turn for turn in torn if self._slot(shard, turn) is None]
        return [f"{NAME} bytes {_place(shard, turn)}-{_place(shard, turn) + _SLOT - 1}" for turn in torn]

    def move(self, shard: int, mark: Mark) -> None:
        """Say that everything up to `mark` is durable."""
        turn = self._turn[shard] = 1 - self._turn[shard]
        self._page.store(_place(shard, turn), _pack(mark))

    def close(self) -> None:
        """Unmap the file."""
        self._page.close()

    def _newest(self, shard: int) -> int:
        """The slot that was written last; the other one is written next."""
        first, second = self._slot(shard, 0), self._slot(shard, 1)
        return int(first is None or (second is not None and second.position > first.position))

    def _slot(self, shard: int, turn: int) -> Mark | None:
        data = self._page.load(_place(shard, turn), _SLOT)
        mark = Mark(*_MARK.unpack_from(data))
        return mark if data == _pack(mark) else None


def slots_of(shard: int) -> str:
    """Where the shard's marks lie, for people."""
    return f"{NAME} bytes {_place(shard, 0)}-{_place(shard, 1) + _SLOT - 1}"


def create_watermark(files: Files, path: str, marks: list[Mark]) -> None:
    """Make the file, durably, with one mark per shard."""
    replace_file(files, f"{path}/{NAME}", _content(marks))


def rewrite_watermark(files: Files, path: str, marks: list[Mark]) -> None:
    """Write the file anew in its place, so that processes that have it mapped see it."""
    fd = files.open(f"{path}/{NAME}", os.O_RDWR | os.O_CREAT)
    try:
        files.truncate(fd, file_size(len(marks)))
        write_all(files, fd, _content(marks), 0)
        files.flush(fd)
    finally:
        files.close(fd)
    files.flush_dir(path)


def _content(marks: list[Mark]) -> bytes:
    data = bytearray(file_size(len(marks)))
    data[: len(_TITLE)] = _TITLE
    for shard, mark in enumerate(marks):
        for turn in (0, 1):
            place = _place(shard, turn)
            data[place : place + _SLOT] = _pack(mark)
    return bytes(data)


def file_size(shards: int) -> int:
    """Size of the file in bytes: whole pages."""
    return -(-(_SECTOR * (1 + 2 * shards)) // 4096) * 4096


def _check_title(files: Files, fd: int, shards: int) -> None:
    if files.size(fd) != file_size(shards):
        raise _damaged(f"bytes 0-{files.size(fd)}")
    if read_all(files, fd, len(_TITLE), 0) != _TITLE:
        raise _damaged(f"bytes 0-{len(_TITLE) - 1}")


def _damaged(place: str, how: str = "damaged") -> LogCorrupt:
    return LogCorrupt(
        f"the file {NAME} is {how}; `threadlog verify` says what is whole, `threadlog repair` writes it anew.",
        f"{NAME} {place}",
    )


def _place(shard: int, turn: int) -> int:
    return _SECTOR * (1 + 2 * shard + turn)


def _pack(mark: Mark) -> bytes:
    data = _MARK.pack(mark.position, mark.segment, mark.offset, mark.start, mark.tie, mark.before)
    return data + _CHECK.pack(crc32(data))
