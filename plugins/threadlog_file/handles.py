"""Open descriptors of segment and index files: as many as are in use, and no more than a bound."""

from __future__ import annotations

import os
from collections import OrderedDict

from threadlog_file.files import Files, read_all

MOST = 64
"""A log of a thousand segments must not use up what the process may open."""


class Handles:
    """Reads files by path and keeps the descriptors of those read last."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._open: OrderedDict[str, int] = OrderedDict()

    def read(self, path: str, size: int, offset: int) -> bytes:
        """`size` bytes from `offset`, or what there is up to the end of the file."""
        return read_all(self._files, self.get(path), size, offset)

    def read_file(self, path: str) -> bytes:
        """The whole content of a file."""
        return self.read(path, self.size(path), 0)

    def get(self, path: str) -> int:
        """A descriptor for reading, good until the next call."""
        fd = self._open.get(path)
        if fd is not None:
            self._open.move_to_end(path)
            return fd
        fd = self._open[path] = self._files.open(path, os.O_RDONLY)
        if len(self._open) > MOST:
            self._files.close(self._open.popitem(last=False)[1])
        return fd

    def size(self, path: str) -> int:
        """Size of a file in bytes."""
        return self._files.size(self.get(path))

    def forget(self, path: str) -> None:
        """Close the descriptor of a file that has been replaced or removed."""
        fd = self._open.pop(path, None)
        if fd is not None:
            self._files.close(fd)

    def close(self) -> None:
        """Close all."""
        while self._open:
            self._files.close(self._open.popitem()[1])
