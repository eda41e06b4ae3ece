"""Level concurrency: many tasks at once, cancellation at many places, and readers amid writers."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    EventLog,
    Expect,
    Expected,
    HeadChange,
    Outcome,
)
from threadlog.testing.blame import ACROSS
from threadlog.testing.clauses import clause
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.history import History
from threadlog.testing.lab import Lab
from threadlog.testing.samples import (
    make,
    more,
    numbers,
    read,
    read_numbers,
    send,
    store,
    stored_of,
    tenants_of,
    values,
)


class ConcurrencyTests:
    """What holds when many tasks use one log."""

    @clause("A1")
    async def test_a1_calls_at_once_do_not_mix_up_their_outcomes(self, lab: Lab) -> None:
        """Each of many calls at once gets the outcomes of its own appends."""
        log = await lab.open()

        async def one(n: int) -> None:
            appends = [make(n * 10 + k, thread=f"t{(n + k) % 4}") for k in range(4)]
            for append, outcome in zip(appends, await send(log, *appends), strict=True):
                mine = [int(new.data) for new in append.events]
                assert values(stored_of([outcome])) in (mine, []), (
                    f"append {append.append_id} was answered with events of another call: {outcome}"
                )

        await asyncio.gather(*(one(n) for n in range(25)))

    @clause("A2")
    async def test_a2_a_cancelled_call_is_all_or_nothing(self, lab: Lab) -> None:
        """Wherever a call is cancelled, each of its appends is stored wholly or not at all, and a retry settles it."""
        log = await lab.open()
        for turns in range(25):
            await _check_cancelled(log, f"turns-{turns}", turns, 0.0)
        for step in range(1, 8):
            await _check_cancelled(log, f"later-{step}", 0, step * 0.0001)

    @clause("A2")
    async def test_a2_cancelling_does_not_disturb_others(self, lab: Lab) -> None:
        """Calls under way beside one that is cancelled are answered as if nothing had happened."""
        log = await lab.open()
        for turns in range(10):
            cancelled = asyncio.ensure_future(send(log, make(1, 2, thread=f"cancelled-{turns}")))
            others = [asyncio.ensure_future(store(log, make(n, thread=f"o{turns}"))) for n in range(5)]
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            async with asyncio.timeout(lab.patience):
                await asyncio.gather(*others)
            assert len(await read(log, f"o{turns}")) == 5

    @clause("A3")
    async def test_a3_many_writers_of_one_thread_leave_no_gap(self, lab: Lab) -> None:
        """Seqs that many tasks are given at once are all different, and there is none between them."""
        log = await lab.open()
        stored = await asyncio.gather(*(store(log, make(*range(1 + n % 3))) for n in range(60)))
        seqs = sorted(event.seq for events in stored for event in events)
        assert seqs == list(range(1, len(seqs) + 1))
        for events in stored:
            if [event.seq - events[0].seq for event in events] != list(range(len(events))):
                told = f"events of one append do not stand together: seqs {[event.seq for event in events]}"
                raise ClauseBroken("A2", told)

    @clause("A4")
    async def test_a4_of_many_who_expect_the_same_one_wins(self, lab: Lab) -> None:
        """In each round, one of ten writers that expect the same seq appends, and the others are refused."""
        log = await lab.open()
        for seq in range(6):
            expected: Expected = Expect.NO_THREAD if seq == 0 else seq
            calls = [send(log, make(n, expected=expected)) for n in range(10)]
            outcomes = [outcome for (outcome,) in await asyncio.gather(*calls)]
            kinds = sorted(type(outcome).__name__ for outcome in outcomes)
            assert kinds == ["Appended"] + ["Conflict"] * 9, f"round {seq}"

    @clause("A5")
    async def test_a5_a_conflict_is_not_behind_what_was_acknowledged(self, lab: Lab) -> None:
        """Whoever was told of a seq is never told of an earlier one by a conflict, whatever others do meanwhile."""
        log = await lab.open()

        async def one(n: int) -> None:
            for k in range(5):
                acknowledged = (await store(log, make(n, k)))[-1].seq
                (outcome,) = await send(log, make(9, expected=0))
                assert not isinstance(outcome, Conflict) or outcome.current_seq >= acknowledged

        await asyncio.gather(*(one(n) for n in range(8)))

    @clause("A6")
    async def test_a6_of_many_retries_at_once_one_is_stored(self, lab: Lab) -> None:
        """One of ten equal appends is stored, and the others are duplicates with its numbers."""
        log = await lab.open()
        for n in range(6):
            append = make(n, n)
            outcomes = [outcome for (outcome,) in await asyncio.gather(*(send(log, append) for _ in range(10)))]
            kinds = sorted(type(outcome).__name__ for outcome in outcomes)
            assert kinds == ["Appended"] + ["Duplicate"] * 9, (
                f"of ten equal appends one is to be stored: {kinds}. Likely ids are looked up before the lock is taken"
            )
            assert len({_ids(outcome) for outcome in outcomes}) == 1, (
                f"equal appends are answered with different events: {outcomes}"
            )
        assert len(await read(log)) == 12

    @clause("F2")
    async def test_f2_followers_amid_writers_miss_nothing(self, lab: Lab) -> None:
        """Readers that follow a shard, or a tenant's part of it, while many write get every event once, in order."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 0, 2)
        stored: list[Event] = []
        done = asyncio.Event()

        async def write(n: int) -> None:
            for k in range(6):
                tenant, thread = (first, second)[(n + k) % 2], f"t{n % 3}"
                size = 1 + (n * k) % 4
                stored.extend(await store(log, make(*range(size), thread=thread, tenant=tenant)))
                stored.extend(stored_of(await send(log, make(9, thread=thread, tenant=tenant, expected=0))))

        ways = [(limit, tenant) for limit in (1, 7, 100) for tenant in (None, first)]
        followers = [asyncio.ensure_future(_follow(log, 0, done, limit, tenant)) for limit, tenant in ways]
        await asyncio.gather(*(write(n) for n in range(8)))
        done.set()
        async with asyncio.timeout(lab.patience):
            followed = await asyncio.gather(*followers)
        stored.sort(key=lambda event: event.position)
        for (_, tenant), events in zip(ways, followed, strict=True):
            wanted = [event.id for event in stored if tenant in (None, event.tenant)]
            assert [event.id for event in events] == wanted, (
                "a follower saw other events, or in another order, than are stored"
            )

    @clause("F3")
    async def test_f3_wake_ups_are_not_lost_amid_writers(self, lab: Lab) -> None:
        """A reader that does nothing but wait and read gets to the end, however writers and waits fall together."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        for _ in range(5):
            last = (await log.read_shard(shard, limit=1)).last_position
            waits = [asyncio.ensure_future(more(log, shard, last + n)) for n in range(10)]
            await asyncio.gather(*(store(log, make(n)) for n in range(10)))
            async with asyncio.timeout(lab.patience):
                await asyncio.gather(*waits)

    @clause("H1")
    async def test_h1_heads_are_listed_as_soon_as_they_are_acknowledged(self, lab: Lab) -> None:
        """Each of many writers finds its own thread, and its own title, in the list."""
        log = await lab.open()

        async def one(n: int) -> None:
            for title in ("first", "second"):
                await store(log, make(n, thread=f"t{n}", head=HeadChange(owner="o", title=title)))
                heads = (await log.list_heads("tenant", owner="o", limit=100)).heads
                assert (f"t{n}", title) in [(head.thread_id, head.title) for head in heads]

        await asyncio.gather(*(one(n) for n in range(15)))

    @clause(ACROSS)
    async def test_history_of_many_clients_is_consistent(self, lab: Lab) -> None:
        """Clients that append, retry, conflict and read at random are answered as by one log in one order."""
        log = await lab.open()
        for seed in range(3):
            history = History()
            threads = [f"t{seed}-{n}" for n in range(3)]
            clients = (_client(log, history, random.Random(f"{seed}-{n}"), threads) for n in range(6))
            done = asyncio.Event()
            subscribers = [asyncio.ensure_future(_subscribe(log, history, thread, done)) for thread in threads]
            await asyncio.gather(*clients)
            done.set()
            async with asyncio.timeout(lab.patience):
                await asyncio.gather(*subscribers)
            history.confirm([event for thread in threads for event in await read(log, thread)])


async def _check_cancelled(log: EventLog, thread: str, turns: int, delay: float) -> None:
    appends = [make(1, 2, 3, thread=thread), make(4, 5, thread=f"{thread}-too")]
    call = asyncio.ensure_future(send(log, *appends))
    for _ in range(turns):
        await asyncio.sleep(0)
    if delay:
        await asyncio.sleep(delay)
    call.cancel()
    await asyncio.wait([call])
    await _check_whole(log, thread, [1, 2, 3])
    await _check_whole(log, f"{thread}-too", [4, 5])
    for outcome in await send(log, *appends):
        if not isinstance(outcome, Appended | Duplicate):
            number = "A4" if isinstance(outcome, Conflict) else "A6"
            raise ClauseBroken(number, f"an append that was cancelled and is sent again is answered {outcome}")
    assert await _check_whole(log, thread, [1, 2, 3])
    assert await _check_whole(log, f"{thread}-too", [4, 5])


async def _check_whole(log: EventLog, thread: str, wanted: list[int]) -> int:
    """How often an append is stored, which is no business of A2 as long as it is whole."""
    found = await read_numbers(log, thread)
    times = len(found) // len(wanted)
    assert found == wanted * times, "an append is stored in part"
    return times


async def _follow(log: EventLog, shard: int, done: asyncio.Event, limit: int, tenant: str | None) -> list[Event]:
    """Read a shard, or a tenant's part of it, as it grows, until all is done."""
    seen: list[Event] = []
    after = 0
    while True:
        ending = done.is_set()
        page = await log.read_shard(shard, after=after, limit=limit, tenant=tenant)
        seen += page.events
        after = page.looked_to
        if after >= page.last_position:
            if ending:
                return seen
            await log.wait(shard, after=after, timeout=0.05)


