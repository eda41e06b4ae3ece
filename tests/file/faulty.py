"""File operations that fail when they are told to, for tests of what a log does then."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from threadlog_file import Files

WRITES = ("pwrite", "flush", "flush_dir", "truncate", "rename", "link", "unlink", "mkdir")
"""Operations that change something."""


class HastyFiles(Files):
    """Files that are never flushed: for tests that open a log hundreds of times and cut no power."""

    def flush(self, fd: int) -> None:
        """Do nothing."""

    def flush_dir(self, path: str) -> None:
        """Do nothing."""


class FaultyFiles(HastyFiles):
    """File operations, each of which asks `judge` first, by name and number; what it returns is raised."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.judge: Callable[[str, int], OSError | None] = lambda name, number: None
        self.short = False
        """Make the next write take only half."""

    def _ask(self, name: str) -> None:
        self.calls.append(name)
        error = self.judge(name, len(self.calls))
        if error is not None:
            raise error

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write, or half of it."""
        self._ask("pwrite")
        if self.short:
            self.short = False
            data = bytes(data)[: max(1, len(data) // 2)]
        return super().pwrite(fd, data, offset)

    @contextmanager
    def failing(self, *names: str, code: int = errno.EIO) -> Iterator[None]:
        """A block in which these operations fail (by default all that change something)."""
        failing, before = names or WRITES, self.judge
        self.judge = lambda name, number: OSError(code, "made to fail") if name in failing else before(name, number)
        try:
            yield
        finally:
            self.judge = before


def _asking(name: str) -> Callable[..., Any]:
    def call(self: FaultyFiles, *args: Any, **options: Any) -> Any:
        self._ask(name)
        return getattr(HastyFiles, name)(self, *args, **options)

    return call


for _name in ("open", "pread", "flush", "flush_dir", "truncate", "rename", "link", "unlink", "mkdir", "names", "free"):
    setattr(FaultyFiles, _name, _asking(_name))
