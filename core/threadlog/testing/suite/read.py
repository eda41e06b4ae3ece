"""Level contract: reading threads and shards, and waiting for more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from threadlog.log import Capability, Event, EventLog, HeadChange, NewEvent, Snapshot
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import (
    LONG,
    THREAD,
    error_of,
    make,
    more,
    read_numbers,
    read_shard,
    send,
    store,
    stored_of,
    tenants_of,
    values,
)

T = TypeVar("T")


class ThreadReadTests:
    """Pages of a thread (R1), and that they are fresh (R2)."""

    @clause("R1")
    async def test_r1_forward_pages_cover_the_thread(self, lab: Lab) -> None:
        """Whatever the page size, pages read on after the last seq give every event once, in order."""
        log = await lab.open()
        await _fill(log, 23)
        for limit in (1, 2, 7, 22, 23, 24, 100):
            seen, pages = await _pages(log, limit, backward=False)
            assert seen == list(range(1, 24)), f"limit={limit}"
            assert max(pages) <= limit, f"a page of limit={limit} holds {max(pages)} events"

    @clause("R1")
    async def test_r1_backward_pages_cover_the_thread(self, lab: Lab) -> None:
        """Backward, the last event comes first, and pages read on before the smallest seq."""
        log = await lab.open()
        await _fill(log, 23)
        for limit in (1, 2, 7, 22, 23, 24, 100):
            seen, pages = await _pages(log, limit, backward=True)
            assert seen == list(range(23, 0, -1)), f"limit={limit}"
            assert max(pages) <= limit, f"a page of limit={limit} holds {max(pages)} events"

    @clause("R1")
    async def test_r1_after_excludes_the_event_itself(self, lab: Lab) -> None:
        """`after` is the event that the reader has: forward the next follows, backward the one before."""
        log = await lab.open()
        await _fill(log, 5)
        expected = {(0, False): 1, (1, False): 2, (4, False): 5, (0, True): 5, (5, True): 4, (2, True): 1, (9, True): 5}
        for (after, backward), first in expected.items():
            page = await log.read_thread("tenant", THREAD, after=after, limit=1, backward=backward)
            assert [event.seq for event in page.events] == [first], f"after={after}, backward={backward}"

    @clause("R1")
    async def test_r1_at_and_beyond_the_end_there_is_nothing(self, lab: Lab) -> None:
        """Such a page is empty and still tells where the thread ends."""
        log = await lab.open()
        await _fill(log, 5)
        for after, backward in ((5, False), (6, False), (10**17, False), (1, True)):
            page = await log.read_thread("tenant", THREAD, after=after, backward=backward)
            assert (page.events, page.last_seq) == ((), 5), f"after={after}, backward={backward}"

    @clause("R1")
    async def test_r1_every_page_tells_the_last_seq(self, lab: Lab) -> None:
        """`last_seq` is that of the thread, not of the page."""
        log = await lab.open()
        await _fill(log, 5)
        assert (await log.read_thread("tenant", THREAD, limit=2)).last_seq == 5
        assert (await log.read_thread("tenant", THREAD, limit=2, backward=True, after=4)).last_seq == 5

    @clause("R1")
    async def test_r1_an_unknown_thread_is_empty(self, lab: Lab) -> None:
        """Nobody is told an error for a thread that there is not."""
        log = await lab.open()
        for backward in (False, True):
            page = await log.read_thread("tenant", "unknown", backward=backward)
            assert (page.events, page.last_seq) == ((), 0)

    @clause("R1")
    async def test_r1_pages_are_bounded_in_events(self, lab: Lab) -> None:
        """However many are asked for, a page holds no more events than the log's limit."""
        log = await lab.open()
        limits = log.info.limits
        size = max(limits.append_events // 2, 1)  # not at the limit, which is A9
        for _ in range(limits.page_events // size + 1):
            await store(log, make(*range(size)))
        for backward in (False, True):
            page = await log.read_thread("tenant", THREAD, limit=10**9, backward=backward)
            assert 0 < len(page.events) <= limits.page_events, (
                f"a page has {len(page.events)} events; 1 to {limits.page_events} are due, while some are left"
            )

    @clause("R1")
    async def test_r1_pages_are_bounded_in_bytes(self, lab: Lab) -> None:
        """Large events make short pages, but never empty ones."""
        log = await lab.open()
        limits = log.info.limits
        large = NewEvent("large", b'"' + b"x" * (limits.event_bytes - 3) + b'"')
        count = limits.page_bytes // limits.event_bytes + 2
        if count > 50:
            pytest.skip("pages of this log are bounded in events long before they are in bytes")
        for _ in range(count):
            await store(log, make(events=(large,)))
        for backward in (False, True):
            page = await log.read_thread("tenant", THREAD, limit=100, backward=backward)
            assert page.events, (
                "a page is empty though events are left: the first event always fits, however large it is"
            )
            assert sum(len(event.data) for event in page.events) <= max(limits.page_bytes, limits.event_bytes)

    @clause("R1")
    async def test_r1_deleted_threads_are_read_as_before(self, lab: Lab) -> None:
        """Deleting hides a thread from listings, not from who reads its events."""
        log = await lab.open()
        await store(log, make(1), make(2, head=HeadChange(deleted=True)))
        assert await read_numbers(log) == [1, 2]

    @clause("R1")
    async def test_r1_numbers_out_of_range_are_refused(self, lab: Lab) -> None:
        """A negative `after` or a limit under 1 is the caller's mistake and is told."""
        log = await lab.open()
        await _fill(log, 2)
        for after, limit in ((-1, 1), (0, 0), (0, -1)):
            with pytest.raises(ValueError):  # noqa: PT011 - any ValueError will do
                await log.read_thread("tenant", THREAD, after=after, limit=limit)

    @clause("R1")
    async def test_r1_threads_between_others_are_whole(self, lab: Lab) -> None:
        """Events of one thread are found among those of many."""
        log = await lab.open()
        for round_ in range(6):
            await store(log, *(make(round_ * 100 + n, thread=f"t{n}") for n in range(20)))
        await _check_interleaved(log)

    @clause("R1")
    async def test_r1_threads_between_others_are_whole_after_reopening(self, lab: Lab) -> None:
        """A restart finds them as well."""
        log = await lab.open()
        for round_ in range(6):
            await store(log, *(make(round_ * 100 + n, thread=f"t{n}") for n in range(20)))
        await _check_interleaved(await lab.reopen(log))

    @clause("R2")
    async def test_r2_a_thread_that_was_not_there_is_seen(self, lab: Lab) -> None:
        """Having looked for a thread before it was made hides nothing afterwards."""
        log = await lab.open()
        for backward in (False, True):
            await error_of(log.read_thread("tenant", THREAD, backward=backward))  # that it raises none is R1
        await store(log, make(1), make(1, thread="new"))
        for backward in (False, True):
            new = await log.read_thread("tenant", "new", backward=backward)
            page = await log.read_thread("tenant", THREAD, backward=backward)
            told = "a thread that was looked for before it was made is not found as another one is"
            assert values(page.events) == values(new.events), told

    @clause("R2")
    async def test_r2_every_read_is_fresh(self, lab: Lab) -> None:
        """After each append, the same reads as before show it."""
        log = await lab.open()
        await store(log, make(1))
        for count in range(2, 6):
            await store(log, make(count))
            forward = await log.read_thread("tenant", THREAD)
            backward = await log.read_thread("tenant", THREAD, backward=True)
            shard = await log.read_shard(log.shard_of("tenant"))
            for events in (forward.events, backward.events, shard.events):
                assert count in values(events), "the append before is not yet read"
            await store(log, make(*range(count), thread=f"fresh-{count}"))
            fresh = await log.read_thread("tenant", f"fresh-{count}")
            if fresh.last_seq == count:  # else it is wrong also where nothing can be stale, which is R1
                assert (forward.last_seq, backward.last_seq) == (count, count)

    @clause("R2")
    async def test_r2_a_reader_beside_the_writer_is_fresh(self, lab: Lab) -> None:
        """A log opened for reading shows each append that the writer has acknowledged, thread and shard."""
        log = await lab.open()
        await store(log, make(1))
        reader = await lab.open_reader()
        await _check_follows(reader, log)

    @clause("R2")
    async def test_r2_writers_see_each_other(self, lab: Lab) -> None:
        """Of two open logs that both write, each shows what the other has acknowledged."""
        lab.need(Capability.OTHER_WRITERS)
        first, second = await lab.open(), await lab.open()
        await store(first, make(1))
        await _check_follows(second, first)


class ShardReadTests:
    """Pages of a shard (F1) and waiting (F3)."""

    @clause("F1")
    async def test_f1_positions_are_dense_in_commit_order(self, lab: Lab) -> None:
        """Over threads, tenants and refused appends, positions are 1, 2, 3 … in the order of acknowledgement."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 1, 2)
        acknowledged: list[Event] = []
        for round_ in range(5):
            taken = make(round_, thread="a", tenant=first)
            acknowledged += await store(log, taken, make(round_, round_, thread="b", tenant=second))
            between = stored_of(await send(log, make(9, thread="a", tenant=first, expected=0), taken))
            known = {event.id for event in acknowledged}
            acknowledged += [event for event in between if event.id not in known]  # told again is A6
        count = len(acknowledged)
        page = await log.read_shard(1)
        assert list(page.events) == acknowledged
        assert [event.position for event in page.events] == list(range(1, count + 1))
        assert {event.shard for event in page.events} == {1}, (
            "a page of shard 1 holds events that say that they are of another shard"
        )
        assert (page.looked_to, page.last_position) == (count, count)

    @clause("F1")
    async def test_f1_positions_go_on_after_reopening(self, lab: Lab) -> None:
        """A restart neither repeats nor skips a position."""
        log = await lab.open()
        await store(log, make(1, 2))
        log = await lab.reopen(log)
        await store(log, make(3))
        page = await log.read_shard(log.shard_of("tenant"))
        assert [(event.position, int(event.data)) for event in page.events] == [(1, 1), (2, 2), (3, 3)]

    @clause("F1")
    async def test_f1_events_stay_in_their_order_after_reopening(self, lab: Lab) -> None:
        """A restart does not sort the events of a shard: not by thread, nor by tenant."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 0, 2)
        for n in range(12):
            await store(log, make(n, thread=f"t{n * 5 % 3}", tenant=(second, first)[n % 2]))
        before = [event.position for event in await read_shard(log, 0)]
        log = await lab.reopen(log)
        for tenant in (None, first):
            positions = [event.position for event in await read_shard(log, 0, tenant)]
            assert positions == [position for position in sorted(before) if position in positions]

    @clause("F1")
    async def test_f1_each_shard_counts_for_itself(self, lab: Lab) -> None:
        """A shard holds the events of its tenants alone."""
        log = await lab.open(shards=3)
        for shard in range(3):
            for tenant in tenants_of(3, shard, 2):
                await store(log, make(shard, tenant=tenant))
        for shard in range(3):
            events = (await log.read_shard(shard)).events
            assert [(event.position, int(event.data)) for event in events] == [(1, shard), (2, shard)]

    @clause("F1")
    async def test_f1_pages_hold_whole_appends(self, lab: Lab) -> None:
        """A page ends between appends; its limit is exceeded by the last append's own events at most."""
        log = await lab.open()
        for size in (3, 1, 4, 2):
            await store(log, make(*range(size)))
        ends = (3, 4, 8, 10)
        for limit in (1, 2, 3, 4, 5, 9, 100):
            after = 0
            while after < 10:
                page = await log.read_shard(log.shard_of("tenant"), after=after, limit=limit)
                positions = [event.position for event in page.events]
                assert positions == list(range(after + 1, page.looked_to + 1)), f"limit={limit}"
                assert page.looked_to in ends, f"limit={limit}: the page ends inside an append"
                before_last = max((end for end in (0, *ends) if end < page.looked_to), default=0)
                assert before_last - after < limit, f"limit={limit}: more than the last append is too much"
                after = page.looked_to

    @clause("F1")
    async def test_f1_at_and_beyond_the_end_there_is_nothing(self, lab: Lab) -> None:
        """Such a page has looked as far as the reader already stands."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        empty = await log.read_shard(shard)
        assert (empty.events, empty.looked_to, empty.last_position) == ((), 0, 0)
        await store(log, make(1))
        for after in (1, 2, 10**17):
            page = await log.read_shard(shard, after=after)
            assert (page.events, page.looked_to, page.last_position) == ((), after, 1)

    @clause("F1")
    async def test_f1_numbers_out_of_range_are_refused(self, lab: Lab) -> None:
        """A negative `after` or a limit under 1 is the caller's mistake and is told."""
        log = await lab.open()
        for after, limit in ((-1, 1), (0, 0), (0, -1)):
            with pytest.raises(ValueError):  # noqa: PT011 - any ValueError will do
                await log.read_shard(0, after=after, limit=limit)

    @clause("F1")
    async def test_f1_a_tenants_part_is_complete(self, lab: Lab) -> None:
        """With `tenant`, pages hold its events alone, lose none, and always get on."""
        log = await lab.open(shards=2)
        first, second, silent = tenants_of(2, 0, 3)
        for n in range(12):
            await store(log, make(n, n, tenant=first if n % 4 == 0 else second, thread=f"t{n % 3}"))
        for tenant in (first, second, silent):
            for limit in (1, 3, 100):
                seen = await read_shard(log, 0, tenant, limit=limit)
                wanted = [n for n in range(12) for _ in (0, 1) if tenant == (first if n % 4 == 0 else second)]
                assert values(seen) == wanted, f"limit={limit}"

    @clause("F3")
    async def test_f3_waiting_ends_at_once_where_there_is_more(self, lab: Lab) -> None:
        """A reader that is behind is not kept waiting, and is told how far the shard goes."""
        log = await lab.open()
        await store(log, make(1, 2))
        for after in (0, 1):
            assert await _in_time(log.wait(log.shard_of("tenant"), after=after, timeout=LONG), lab) == 2

    @clause("F3")
    async def test_f3_waiting_ends_after_its_time(self, lab: Lab) -> None:
        """Where nothing comes, a wait returns the last position after its timeout; 0 only asks."""
        log = await lab.open()
        await store(log, make(1))
        for timeout in (0.0, 0.05):
            assert await _in_time(log.wait(log.shard_of("tenant"), after=1, timeout=timeout), lab) == 1

    @clause("F3")
    async def test_f3_an_append_wakes_all_who_wait(self, lab: Lab) -> None:
        """However an append falls between looking and sleeping, no wake-up is lost."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        for turns in range(12):
            last = (await log.read_shard(shard)).last_position
            waiting = []
            for _ in range(3):  # one after the other: who comes later must not put out who waits already
                waiting.append(asyncio.ensure_future(more(log, shard, last)))
                for _ in range(turns):
                    await asyncio.sleep(0)
            await store(log, make(turns))
            assert await _in_time(asyncio.gather(*waiting), lab) == [last + 1] * 3

    @clause("F3")
    async def test_f3_a_reader_is_told_of_what_the_writer_appends(self, lab: Lab) -> None:
        """Who waits in a log that was opened for reading is woken by the writer's append, or looks by itself."""
        lab.need(Capability.OTHER_READERS)
        log = await lab.open()
        await store(log, make(1))
        reader = await lab.open_reader()
        waiting = asyncio.ensure_future(more(reader, log.shard_of("tenant"), 1))
        await asyncio.sleep(0.05)  # it waits now, and does not find the append while it begins to
        await store(log, make(2))
        assert await _in_time(waiting, lab) == 2

    @clause("F3")
    async def test_f3_a_writer_is_told_of_what_another_appends(self, lab: Lab) -> None:
        """Who waits in one of two logs that both write is woken by the other's append, or looks by itself."""
        lab.need(Capability.OTHER_WRITERS)
        log, other = await lab.open(), await lab.open()
        await store(log, make(1))
        waiting = asyncio.ensure_future(more(log, log.shard_of("tenant"), 1))
        await asyncio.sleep(0.05)
        await store(other, make(2))
        assert await _in_time(waiting, lab) == 2

    @clause("F3")
    async def test_f3_cancelling_a_wait_disturbs_nobody(self, lab: Lab) -> None:
        """One of two waits is cancelled; the other is woken."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        one, other = (asyncio.ensure_future(more(log, shard, 0)) for _ in range(2))
        await asyncio.sleep(0.01)
        one.cancel()
        await asyncio.wait([one])
        await store(log, make(1))
        assert await _in_time(other, lab) == 1

    @clause("F3")
    async def test_f3_a_wait_that_is_woken_for_nothing_can_be_cancelled(self, lab: Lab) -> None:
        """A wait that is cancelled while something else happens ends: `asyncio.wait_for` may swallow that."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        await store(log, make(1))
        last = (await log.read_shard(shard)).last_position
        event = (await log.read_thread("tenant", THREAD)).events[0]
        snapshot = Snapshot(
            tenant="tenant", thread_id=THREAD, projection="p", version=1, seq=1, check=event.check, state=b"state"
        )
        happen: list[Callable[[], Awaitable[object]]] = [
            lambda: log.append(shard, []),
            lambda: log.append(shard, [make(9, expected=99)]),
            lambda: log.save_snapshot(snapshot),
            lambda: log.restore(shard, []),
        ]
        for call in happen:
            waiting = asyncio.ensure_future(log.wait(shard, after=last, timeout=LONG))
            await asyncio.sleep(0.01)
            await error_of(call())
            waiting.cancel()
            done, _ = await asyncio.wait([waiting], timeout=lab.patience / 2)
            assert done, "a cancelled wait goes on"


async def _check_follows(reader: EventLog, writer: EventLog) -> None:
    shard = writer.shard_of("tenant")
    for n in range(2, 6):
        await reader.read_thread("tenant", THREAD)  # what it keeps of this must not hide what comes
        await error_of(reader.read_thread("tenant", f"thread-{n}"))
        await reader.read_shard(shard)
        await store(writer, make(n), make(n, thread=f"thread-{n}"))
        for events in (
            (await reader.read_thread("tenant", THREAD)).events,
            (await reader.read_thread("tenant", f"thread-{n}")).events,
            (await reader.read_shard(shard)).events,
        ):
            assert n in values(events), "an append that another log has acknowledged is not read"


async def _in_time(awaitable: Awaitable[T], lab: Lab) -> T:
    """The result of what must come to an end."""
    async with asyncio.timeout(lab.patience):
        return await awaitable


async def _check_interleaved(log: EventLog) -> None:
    for n in range(20):
        assert await read_numbers(log, f"t{n}") == [round_ * 100 + n for round_ in range(6)]


async def _fill(log: EventLog, count: int) -> None:
    """A thread of so many events that carry their seqs, in appends of two, the last one perhaps of one."""
    await store(log, *(make(*range(seq, min(seq + 2, count + 1))) for seq in range(1, count + 1, 2)))


async def _pages(log: EventLog, limit: int, *, backward: bool) -> tuple[list[int], list[int]]:
    """The numbers of a whole thread read page by page, and the sizes of the pages."""
    seen: list[int] = []
    sizes: list[int] = []
    after = 0
    while page := (await log.read_thread("tenant", THREAD, after=after, limit=limit, backward=backward)).events:
        seen += values(page)
        sizes.append(len(page))
        assert page[-1].seq != after, "the page does not get on"
        after = page[-1].seq
        if backward and after == 1:
            break
    return seen, sizes
