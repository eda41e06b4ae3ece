"""Every log that comes with threadlog keeps the contract."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from threadlog.log import Capability, Durability, EventLog, LogURL, MemoryLog, OpenOptions, find_plugin
from threadlog.testing import Backend, EventLogConformance
from threadlog.testing.suite import FaultTests
from threadlog_file import FileLog, Files


def memory_backend() -> Backend:
    """Logs in memory: a place is an object."""
    places: dict[str, EventLog] = {}

    async def make(place: str, options: OpenOptions) -> EventLog:
        if place not in places and options.create and not options.read_only:
            places[place] = MemoryLog(shards=options.shards or 1)
        if place not in places or options.read_only:
            return find_plugin("memory").make_log(LogURL("memory:"), options)
        return places[place]

    return Backend(make=make, durability=Durability.MEMORY, capabilities=frozenset({Capability.PERSISTENT}))


FILE = {Capability.PERSISTENT, Capability.OTHER_READERS}


class TestFile(EventLogConformance):
    """The embedded log, through its entry point."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Logs in folders of the test's own."""
        return Backend.of_url(
            lambda place: f"file:{tmp_path}/{place}",
            durability=Durability.DISK,
            capabilities=frozenset(FILE),
            examples=40,
        )


class FailingFiles(Files):
    """File operations of which, at a wish, all that write or flush fail."""

    failing = False

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write, or fail as a broken disk does."""
        self._check()
        return super().pwrite(fd, data, offset)

    def flush(self, fd: int) -> None:
        """Flush, or fail as a broken disk does."""
        self._check()
        super().flush(fd)

    def _check(self) -> None:
        if self.failing:
            raise OSError(errno.EIO, "input/output error")


class TestFileFaults(FaultTests):
    """The embedded log on a disk that fails."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Logs whose files can be made to fail, all at once."""
        files = FailingFiles()

        async def make(place: str, options: OpenOptions) -> EventLog:
            return FileLog(f"{tmp_path}/{place}", options, files=files)

        @contextmanager
        def fault(log: EventLog) -> Iterator[None]:
            files.failing = True
            yield
            files.failing = False

        return Backend(make=make, durability=Durability.DISK, capabilities=frozenset(FILE), fault=fault)


class TestMemory(EventLogConformance):
    """The reference implementation."""

    @pytest.fixture
    def backend(self) -> Backend:
        """A backend of its own for each test."""
        return memory_backend()
