"""Files of JSON lines: read with how far the reading is, and written all or nothing."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple

from threadlog.exchange import bounded_lines
from threadlog.model import ThreadlogError

STDIN = "-"


class BrokenFile(ThreadlogError):
    """A file ends too early or is damaged."""


class Line(NamedTuple):
    """One line that is not blank."""

    file: str
    number: int
    """From 1."""
    text: bytes
    read: int
    """Bytes of the file that were read so far, as they lie on the disk."""

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file}:{self.number}"


def read_lines(file: str) -> Iterator[Line]:
    """The lines of a file that are not blank; ``-`` is stdin, and what begins as gzip is unpacked.

    Raises:
        OSError: the file cannot be read.
        BrokenFile: it is gzipped, and cut off or damaged.
    """
    try:
        with _raw(file) as raw, _unpacked(raw) as text:
            for number, line in enumerate(bounded_lines(text), 1):
                if line.strip():
                    yield Line(file, number, line, 0 if file == STDIN else raw.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BrokenFile(f"{file} is no whole gzip file ({error}); get it again.") from error


def size_of(file: str) -> int:
    """Bytes of a file; 0 for stdin.

    Raises:
        OSError: there is no such file.
    """
    return 0 if file == STDIN else os.stat(file).st_size


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when it is whole and on the disk, and not before.

    What is no ordinary file (a pipe, a terminal, /dev/null) is written as it is.

    Raises:
        OSError: it cannot be written; what stood at `path` stays.
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise


def _raw(file: str) -> IO[bytes]:
    return open(sys.stdin.fileno(), "rb", closefd=False) if file == STDIN else open(file, "rb")


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    magic: bytes = raw.peek(2)[:2]  # type: ignore[attr-defined]
    return gzip.open(raw) if magic == b"\x1f\x8b" else raw  # type: ignore[return-value]
