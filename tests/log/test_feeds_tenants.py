"""Feeds of a tenant and of a shard."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from following import House, Reader, take
from gates import GatedLog, library_tasks, turns, until
from threadlog.log import (
    Committer,
    Cursor,
    Diverged,
    FeedBounds,
    Feeds,
    InvalidCursor,
    ShardCursor,
    TenantCursor,
)
from threadlog.log.feeds import TENANT_START

pytestmark = pytest.mark.anyio

QUICK = FeedBounds(ring_events=8, page_events=3, watch_pause=0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with small bounds, in which no task is left at the end."""
    async with GatedLog() as log, Feeds(log, bounds=QUICK) as feeds, Committer(log, on_commit=feeds.publish) as c:
        yield House(log, c, feeds)
    assert library_tasks() == set()


async def test_a_tenants_feed_shows_all_its_threads_in_the_order_of_storing(house: House) -> None:
    """From the log and live, and nothing of anybody else."""
    expected = []
    for number in range(6):
        expected += await house.add(thread=f"thr_{number % 2}")
        await house.add(2, tenant="other")
    reader = Reader(house.feeds.tenant("acme"))
    await until(lambda: len(reader.events) == 6)
    for number in range(6):
        await house.add(2, tenant="other")
        expected += await house.add(thread=f"thr_{number % 2}")
    await until(lambda: len(reader.events) == 12)
    assert reader.events == expected
    await reader.stop()


async def test_a_tenants_feed_goes_on_behind_the_event_that_its_cursor_names(house: House) -> None:
    """The cursor survives its wire form."""
    events = await house.add(3)
    await house.add(4, tenant="other")
    events += await house.add(3, thread="thr_2")
    for seen, event in enumerate(events, 1):
        cursor = TenantCursor.parse(str(TenantCursor.of(event)))
        feed = house.feeds.tenant("acme", after=cursor)
        pending = await take(feed, 6 - seen)
        assert pending == events[seen:]
        await feed.aclose()


async def test_a_tenants_cursor_tells_nothing_of_its_neighbours(house: House) -> None:
    """However much others write, it names the tenant's own event, and no position is in it."""
    await house.add(1000, tenant="other")
    [event] = await house.add()
    assert str(TenantCursor.of(event)) == f"1-{event.check}@thr_1"


async def test_a_tenants_feed_from_now_begins_with_what_comes(house: House) -> None:
    """What was there is left out."""
    await house.add(3)
    reader = Reader(house.feeds.tenant("acme", after=None))
    await until(lambda: house.feeds.stats.subscribers)
    await turns(20)
    [event] = await house.add()
    await until(lambda: reader.events)
    assert reader.events == [event]
    await reader.stop()


@pytest.mark.parametrize(
    "cursor",
    [
        TenantCursor("thr_1", Cursor(1, "00000000")),
        TenantCursor("thr_1", Cursor(9)),
        TenantCursor("thr_foreign", Cursor(1)),
    ],
    ids=["another history", "beyond the end", "another tenant's thread"],
)
async def test_a_tenants_cursor_that_is_not_of_its_history_is_refused(house: House, cursor: TenantCursor) -> None:
    """It diverged, and another tenant's thread is as if it were not there."""
    await house.add(3)
    await house.add(tenant="other", thread="thr_foreign")
    with pytest.raises(Diverged):
        await anext(house.feeds.tenant("acme", after=cursor))


@pytest.mark.parametrize("text", ["", "1", "1-9f3a1c2b", "1-9f3a1c2b@", "x@thr_1", "-1@thr_1"])
async def test_what_is_no_tenant_cursor_is_refused(text: str) -> None:
    """Its text is looked at before anything else."""
    with pytest.raises(InvalidCursor):
        TenantCursor.parse(text)


async def test_the_start_of_a_tenant_has_a_wire_form() -> None:
    """A zero, as for a thread."""
    assert TenantCursor.parse(str(TENANT_START)) == TENANT_START
    assert str(TENANT_START) == "0"


async def test_a_slow_reader_of_a_tenant_is_served_across_its_neighbours_events(house: House) -> None:
    """From memory: other tenants' events between its own make no hole that only the log could fill."""
    slow = house.feeds.tenant("acme")
    other = Reader(house.feeds.tenant("acme"))
    expected = await house.add()
    assert await take(slow, 1) == expected
    await until(lambda: other.events)
    await turns(20)
    expected += await house.add()
    assert await take(slow, 1) == expected[1:]
    house.log.reads.clear()
    for _ in range(3):
        await house.add(3, tenant="other")
        expected += await house.add()
    assert await take(slow, 3) == expected[2:]
    await until(lambda: len(other.events) == 5)
    assert [read for read in house.log.reads if read[0] == "read_shard"] == []
    await slow.aclose()
    await other.stop()


async def test_a_shards_feed_shows_everything_in_position_order(house: House) -> None:
    """All tenants, from the log and live, and from a cursor on."""
    events = await house.add(4)
    events += await house.add(3, tenant="other", events=2)
    reader = Reader(house.feeds.shard(0))
    await until(lambda: len(reader.events) == 10)
    events += await house.add(2, tenant="other")
    await until(lambda: len(reader.events) == 12)
    assert reader.events == events
    assert [event.position for event in reader.events] == list(range(1, 13))
    for seen in (1, 5, 11):
        feed = house.feeds.shard(0, after=ShardCursor.parse(str(ShardCursor.of(events[seen - 1]))))
        assert await take(feed, 12 - seen) == events[seen:]
        await feed.aclose()
    await reader.stop()


async def test_a_shards_feed_from_now_begins_with_what_comes(house: House) -> None:
    """What was there is left out."""
    await house.add(3)
    reader = Reader(house.feeds.shard(0, after=None))
    await until(lambda: house.feeds.stats.subscribers)
    await turns(20)
    [event] = await house.add()
    await until(lambda: reader.events)
    assert reader.events == [event]
    await reader.stop()


@pytest.mark.parametrize("cursor", [ShardCursor(1, "00000000"), ShardCursor(9)], ids=["another history", "beyond"])
async def test_a_shards_cursor_that_is_not_of_its_history_is_refused(house: House, cursor: ShardCursor) -> None:
    """It diverged."""
    await house.add(3)
    with pytest.raises(Diverged):
        await anext(house.feeds.shard(0, after=cursor))


async def test_each_shard_has_feeds_of_its_own() -> None:
    """Positions of different shards have nothing to do with each other."""
    async with GatedLog(shards=4) as log, Feeds(log) as feeds, Committer(log, on_commit=feeds.publish) as committer:
        house = House(log, committer, feeds)
        tenants = [f"tenant {number}" for number in range(8)]
        readers = [Reader(feeds.tenant(tenant)) for tenant in tenants]
        for _ in range(3):
            for tenant in tenants:
                await house.add(tenant=tenant)
        await until(lambda: all(len(reader.events) == 3 for reader in readers))
        for tenant, reader in zip(tenants, readers, strict=True):
            assert [event.seq for event in reader.events] == [1, 2, 3]
            assert {event.tenant for event in reader.events} == {tenant}
            await reader.stop()
