"""Lines of a file of runs, read without ever holding more than one of bounded length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from threadlog.exchange.run import MAX_LINE_BYTES


def bounded_lines(file: IO[bytes], most: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    """The lines of a file, the blank ones included.

    Args:
        file: open for reading bytes; unpacking (`gzip.open`) is its own business.
        most: longest line in bytes. A longer one is given cut to one byte more, which `read_run` then refuses by
            name, and its rest is passed over.
    """
    while line := file.readline(most + 1):
        yield line
        while len(line) > most and not line.endswith(b"\n"):
            line = file.readline(most + 1)
