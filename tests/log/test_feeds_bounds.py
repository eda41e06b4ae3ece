"""What feeds hold in memory, and how often they wake their subscribers."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest

from following import House, Reader, seqs
from gates import GatedLog, one, turns, until
from threadlog.log import (
    Appended,
    Committer,
    Event,
    FeedBounds,
    Feeds,
    ShardPage,
    ThreadPage,
)
from threadlog.log.memory import MemoryLog

pytestmark = pytest.mark.anyio

SECONDS = 60
RATE = 1_000
DATA = b'{"delta":"' + b"x" * 180 + b'"}'


class Endless(MemoryLog):
    """A log of one thread that makes its events when they are read, so that it needs no memory itself."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.last = 0
        self._data = bytearray(data)

    def event(self, seq: int) -> Event:
        """The event of a seq, a new object each time."""
        return Event(
            tenant="acme",
            thread_id="thr_1",
            seq=seq,
            shard=0,
            position=seq,
            id=f"01900000-0000-7000-8000-{seq:012d}",
            append_id=f"a{seq}",
            type="thread.item.updated",
            version=1,
            time_us=seq,
            data=bytes(self._data),
        )

    def write(self, count: int) -> list[Event]:
        """Write so many more."""
        first, self.last = self.last + 1, self.last + count
        return [self.event(seq) for seq in range(first, self.last + 1)]

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        """A page of new objects."""
        await asyncio.sleep(0)
        if backward:
            return ThreadPage((self.event(self.last),), self.last)
        upto = min(after + limit, self.last)
        return ThreadPage(tuple(self.event(seq) for seq in range(after + 1, upto + 1)), self.last)

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        """The same: the thread is all there is."""
        page = await self.read_thread("acme", "thr_1", after=after, limit=limit)
        return ShardPage(page.events, page.events[-1].position if page.events else after, self.last)

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        """Return at once, or after the time; this log wakes nobody."""
        if self.last <= after:
            await asyncio.sleep(timeout)
        return self.last


async def test_a_viewer_that_stops_reading_for_a_minute_costs_less_than_a_megabyte() -> None:
    """Under 1 000 events a second, with another viewer who keeps up; and it then has every event once."""
    async with Endless(DATA) as log, Feeds(log) as feeds:
        log.write(10)
        stalled = feeds.thread("acme", "thr_1")
        got = [event.seq for event in (await anext(stalled)).events]
        quick = feeds.thread("acme", "thr_1", after=None)
        pending = asyncio.create_task(anext(quick))
        await turns(20)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(SECONDS * 10):
            feeds.publish(log.write(RATE // 10))
            assert len((await pending).events) == RATE // 10
            pending = asyncio.create_task(anext(quick))
            await turns(2)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after - before < 1_000_000
        while len(got) < log.last:
            got += [event.seq for event in (await anext(stalled)).events]
        assert got == list(range(1, SECONDS * RATE + 11))
        pending.cancel()
        await asyncio.wait([pending])
        await quick.aclose()
        await stalled.aclose()


async def test_large_events_fill_the_ring_by_their_bytes() -> None:
    """The ring of a channel is bounded in memory, however few events that are."""
    async with Endless(b'"' + b"x" * 100_000 + b'"') as log, Feeds(log) as feeds:
        log.write(1)
        stalled = feeds.thread("acme", "thr_1")
        await anext(stalled)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(100):
            feeds.publish(log.write(1))
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after - before < 1_000_000
        await stalled.aclose()


async def test_a_channel_whose_viewers_keep_up_holds_only_the_last_batch() -> None:
    """What everybody has seen is not kept."""
    async with GatedLog() as log, Feeds(log) as feeds, Committer(log, on_commit=feeds.publish) as committer:
        house = House(log, committer, feeds)
        reader = Reader(feeds.thread("acme", "thr_1"))
        for number in range(1, 51):
            await house.add()
            await until(lambda: len(reader.events) == number)  # noqa: B023
        reader.batches.clear()
        gc.collect()
        log_holds = {id(event) for event in (await log.read_shard(0, limit=1000)).events}
        channels = [thing for thing in gc.get_objects() if type(thing).__name__ == "Stretch"]
        held = [event for stretch in channels for event in stretch.batch.events if id(event) in log_holds]
        assert len(held) <= 2
        await reader.stop()


async def test_many_subscribers_are_not_woken_for_every_event() -> None:
    """While a crowd is being served, events gather and go out together: few batches, every event once."""
    bounds = FeedBounds(pace_each=1, pace_most=0.1)
    async with GatedLog() as log, Feeds(log, bounds=bounds) as feeds, Committer(log, on_commit=feeds.publish) as c:
        house = House(log, c, feeds)
        readers = [Reader(feeds.thread("acme", "thr_1")) for _ in range(30)]
        await until(lambda: feeds.stats.subscribers == 30)
        await turns(20)
        await house.add(20)
        while any(len(reader.events) < 20 for reader in readers):
            await house.add(thread="thr_2")  # the loop turns, time passes
        for reader in readers:
            assert seqs(reader.events) == list(range(1, 21))
            assert len(reader.batches) < 10
            await reader.stop()


async def test_what_was_held_back_is_given_at_the_end() -> None:
    """Closing does not wait for the pace, and loses nothing that was committed before."""
    bounds = FeedBounds(pace_each=100, pace_most=100)
    async with GatedLog() as log:
        feeds = Feeds(log, bounds=bounds)
        await feeds.__aenter__()
        async with Committer(log, on_commit=feeds.publish) as committer:
            house = House(log, committer, feeds)
            reader = Reader(feeds.thread("acme", "thr_1"))
            await until(lambda: feeds.stats.subscribers)
            await turns(20)
            await house.add(3)
            await until(lambda: reader.events)
            assert seqs(reader.events) == [1]
        await feeds.__aexit__(None, None, None)
        await reader.task
        assert seqs(reader.events) == [1, 2, 3]


async def test_events_held_back_are_bounded() -> None:
    """When half a ring has gathered it goes out, whatever the pace."""
    bounds = FeedBounds(ring_events=8, pace_each=100, pace_most=100)
    async with GatedLog() as log, Feeds(log, bounds=bounds) as feeds, Committer(log, on_commit=feeds.publish) as c:
        house = House(log, c, feeds)
        reader = Reader(feeds.thread("acme", "thr_1"))
        await until(lambda: feeds.stats.subscribers)
        await turns(20)
        await house.add(5)
        await until(lambda: len(reader.events) == 5)
        assert [len(batch.events) for batch in reader.batches] == [1, 4]
        await reader.stop()


async def test_a_publication_that_comes_after_the_watch_has_read_the_events_changes_nothing() -> None:
    """Whoever is first, the commit's own news or the watch, each event comes once."""
    bounds = FeedBounds(watch_pause=0)
    async with GatedLog() as log, Feeds(log, bounds=bounds) as feeds:
        reader = Reader(feeds.thread("acme", "thr_1"))
        await until(lambda: feeds.stats.subscribers)
        await turns(20)
        gate = log.hold("read")
        outcomes = await log.append(0, [one("a"), one("b")])
        await gate.reached.wait()
        events = [event for outcome in outcomes if isinstance(outcome, Appended) for event in outcome.events]
        feeds.publish(events[:1])
        gate.open()
        await until(lambda: len(reader.events) == 2)
        feeds.publish(events)
        outcomes = await log.append(0, [one("c")])
        await until(lambda: len(reader.events) == 3)
        assert reader.names == ["a", "b", "c"]
        await reader.stop()
