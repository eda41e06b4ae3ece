"""Where one test works: it opens logs, and closes them all at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pytest

from threadlog.log import Capability, Durability, EventLog, LogClosed, LogError, OpenOptions
from threadlog.testing.backend import Backend
from threadlog.testing.child import Job
from threadlog.testing.children import Child, Nursery
from threadlog.testing.failures import ClauseBroken


class Lab:
    """Opens logs of one backend at places that no other test uses."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.patience = backend.patience
        self._run = uuid4().hex[:8]
        self._stack = AsyncExitStack()
        self._places: dict[EventLog, str] = {}
        self._nursery: Nursery | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def make(self, place: str = "log", **options: Any) -> EventLog:
        """A log that is not opened; `options` as in `OpenOptions`."""
        log = await self.backend.make(f"{place}-{self._run}", OpenOptions(**options))
        self._places[log] = place
        return log

    async def open(self, place: str = "log", **options: Any) -> EventLog:
        """An open log, empty when the place is used for the first time.

        Raises:
            ClauseBroken: it cannot be made or opened, whatever the error (L1).
        """
        try:
            return await self.try_open(place, **options)
        except Exception as error:
            raise ClauseBroken("L1", f"a log cannot be made and opened: {error!r}") from error

    async def try_open(self, place: str = "log", **options: Any) -> EventLog:
        """As `open`, with the log's own error where it cannot be opened, which may be as it should."""
        log = await self.make(place, **options)
        await log.open()
        self._stack.push_async_callback(_close, log)
        return log

    async def open_reader(self, place: str = "log") -> EventLog:
        """A log opened for reading, beside the one that writes.

        Skips the test where that fails (L1 has a test for it).
        """
        self.need(Capability.OTHER_READERS)
        try:
            return await self.try_open(place, read_only=True)
        except LogError as error:
            pytest.skip(f"the log cannot be opened for reading, which is a matter of L1: {error}")

    async def reopen(self, log: EventLog, *, whole: bool = True, **options: Any) -> EventLog:
        """Close a log and open another at its place.

        Skips the test where a log keeps nothing; and, so that one fault does not fail the tests of every clause, where
        it cannot be opened again (L1 has tests for that) or (`whole`) has lost events (A7 has).
        """
        self.need(Capability.PERSISTENT)
        before = await _last_positions(log) if whole else []
        await _close(log)
        try:
            reopened = await self.try_open(self._places[log], **options)
        except LogError as error:
            pytest.skip(f"the log cannot be opened again, which is a matter of L1: {error}")
        if whole and await _last_positions(reopened) < before:
            pytest.skip("events are gone after reopening, which is a matter of A7")
        return reopened

    def need(self, capability: Capability) -> None:
        """Skip the test where the log does not claim a capability."""
        if capability not in self.backend.capabilities:
            pytest.skip(f"the log does not claim to be able to: {capability}")

    def need_durability(self, durability: Durability) -> None:
        """Skip the test where the log does not claim a level of durability."""
        if self.backend.durability < durability:
            pytest.skip(f"the log does not claim the durability {durability.name}")

    def need_children(self) -> None:
        """Skip the test where there is no way to open the log in another process."""
        if self.backend.address is None:
            pytest.skip("not run: the backend tells no `address` by which another process opens the log")

    @asynccontextmanager
    async def child(
        self, work: str, name: str, *, threads: tuple[str, ...], place: str = "log", read_only: bool = False
    ) -> AsyncIterator[Child]:
        """Another process, which has opened the log of a place and does its work once it is told to begin."""
        assert self.backend.address is not None
        if self._nursery is None:
            self._nursery = await self._stack.enter_async_context(Nursery())
        address = self.backend.address(f"{place}-{self._run}")
        job = Job(address, self.backend.factory, work, name, threads, read_only)
        async with Child(self._nursery, job) as child:
            yield child

    def lack(self, capability: Capability) -> None:
        """Skip the test where the log does claim a capability."""
        if capability in self.backend.capabilities:
            pytest.skip(f"the log claims to be able to: {capability}")


async def _close(log: EventLog) -> None:
    """Close a log unless it is closed: that it may be closed twice is a matter of one test, in L1."""
    try:
        _ = log.info
    except LogClosed:
        return
    await log.close()


async def _last_positions(log: EventLog) -> list[int]:
    return [(await log.read_shard(shard, limit=1)).last_position for shard in range(log.info.shards)]
