"""Reading feeds in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from gates import GatedLog, one
from threadlog.log import Appended, Batch, Committer, Event, Feeds


class Reader:
    """A subscriber that notes what it gets."""

    def __init__(self, feed: AsyncGenerator[Batch, None]) -> None:
        self.batches: list[Batch] = []
        self._feed = feed
        self.task = asyncio.create_task(self._read())

    @property
    def events(self) -> list[Event]:
        """Everything so far, in the order in which it came."""
        return [event for batch in self.batches for event in batch.events]

    @property
    def names(self) -> list[str]:
        """The append ids of what came so far."""
        return [event.append_id for event in self.events]

    async def stop(self) -> None:
        """Cancel the reader, as a server does with the viewer of a lost connection."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _read(self) -> None:
        async for batch in self._feed:
            self.batches.append(batch)


async def take(feed: AsyncGenerator[Batch, None], count: int) -> list[Event]:
    """The next events of a feed, at least `count` of them."""
    events: list[Event] = []
    while len(events) < count:
        events += (await anext(feed)).events
    return events


def seqs(events: Sequence[Event]) -> list[int]:
    """Their seqs."""
    return [event.seq for event in events]


@dataclass
class House:
    """A log with a committer and feeds."""

    log: GatedLog
    committer: Committer
    feeds: Feeds
    appended: int = 0

    async def add(self, count: int = 1, *, thread: str = "thr_1", tenant: str = "acme", events: int = 1) -> list[Event]:
        """Append through the committer, one call after the other."""
        stored: list[Event] = []
        for _ in range(count):
            self.appended += 1
            append = one(f"a{self.appended}", thread=thread, tenant=tenant, events=events)
            outcome = await self.committer.append(append)
            assert isinstance(outcome, Appended)
            stored += outcome.events
        return stored

    async def add_elsewhere(self, *, thread: str = "thr_1", tenant: str = "acme") -> None:
        """Append behind the feeds' back, as another process does."""
        self.appended += 1
        shard = self.log.shard_of(tenant)
        await self.log.append(shard, [one(f"a{self.appended}", thread=thread, tenant=tenant)])
