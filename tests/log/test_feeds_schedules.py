"""Feeds under schedules that nobody would think of: every subscriber sees exactly the log's order, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates import GatedLog, library_tasks, one, turns
from threadlog.log import (
    START,
    Append,
    Batch,
    Committer,
    Cursor,
    Event,
    FeedBounds,
    Feeds,
    LogError,
    OutcomeUnknown,
    ShardCursor,
    TenantCursor,
)
from threadlog.log.feeds import SHARD_START, TENANT_START

pytestmark = pytest.mark.anyio

TENANTS = ("acme", "other")
THREADS = ("thr_1", "thr_2")

BOUNDS = st.builds(
    FeedBounds,
    ring_events=st.integers(1, 6),
    ring_bytes=st.sampled_from([1, 3000, 100_000]),
    page_events=st.integers(1, 5),
    watch_pause=st.just(0.0),
    pace_each=st.sampled_from([0.0, 0.002]),
    pace_most=st.just(0.002),
)
STEPS = st.lists(
    st.sampled_from(
        ["own", "own", "elsewhere", "race", "lost", "blind", "sight", "join", "step", "step", "step", "leave", "turns"]
    ),
    min_size=10,
    max_size=80,
)


@dataclass
class Subscriber:
    """A feed that is read step by step, and what it must show."""

    feed: AsyncGenerator[Batch, None]
    shows: tuple[str | None, str | None]
    after: int
    """Position of the event behind which it begins."""
    events: list[Event] = field(default_factory=list)
    pending: asyncio.Task[Batch] | None = None

    def step(self) -> None:
        """Ask for the next batch, or take it if it is there."""
        if self.pending is None:
            self.pending = asyncio.create_task(anext(self.feed))  # type: ignore[arg-type]
        elif self.pending.done():
            self.events += self.pending.result().events
            self.pending = None

    async def finish(self, count: int) -> None:
        """Read until it has so many events."""
        while len(self.events) < count:
            self.step()
            if self.pending is not None:
                await asyncio.wait([self.pending])

    async def leave(self) -> None:
        """Be cancelled where it stands, and close."""
        if self.pending is not None:
            self.pending.cancel()
            await asyncio.wait([self.pending])
        await self.feed.aclose()

    def of(self, log: list[Event]) -> list[Event]:
        """What of the log it must show."""
        tenant, thread = self.shows
        return [
            event
            for event in log
            if event.position > self.after and tenant in (None, event.tenant) and thread in (None, event.thread_id)
        ]


class World:
    """A log that two processes write, and its subscribers in one of them."""

    def __init__(self, log: GatedLog, committer: Committer, feeds: Feeds, seed: int) -> None:
        self.log, self.committer, self.feeds = log, committer, feeds
        self._chance = random.Random(seed)
        self._sight = log.hold("waited")
        self._sight.open()
        self.subscribers: list[Subscriber] = []
        self.gone: list[Subscriber] = []
        self._appended = 0

    async def events(self) -> list[Event]:
        """All of the log."""
        return list((await self.log.read_shard(0, limit=100_000)).events)

    async def do(self, step: str) -> None:
        """Make one step of the schedule."""
        match step:
            case "own":
                await self.committer.append(self._append())
            case "elsewhere":
                await self.log.append(0, [self._append()])
            case "race":
                await asyncio.gather(self.log.append(0, [self._append()]), self.committer.append(self._append()))
            case "lost":
                self.log.fail("appended", ConnectionError("lost"))
                with pytest.raises(OutcomeUnknown):
                    await self.committer.append(self._append())
            case "blind":
                self._sight.open()
                self._sight = self.log.hold("waited")
            case "sight":
                self._sight.open()
            case "turns":
                await turns(self._chance.randrange(20))
            case "join":
                await self._join()
            case _:
                await self._move(step)

    async def _move(self, step: str) -> None:
        if not self.subscribers:
            return
        subscriber = self._chance.choice(self.subscribers)
        if step == "step":
            subscriber.step()
        else:
            self.subscribers.remove(subscriber)
            self.gone.append(subscriber)
            await subscriber.leave()

    def _append(self) -> Append:
        self._appended += 1
        tenant, thread = self._chance.choice(TENANTS), self._chance.choice(THREADS)
        return one(f"{self._appended}", tenant=tenant, thread=thread, events=self._chance.randrange(1, 5))

    async def _join(self) -> None:
        tenant, thread = self._chance.choice(TENANTS), self._chance.choice(THREADS)
        shows = self._chance.choice([(tenant, thread), (tenant, None), (None, None)])
        seen = Subscriber(self.feeds.thread(tenant, thread), shows, 0).of(await self.events())
        last = self._chance.choice([None, *seen])
        match shows:
            case (None, None):
                feed = self.feeds.shard(0, after=ShardCursor.of(last) if last else SHARD_START)
            case (_, None):
                feed = self.feeds.tenant(tenant, after=TenantCursor.of(last) if last else TENANT_START)
            case _:
                feed = self.feeds.thread(tenant, thread, after=Cursor.of(last) if last else START)
        self.subscribers.append(Subscriber(feed, shows, last.position if last else 0))


@settings(max_examples=400, deadline=None)
@given(bounds=BOUNDS, steps=STEPS, seed=st.integers(0, 2**32))
async def test_every_subscriber_sees_the_logs_order_once(bounds: FeedBounds, steps: list[str], seed: int) -> None:
    """However commits, foreign writes, lost answers, reads, stalls and leaving interleave."""
    async with (
        GatedLog() as log,
        Feeds(log, bounds=bounds) as feeds,
        Committer(log, on_commit=feeds.publish) as committer,
    ):
        world = World(log, committer, feeds, seed)
        for step in [*steps, "sight"]:
            await world.do(step)
        events = await world.events()
        for subscriber in world.subscribers:
            expected = subscriber.of(events)
            await subscriber.finish(len(expected))
            assert subscriber.events == expected
            await subscriber.leave()
        for subscriber in world.gone:
            assert subscriber.events == subscriber.of(events)[: len(subscriber.events)]
        assert feeds.stats.channels == 0
    assert library_tasks() == set()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), bounds=BOUNDS)
async def test_subscribers_come_and_go_while_many_write(seed: int, bounds: FeedBounds) -> None:
    """With real concurrency of writers, foreign writers and readers that reconnect with their last cursor."""
    chance = random.Random(seed)

    async def write(committer: Committer, writer: int) -> None:
        for number in range(15):
            append = one(f"{writer}.{number}", thread=f"thr_{writer % 3}", events=chance.randrange(1, 4))
            if writer % 4 == 0:
                await log.append(0, [append])
            else:
                await committer.append(append)
            await turns(chance.randrange(5))

    async def view(feeds: Feeds, thread: str) -> list[Event]:
        seen: list[Event] = []
        while not (seen and seen[-1].append_id == "end"):
            feed = feeds.thread("acme", thread, after=Cursor.of(seen[-1]) if seen else START)
            for _ in range(chance.randrange(1, 5)):
                seen += (await anext(feed)).events
                await turns(chance.randrange(10))
                if seen[-1].append_id == "end":
                    break
            await feed.aclose()
        return seen

    async with (
        GatedLog() as log,
        Feeds(log, bounds=bounds) as feeds,
        Committer(log, on_commit=feeds.publish) as committer,
    ):
        viewers = [asyncio.create_task(view(feeds, f"thr_{number % 3}")) for number in range(9)]
        await asyncio.gather(*(write(committer, writer) for writer in range(8)))
        for thread in range(3):
            await committer.append(one("end", thread=f"thr_{thread}"))
        for number, seen in enumerate(await asyncio.gather(*viewers)):
            page = await log.read_thread("acme", f"thr_{number % 3}", limit=1000)
            assert tuple(seen) == page.events
    assert library_tasks() == set()


async def test_a_reader_that_asks_for_what_the_log_lost_is_told() -> None:
    """When a read fails in the middle, the subscriber goes on from its cursor and has every event once."""
    async with GatedLog() as log, Feeds(log, bounds=FeedBounds(page_events=2)) as feeds:
        await log.append(0, [one(f"{number}") for number in range(10)])
        seen: list[Event] = []
        log.fail("read", *(LogError("no answer.") for _ in range(3)))
        failures = 0
        while len(seen) < 10:
            try:
                async for batch in feeds.thread("acme", "thr_1", after=Cursor.of(seen[-1]) if seen else START):
                    seen += batch.events
                    if len(seen) == 10:
                        break
                    if len(seen) % 4 == 0:
                        log.fail("read", LogError("no answer."))
            except LogError:
                failures += 1
        assert failures >= 3
        assert [event.seq for event in seen] == list(range(1, 11))
