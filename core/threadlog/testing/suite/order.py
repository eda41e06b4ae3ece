"""Level contract: order under clocks that go back, bounded shard pages, and who is woken (R1, F1, F3, H1)."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from threadlog.log import Event, EventLog, HeadChange, MemoryLog, NewEvent
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import THREAD, make, more, read_shard, read_thread, restore, store, tenants_of


class OrderTests:
    """What decides about order is the order of commits, never a time or an id."""

    @clause("R1")
    async def test_r1_threads_are_in_order_of_seq_when_clocks_go_back(self, lab: Lab) -> None:
        """Events whose times and ids go down are read in order of their seq all the same."""
        log = await _against_the_clock(lab)
        for backward in (False, True):
            for limit in (2, 100):
                seqs = [event.seq for event in await read_thread(log, "t0", "tenant", limit=limit, backward=backward)]
                wanted = sorted(seqs, reverse=backward)
                assert seqs == wanted, "events are ordered by their time or id: order by seq"

    @clause("F1")
    async def test_f1_shards_are_in_order_of_position_when_clocks_go_back(self, lab: Lab) -> None:
        """Events whose times and ids go down are read in order of their position all the same."""
        log = await _against_the_clock(lab)
        for tenant in (None, "tenant"):
            positions = [event.position for event in await read_shard(log, log.shard_of("tenant"), tenant)]
            assert positions == sorted(positions), "events are ordered by their time or id: order by position"

    @clause("H1")
    async def test_h1_heads_are_in_order_of_creation_when_clocks_go_back(self, lab: Lab) -> None:
        """The thread whose first event was stored first is first, whatever the times and ids say."""
        log = await _against_the_clock(lab)
        for newest_first in (False, True):
            heads = (await log.list_heads("tenant", newest_first=newest_first)).heads
            names = [head.thread_id for head in heads]
            assert names == sorted(names, reverse=newest_first), "heads are ordered by a time or id: order by position"


class ShardPageTests:
    """What a page of a shard holds (F1)."""

    @clause("F1")
    async def test_f1_shard_pages_are_bounded_in_events(self, lab: Lab) -> None:
        """However many are asked for, a page exceeds the log's limit by the last append's own events at most."""
        log = await lab.open()
        limits = log.info.limits
        size = max(limits.append_events // 4, 1)
        for _ in range(limits.page_events // size + 3):
            await store(log, make(*range(size)))
        page = await log.read_shard(log.shard_of("tenant"), limit=10**9)
        assert 0 < len(page.events) < limits.page_events + size, (
            f"a page of a shard has {len(page.events)} events, where {limits.page_events} is the limit"
        )

    @clause("F1")
    async def test_f1_shard_pages_are_bounded_in_bytes(self, lab: Lab) -> None:
        """Large appends make short pages, within the limit unless one append alone is over it, and never empty."""
        log = await lab.open()
        limits = log.info.limits
        large = NewEvent("large", b'"' + b"x" * (limits.event_bytes - 3) + b'"')
        count = limits.page_bytes // limits.event_bytes + 2
        if count > 50:
            pytest.skip("pages of this log are bounded in events long before they are in bytes")
        for _ in range(count):
            await store(log, make(events=(large,)))
        page = await log.read_shard(log.shard_of("tenant"), limit=100)
        assert page.events, "a page is empty though events are left: the first append always fits, however large it is"
        size = sum(len(event.data) for event in page.events)
        assert size <= max(limits.page_bytes, limits.event_bytes), (
            f"a page of a shard has {size} bytes of payload, where {limits.page_bytes} is the limit. Likely an append "
            "is taken before its size is reckoned with."
        )

    @clause("F1")
    async def test_f1_deletions_are_read_like_any_event(self, lab: Lab) -> None:
        """A reader of the shard sees the event that deletes a thread, and those before it."""
        log = await lab.open()
        appends = (make(1), make(2, head=HeadChange(deleted=True)), make(3, thread="other"))
        stored = [(await store(log, append))[0] for append in appends]
        for tenant in (None, "tenant"):
            events = await read_shard(log, log.shard_of("tenant"), tenant)
            assert [event.position for event in events] == [event.position for event in stored]


class WakingTests:
    """Who is woken by what (F3)."""

    @clause("F3")
    async def test_f3_asking_tells_what_there_is(self, lab: Lab) -> None:
        """A timeout of 0 asks: a reader that is behind is told so."""
        log = await lab.open()
        await store(log, make(1, 2))
        assert await log.wait(log.shard_of("tenant"), after=0, timeout=0) == 2

    @clause("F3")
    async def test_f3_each_shard_wakes_its_own(self, lab: Lab) -> None:
        """Who waits in one shard is woken by an append there, be it the first shard or the last."""
        log = await lab.open(shards=3)
        for shard in range(3):
            (tenant,) = tenants_of(3, shard, 1)
            waiting = await _waiting(log, shard)
            await store(log, make(1, tenant=tenant))
            assert await asyncio.wait_for(waiting, lab.patience) == 1

    @clause("F3")
    async def test_f3_a_restore_wakes_who_waits(self, lab: Lab) -> None:
        """Events that are taken over are new to who waits, as appended ones are."""
        source, copy = await lab.open("source"), await lab.open("copy")
        await store(source, make(1))
        shard = source.shard_of("tenant")
        waiting = await _waiting(copy, shard)
        await restore(copy, shard, await read_shard(source, shard))
        assert await asyncio.wait_for(waiting, lab.patience) == 1


async def _waiting(log: EventLog, shard: int) -> asyncio.Task[int]:
    """Somebody who has begun to wait."""
    waiting = asyncio.ensure_future(more(log, shard, 0))
    await asyncio.sleep(0.01)
    return waiting


async def _against_the_clock(lab: Lab) -> EventLog:
    """A log whose events have times and ids that go down, as the clocks of several machines make them."""
    log = await lab.open("backward", shards=1)
    async with MemoryLog() as source:
        for n in range(4):
            await store(source, make(1, thread=f"t{n}", head=HeadChange(title=THREAD)), make(2, thread="t0"))
        events = await read_shard(source, 0)
    await restore(log, 0, [_swapped(event, other) for event, other in zip(events, events[::-1], strict=True)])
    return log


def _swapped(event: Event, other: Event) -> Event:
    return msgspec.structs.replace(event, time_us=event.time_us - event.position * 1_000_000, id=other.id)