async def _client(log: EventLog, history: History, chance: random.Random, threads: list[str]) -> None:
    """One client of the recorded history."""
    sent: list[Append] = []
    for _ in range(12):
        thread = chance.choice(threads)
        page = await history.read_thread(log, "tenant", thread)
        kind = chance.random()
        if kind < 0.2 and sent:
            await history.append(log, chance.choice(sent))
            continue
        ways: list[Expected] = [page.last_seq, page.last_seq, Expect.ANY, Expect.THREAD_EXISTS, Expect.NO_THREAD]
        expected = chance.choice(ways)
        events = numbers(*(chance.randrange(100) for _ in range(chance.randint(1, 3))))
        append = make(events=events, thread=thread, expected=expected, append_id=uuid4().hex)
        sent.append(append)
        await history.append(log, append)


async def _subscribe(log: EventLog, history: History, thread: str, done: asyncio.Event) -> None:
    """Follow one thread until all is done."""
    shard, after = log.shard_of("tenant"), 0
    while True:
        ending = done.is_set()
        position = await log.wait(shard, after=10**17, timeout=0)
        page = await history.read_thread(log, "tenant", thread, after=after)
        history.see(thread, page.events)
        after = page.events[-1].seq if page.events else after
        if not page.events and ending:
            return
        if not page.events:
            await log.wait(shard, after=position, timeout=0.05)


def _ids(outcome: Outcome) -> tuple[str, ...]:
    assert not isinstance(outcome, Conflict)
    return tuple(event.id for event in getattr(outcome, "events", ()))
