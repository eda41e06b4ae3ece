"""The file log's seam for the conformance kit: the N-th operation on a file fails, in one of four ways."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from file.faulty import WRITES
from threadlog.log import EventLog
from threadlog.testing import Faults, NthCall
from threadlog_file import Files

OPERATIONS = ("open", "pread", "flush_dir", "truncate", "rename", "link", "unlink", "mkdir", "names", "free")


class _Seam:
    """Puts itself before the operations of all `Files`."""

    def __init__(self, call: NthCall) -> None:
        self._call = call
        self._unflushed: dict[int, list[tuple[int, bytes, int]]] = {}
        """By file: where a write went, what was there before, and how large the file was."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A block in which operations ask whether they fail."""
        with ExitStack() as stack:
            for name in OPERATIONS:
                stack.enter_context(mock.patch.object(Files, name, self._asking(name)))
            stack.enter_context(mock.patch.object(Files, "pwrite", self._pwrite()))
            stack.enter_context(mock.patch.object(Files, "flush", self._flush()))
            yield

    def _error(self) -> OSError:
        return OSError(errno.ENOSPC if self._call.kind == "full" else errno.EIO, "made to fail")

    def _asking(self, name: str) -> Callable[..., Any]:
        real = getattr(Files, name)

        def operation(files: Files, *arguments: Any) -> Any:
            if not self._call.strikes(name):
                return real(files, *arguments)
            if self._call.kind == "late" and name != "open":  # a descriptor that nobody was told of would leak
                real(files, *arguments)
            raise self._error()

        return operation

    def _pwrite(self) -> Callable[..., int]:
        real = Files.pwrite

        def pwrite(files: Files, fd: int, data: bytes | memoryview, offset: int) -> int:
            taken = len(data)
            struck = self._call.strikes("pwrite")
            if struck:
                taken = {"full": taken // 2, "late": taken}.get(self._call.kind, 0)
            before = os.pread(fd, taken, offset), os.fstat(fd).st_size
            self._unflushed.setdefault(fd, []).append((offset, *before))
            written = real(files, fd, bytes(data)[:taken], offset)
            if struck:
                raise self._error()
            return written

        return pwrite

    def _flush(self) -> Callable[..., None]:
        """A flush that fails has lost what was written since the last one, unless it is only told late."""
        real = Files.flush

        def flush(files: Files, fd: int) -> None:
            struck = self._call.strikes("flush")
            unflushed = self._unflushed.pop(fd, [])
            if not struck:
                return real(files, fd)
            if self._call.kind != "late":
                for offset, data, size in reversed(unflushed):
                    os.pwrite(fd, data, offset)
                    os.ftruncate(fd, size)
            raise self._error()

        return flush


@contextmanager
def failing(log: EventLog) -> Iterator[None]:
    """A block in which everything that changes a file fails, for all file logs."""

    def operation(files: Files, *arguments: Any) -> Any:
        raise OSError(errno.EIO, "made to fail")

    with ExitStack() as stack:
        for name in WRITES:
            stack.enter_context(mock.patch.object(Files, name, operation))
        yield


FAULTS = Faults(seam=lambda call: _Seam(call).applied(), kinds=("error", "full", "late"))
"""A file log's: nothing done; no room, after half of a write; or done, and said to have failed."""
