"""Recent states: caught up at each load, shared when cold, never wrong."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from gates import GatedLog
from projection.history import History, assistant, user
from threadlog.log import (
    Append,
    Appended,
    Event,
    EventLog,
    Expect,
    LogCorrupt,
    LogError,
    NewEvent,
    Snapshot,
)
from threadlog.model import default_registry
from threadlog.projection import PROJECTION, VERSION, CacheBounds, StateCache, ThreadState

pytestmark = pytest.mark.anyio
TENANT, THREAD = "acme", "thr_1"


@pytest.fixture
async def log() -> AsyncIterator[GatedLog]:
    """An open log with gates."""
    async with GatedLog() as log:
        yield log


@pytest.fixture
async def cache(log: GatedLog) -> AsyncIterator[StateCache]:
    """A cache that saves a snapshot after ten events."""
    cache = StateCache(log, default_registry(), bounds=CacheBounds(snapshot_events=10))
    yield cache
    await cache.close()


async def write(log: EventLog, *events: tuple[str, Any], thread: str = THREAD, version: int = 1) -> Sequence[Event]:
    """Append events to a thread."""
    new = tuple(NewEvent(kind, json.dumps({"type": kind, **payload}).encode(), version) for kind, payload in events)
    append = Append(
        tenant=TENANT,
        thread_id=thread,
        append_id=f"apd_{asyncio.get_running_loop().time()}",
        expected=Expect.ANY,
        events=new,
        actor="user:alice",
    )
    (outcome,) = await log.append(0, [append])
    assert isinstance(outcome, Appended)
    return outcome.events


def items(*names: str) -> list[tuple[str, Any]]:
    """Events that complete items."""
    return [("thread.item.done", {"item": user(name)}) for name in names]


def reads(log: GatedLog) -> list[int]:
    """Where threads were read from since the last call."""
    found = [after for method, after in log.reads if method == "read_thread"]
    log.reads.clear()
    return found


async def test_a_thread_at_hand_costs_one_read_and_has_what_others_wrote(log: GatedLog, cache: StateCache) -> None:
    """Each load looks once behind what is known."""
    await write(log, *items("a", "b"))
    assert (await cache.load(TENANT, THREAD)).seq == 2
    reads(log)
    await write(log, *items("c"))
    assert (await cache.load(TENANT, THREAD)).item_ids == ("a", "b", "c")
    assert (await cache.load(TENANT, THREAD)).seq == 3
    assert reads(log) == [2, 3]


async def test_a_thread_that_is_not_there_is_empty_and_not_kept(log: GatedLog, cache: StateCache) -> None:
    """Asking for random ids fills no memory."""
    for number in range(3):
        assert (await cache.load(TENANT, f"thr_{number}")).seq == 0
        assert cache.at_hand(TENANT, f"thr_{number}") is None


async def test_a_cold_thread_that_many_ask_for_is_folded_once(log: GatedLog, cache: StateCache) -> None:
    """Those who join have one look behind what was loaded, as it may have begun before their call."""
    await write(log, *items(*map(str, range(30))))
    gate = log.hold("read")
    tasks = [asyncio.create_task(cache.load(TENANT, THREAD)) for _ in range(5)]
    await gate.reached.wait()
    await write(log, *items("late"))
    gate.open()
    states = await asyncio.gather(*tasks)
    assert reads(log).count(0) == 1
    assert [state.seq for state in states[1:]] == [31] * 4


async def test_cancelling_one_who_waits_for_a_cold_thread_disturbs_no_other(log: GatedLog, cache: StateCache) -> None:
    """Not even if it is the one who began."""
    await write(log, *items("a"))
    gate = log.hold("read_thread")
    first, second = (asyncio.create_task(cache.load(TENANT, THREAD)) for _ in range(2))
    await gate.reached.wait()
    first.cancel()
    gate.open()
    assert (await second).seq == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_error_of_the_log_reaches_all_who_wait_and_the_next_try_works(
    log: GatedLog, cache: StateCache
) -> None:
    """A failed load leaves nothing behind."""
    await write(log, *items("a"))
    log.fail("read_thread", LogError("the disk is gone"))
    results = await asyncio.gather(*(cache.load(TENANT, THREAD) for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["the disk is gone"] * 3
    assert (await cache.load(TENANT, THREAD)).seq == 1


async def test_what_this_process_commits_is_known_without_reading(log: GatedLog, cache: StateCache) -> None:
    """Events are folded when somebody asks; what came from elsewhere in between waits for a read."""
    await write(log, *items("a"))
    await cache.load(TENANT, THREAD)
    reads(log)
    cache.committed(await write(log, *items("b")))
    state = cache.at_hand(TENANT, THREAD)
    assert state is not None
    assert state.item_ids == ("a", "b")
    await write(log, *items("from elsewhere"))
    cache.committed(await write(log, *items("d")))
    state = cache.at_hand(TENANT, THREAD)
    assert state is not None
    assert state.item_ids == ("a", "b")
    assert reads(log) == []
    assert (await cache.load(TENANT, THREAD)).seq == 4


async def test_a_stream_is_judged_by_a_state_that_need_not_hold_its_text(log: GatedLog, cache: StateCache) -> None:
    """Updates alone are not folded for it; an item or a grant is; and what others wrote is looked for."""
    await write(log, ("thread.item.added", {"item": assistant("m")}))
    start = await cache.load(TENANT, THREAD)
    reads(log)
    update = {"item_id": "m", "update": {"type": "app.x"}}
    for seq in (2, 3):
        cache.committed(await write(log, ("thread.item.updated", update)))
        assert await cache.load_for_judging(TENANT, THREAD, at_least=seq) is start
    assert reads(log) == []
    assert await cache.load_for_judging(TENANT, THREAD) is start
    assert reads(log) == [3]
    cache.committed(await write(log, ("access.granted", {"user": "bob", "role": "viewer"})))
    assert (await cache.load_for_judging(TENANT, THREAD, at_least=4)).role_of("bob") == "viewer"
    await write(log, ("access.revoked", {"user": "bob"}))
    assert (await cache.load_for_judging(TENANT, THREAD)).role_of("bob") is None
    assert (await cache.load_for_judging(TENANT, "thr_2", at_least=7)).seq == 0


async def test_many_events_that_nobody_reads_are_folded_in_between(log: GatedLog) -> None:
    """What waits is bounded in events and in bytes."""
    cache = StateCache(log, default_registry(), bounds=CacheBounds(pending_events=4))
    await write(log, *items("a"))
    start = await cache.load(TENANT, THREAD)
    for name in "bcde":
        cache.committed(await write(log, *items(name)))
    cache.committed(await write(log, *items("f")))
    state = await cache.load_for_judging(TENANT, THREAD, at_least=6)
    assert state is not start
    assert state.seq == 6


async def test_memory_is_bounded_and_the_thread_used_last_stays(log: GatedLog) -> None:
    """Those that were not used for longest go first; one that is too large alone stays while it is used."""
    cache = StateCache(log, default_registry(), bounds=CacheBounds(bytes=20_000))
    for number in range(8):
        await write(log, ("thread.item.done", {"item": user("a", "x" * 2_000)}), thread=f"thr_{number}")
        await cache.load(TENANT, f"thr_{number}")
        await cache.load(TENANT, "thr_0")
    kept = [number for number in range(8) if cache.at_hand(TENANT, f"thr_{number}") is not None]
    assert {0, 7} <= set(kept)
    assert len(kept) == 4
    await write(log, ("thread.item.done", {"item": user("a", "x" * 100_000)}), thread="large")
    await cache.load(TENANT, "large")
    assert [number for number in range(8) if cache.at_hand(TENANT, f"thr_{number}") is not None] == []
    assert cache.at_hand(TENANT, "large") is not None


async def test_memory_of_what_waits_to_be_folded_is_reckoned_with(log: GatedLog) -> None:
    """Threads that are written and never read make room for others like the rest."""
    cache = StateCache(log, default_registry(), bounds=CacheBounds(bytes=50_000))
    for number in range(4):
        await write(log, *items("a"), thread=f"thr_{number}")
        await cache.load(TENANT, f"thr_{number}")
    for name in "bcdefgh":
        for number in range(4):
            cache.committed(await write(log, *items(name, "x" * 1_000), thread=f"thr_{number}"))
    kept = [number for number in range(4) if cache.at_hand(TENANT, f"thr_{number}") is not None]
    assert 0 < len(kept) < 4
    for number in range(4):
        assert len((await cache.load(TENANT, f"thr_{number}")).item_ids) == 9


async def snapshot(log: EventLog) -> Snapshot | None:
    """What is saved for the thread."""
    return await log.load_snapshot(TENANT, THREAD, PROJECTION, VERSION)


async def test_a_cold_thread_costs_its_snapshot_and_what_came_after(log: GatedLog, cache: StateCache) -> None:
    """A snapshot is saved in the background every few events, and spares reading what it holds."""
    await write(log, *items(*map(str, range(12))))
    whole = await cache.load(TENANT, THREAD)
    await cache.snapshots.settle()
    saved = await snapshot(log)
    assert saved is not None
    assert saved.seq == 12
    await write(log, *items("late"))
    reads(log)
    again = StateCache(log, default_registry())
    state = await again.load(TENANT, THREAD)
    assert state.item_ids == (*whole.item_ids, "late")
    assert reads(log) == [11, 12]


@pytest.mark.parametrize("what", ["check", "bytes", "seq", "beyond", "log"])
async def test_a_snapshot_that_is_not_of_this_history_is_not_used(log: GatedLog, cache: StateCache, what: str) -> None:
    """One that lies is as good as none."""
    events = await write(log, *items("a", "b"))
    forged = History()
    forged.item("done", user("forged"))
    forged.item("done", user("forged too"))
    seq = {"beyond": 9}.get(what, 2)
    check = "00000000" if what == "check" else events[1].check
    state = b"{" if what == "bytes" else forged.state(1 if what == "seq" else 2).to_json()
    await log.save_snapshot(
        Snapshot(
            tenant=TENANT, thread_id=THREAD, projection=PROJECTION, version=VERSION, seq=seq, check=check, state=state
        )
    )
    if what == "log":
        log.load_snapshot = _failing  # type: ignore[method-assign]
    assert (await cache.load(TENANT, THREAD)).item_ids == ("a", "b")


async def _failing(*_: Any) -> Snapshot | None:
    raise LogError("no snapshots today")


async def test_a_snapshot_that_cannot_be_saved_costs_nothing(log: GatedLog, cache: StateCache) -> None:
    """It is a cache, never the truth."""
    log.save_snapshot = _failing  # type: ignore[method-assign, assignment]
    await write(log, *items(*map(str, range(12))))
    assert (await cache.load(TENANT, THREAD)).seq == 12
    await cache.snapshots.settle()
    assert await snapshot(log) is None


async def test_a_log_opened_for_reading_is_given_no_snapshots(log: GatedLog) -> None:
    """A reader beside a writer writes nothing."""
    await write(log, *items(*map(str, range(12))))
    log._info = msgspec.structs.replace(log.info, read_only=True)
    cache = StateCache(log, default_registry(), bounds=CacheBounds(snapshot_events=1))
    log.save_snapshot = _failing_loudly  # type: ignore[method-assign, assignment]
    assert (await cache.load(TENANT, THREAD)).seq == 12
    await cache.snapshots.settle()


async def _failing_loudly(*_: Any) -> None:
    raise AssertionError("a snapshot was written")


async def test_the_state_at_every_seq_is_the_fold_up_to_there(log: GatedLog, cache: StateCache) -> None:
    """With and without a snapshot before it."""
    events: list[Event] = []
    for number in range(0, 25, 5):
        events += await write(log, *items(*map(str, range(number, number + 5))))
        await cache.load(TENANT, THREAD)
        await cache.snapshots.settle()
    for seq in range(1, 26):
        assert await cache.load_at(TENANT, THREAD, seq) == ThreadState.fold(events[:seq])


async def test_a_history_that_was_cut_is_folded_anew(cache: StateCache, log: GatedLog) -> None:
    """A state that is ahead of the log is not kept against it."""
    await write(log, *items("a", "b", "c"))
    await cache.load(TENANT, THREAD)
    thread = log._shards[0].threads[(TENANT, THREAD)]
    del thread.events[1:]
    assert (await cache.load(TENANT, THREAD)).item_ids == ("a",)


async def test_a_log_with_a_gap_is_called_corrupt(log: GatedLog, cache: StateCache) -> None:
    """A thread that does not go on by one is not folded."""
    await write(log, *items("a", "b", "c"))
    del log._shards[0].threads[(TENANT, THREAD)].events[1]
    with pytest.raises(LogCorrupt, match="seq 1"):
        await cache.load(TENANT, THREAD)


async def test_long_threads_are_read_page_by_page(cache: StateCache, log: GatedLog) -> None:
    """However many pages it takes."""
    for number in range(5):
        await write(log, *items(*(f"{number}-{place}" for place in range(600))))
    assert len((await cache.load(TENANT, THREAD)).item_ids) == 3000


async def test_old_payloads_are_lifted_before_they_are_folded(log: GatedLog) -> None:
    """An upcaster that fails leaves its event as it is stored, and the thread can be read."""
    registry = default_registry()

    @registry.upcaster("thread.item.done", 0)
    def _(payload: dict[str, Any]) -> dict[str, Any]:
        return {"item": {**payload["old"], "type": "user_message"}}

    cache = StateCache(log, registry)
    await write(log, *items("a"))
    plain = (await log.read_thread(TENANT, THREAD)).events[0]
    old = {key: value for key, value in user("b").items() if key != "type"}
    thread = log._shards[0].threads[(TENANT, THREAD)]
    for seq, payload in ((2, {"old": old}), (3, {"odd": 1})):
        fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
        fields |= {"seq": seq, "version": 0, "data": json.dumps(payload).encode()}
        thread.events.append(Event(**fields))
    state = await cache.load(TENANT, THREAD)
    assert (state.item_ids, state.ignored) == (("a", "b"), 1)


async def test_closing_ends_loads_that_are_under_way(log: GatedLog) -> None:
    """Nothing is left running."""
    cache = StateCache(log, default_registry())
    gate = log.hold("read_thread")
    task = asyncio.create_task(cache.load(TENANT, THREAD))
    await gate.reached.wait()
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_loads_that_overlap_never_take_the_state_back(log: GatedLog, cache: StateCache) -> None:
    """An answer that comes late is no older than the question, and leaves what is newer in place."""
    await write(log, *items("a"))
    await cache.load(TENANT, THREAD)
    await write(log, *items("b"))
    gate = log.hold("read")
    early = asyncio.create_task(cache.load(TENANT, THREAD))
    await gate.reached.wait()  # it has read "b"
    log.hold("read").open()
    await write(log, *items("c"))
    assert (await cache.load(TENANT, THREAD)).seq == 3
    gate.open()
    assert (await early).seq == 2
    at_hand = cache.at_hand(TENANT, THREAD)
    assert at_hand is not None
    assert at_hand.seq == 3


async def test_a_thread_that_is_given_up_as_soon_as_it_is_loaded_is_loaded_again(log: GatedLog) -> None:
    """Even where there is room for one thread only and many ask at once, everybody is answered."""
    cache = StateCache(log, default_registry(), bounds=CacheBounds(bytes=1))
    for number in range(3):
        await write(log, *items("a"), thread=f"thr_{number}")

    async def ask(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            thread = f"thr_{chance.randrange(3)}"
            state = await cache.load(TENANT, thread)
            assert (state.thread_id, state.seq) == (thread, 1)
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)

    await asyncio.gather(*map(ask, range(8)))
