"""Reading files as text: in blocks, bounded, binary ones told apart."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator

from msgspec import Struct

from threadlog.agents.folder.root import FolderError, Root
from threadlog.agents.folder.work import FolderBounds, Work

_BLOCK = 256 * 1024
_MAX_LINE = 64 * 1024
"""Longer lines come in pieces, so that a file without line breaks cannot fill the memory."""


class Measure(Struct, frozen=True):
    """How much text a file holds."""

    lines: int = 0
    """A last line without a line break counts."""
    words: int = 0
    """Runs of characters without white space."""
    characters: int = 0
    partial: bool = False
    """A bound was reached: there is more."""


class BinaryFile(FolderError):
    """The file holds bytes that are no text."""


class Reader:
    """Gives the lines of text files of one root.

    After a file has been read to its end or to a bound, `partial` says which of the two.
    """

    def __init__(self, root: Root, work: Work, bounds: FolderBounds) -> None:
        self._root, self._work, self._bounds = root, work, bounds
        self.partial = False

    def lines(self, path: str) -> Iterator[str]:
        """The lines of a file, without their line ends; the last one only if it is not empty.

        Raises:
            BinaryFile: it is no text.
            FolderError: it cannot be read.
            Stopped: the work was told to stop.
        """
        self.partial = False
        rest = ""
        for text in self._texts(path):
            # Only "\n" ends a line: str.splitlines would also split at form feeds and Unicode separators.
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                yield line.removesuffix("\r")
            if len(rest) > _MAX_LINE:
                yield rest
                rest = ""
        if rest:
            yield rest.removesuffix("\r")

    def measure(self, path: str) -> Measure:
        """Count what a file holds.

        Raises:
            BinaryFile: it is no text.
            FolderError: it cannot be read.
            Stopped: the work was told to stop.
        """
        self.partial = False
        breaks = words = characters = 0
        end = "\n"
        for text in filter(None, self._texts(path)):
            breaks += text.count("\n")
            characters += len(text)
            words += len(text.split())
            if not (end.isspace() or text[0].isspace()):
                words -= 1
            end = text[-1]
        return Measure(lines=breaks + (end != "\n"), words=words, characters=characters, partial=self.partial)

    def _texts(self, path: str) -> Iterator[str]:
        with self._root.file(path) as fd:
            block = os.read(fd, _BLOCK)
            decoder = _decoder(block, path)
            read = 0
            while block:
                self._work.check()
                read += len(block)
                yield decoder.decode(block)
                if self._work.late or read >= self._bounds.file_bytes:
                    self.partial = os.fstat(fd).st_size > read
                    return
                block = os.read(fd, _BLOCK)
            yield decoder.decode(b"", final=True)


def _decoder(start: bytes, path: str) -> codecs.IncrementalDecoder:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")(errors="replace")
    if is_binary(start):
        raise BinaryFile(f"“{path}” is a binary file and not text, so I cannot read it.")
    return codecs.getincrementaldecoder("utf-8-sig")(errors="replace")


def is_binary(start: bytes) -> bool:
    """Whether the first bytes of a file are not text: a zero byte, or mostly control characters."""
    if b"\0" in start:
        return True
    sample = start[:4096]
    odd = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\x08" for byte in sample)
    return odd * 10 > len(sample)
