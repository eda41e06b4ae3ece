"""Every log that comes with threadlog keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from file.seam import FAULTS, failing
from threadlog.log import Capability, Durability, EventLog, LogURL, MemoryLog, OpenOptions, find_plugin
from threadlog.testing import Backend, EventLogConformance


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


@pytest.mark.timeout(600)
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
            fault=failing,
            faults=FAULTS,
        )


class TestMemory(EventLogConformance):
    """The reference implementation."""

    @pytest.fixture
    def backend(self) -> Backend:
        """A backend of its own for each test."""
        return memory_backend()
