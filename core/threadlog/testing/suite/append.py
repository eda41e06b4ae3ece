"""Level contract: appends and their outcomes (A1 to A6)."""

from __future__ import annotations

import msgspec
import pytest

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
    IdReused,
    InvalidAppend,
    NewEvent,
)
from threadlog.testing.clauses import clause
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.lab import Lab
from threadlog.testing.samples import (
    TENANT,
    THREAD,
    error_of,
    make,
    read,
    read_numbers,
    send,
    store,
    stored_of,
    tenants_of,
    values,
)

Column = dict[Expected, int]
"""For each way to expect, whether the append is taken."""


class OutcomeTests:
    """One outcome for each append, in order (A1)."""

    @clause("A1")
    async def test_a1_outcomes_are_in_the_order_of_the_appends(self, lab: Lab) -> None:
        """A call with appends to several threads and tenants of a shard answers each in its place."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 1, 2)
        await store(log, make(1, thread="b", tenant=first))
        appends = [
            make(7, thread="b", tenant=first, expected=Expect.NO_THREAD),
            make(10, 11, thread="a", tenant=second),
            make(8, thread="c", tenant=second, expected=5),
            make(20, thread="d", tenant=first),
            make(40, thread="d", tenant=first),
            make(30, thread="b", tenant=first),
        ]
        outcomes = await send(log, *appends)
        assert len(outcomes) == len(appends), (
            f"{len(outcomes)} outcomes came back for {len(appends)} appends: one is due for each, conflicts included"
        )
        for append, outcome in zip(appends, outcomes, strict=True):
            assert isinstance(outcome, Appended | Duplicate | Conflict | IdReused), f"{outcome!r} is no outcome"
            mine = sorted(int(new.data) for new in append.events)
            assert sorted(values(stored_of([outcome]))) in (mine, []), "the outcome is that of another append"

    @clause("A1")
    async def test_a1_a_conflict_does_not_disturb_its_neighbours(self, lab: Lab) -> None:
        """What stands before and after a conflict is stored, also in the same thread."""
        log = await lab.open()
        plain = await send(log, make(1), make(3), make(4, thread="other"))
        outcomes = await send(log, make(5), make(2, expected=Expect.NO_THREAD), make(6), make(7, thread="other"))
        if [type(outcome) for outcome in plain] == [Appended] * 3:  # else it is no matter of neighbours
            for place in (0, 2, 3):
                assert isinstance(outcomes[place], Appended), f"append {place} of the call was to be stored"

    @clause("A1")
    async def test_a1_no_appends_have_no_outcomes(self, lab: Lab) -> None:
        """A call without appends answers with nothing and changes nothing."""
        log = await lab.open()
        assert list(await log.append(0, [])) == []

    @clause("A1")
    async def test_a1_equal_outcomes_are_one_for_each_append(self, lab: Lab) -> None:
        """Three appends that meet the same conflict get three outcomes."""
        log = await lab.open()
        outcomes = await send(log, *(make(n, thread=f"t{n}", expected=5) for n in range(3)))
        assert len(outcomes) == 3, f"{len(outcomes)} outcomes came back for 3 appends"

    @clause("A8")
    async def test_a8_an_event_comes_back_whole(self, lab: Lab) -> None:
        """The outcome holds every field that was given, and what a read gives is the same."""
        log = await lab.open()
        events = (
            NewEvent("thread.created", b"1", version=3, head=HeadChange(owner="alice", title=None)),
            NewEvent("thread.item.added", b"2"),
        )
        given = Append(
            tenant="tenant",
            thread_id=THREAD,
            append_id="append",
            expected=0,
            events=events,
            actor="user:alice",
            run_id="run_1",
            trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        stored = await store(log, given)
        _assert_as_given(stored, given)
        _assert_as_given(await read(log), given)

    @clause("A8")
    async def test_a8_times_come_back_to_the_microsecond(self, lab: Lab) -> None:
        """What is read has the times that the outcomes told, however they fall."""
        log = await lab.open()
        told = {n: (await store(log, make(n)))[0].time_us for n in range(20)}
        page = await log.read_thread(TENANT, THREAD)
        for event in page.events:
            assert event.time_us == told[int(event.data)], "a time is rounded, or taken anew"

    @clause("A1")
    async def test_a1_appends_of_another_shard_are_refused(self, lab: Lab) -> None:
        """An append of a tenant that does not live in the shard has no outcome: the call is refused."""
        log = await lab.open(shards=2)
        here, there = tenants_of(2, 0, 1)[0], tenants_of(2, 1, 1)[0]
        for tenants in ((here, there), (there, here)):
            with pytest.raises(InvalidAppend):
                await log.append(0, [make(1, tenant=tenant) for tenant in tenants])

    @clause("A9")
    async def test_a9_a_call_with_an_append_of_another_shard_writes_nothing(self, lab: Lab) -> None:
        """What stands before it in the call is not stored either."""
        log = await lab.open(shards=2)
        here, there = tenants_of(2, 0, 1)[0], tenants_of(2, 1, 1)[0]
        if await error_of(log.append(0, [make(1, tenant=here), make(2, tenant=there)])):  # else it is A1
            assert await read_numbers(log, tenant=here) == []


class SeqTests:
    """Seq, expected and conflicts (A3, A4, A5)."""

    @clause("A3")
    async def test_a3_seq_counts_from_one_in_the_order_given(self, lab: Lab) -> None:
        """Events of one append, of one call and of several calls are numbered as they were given."""
        log = await lab.open()
        events = await _store_own(log, make(*range(1, 8)))
        events += await _store_own(log, make(8, 9, 10), make(11), make(12, 13, 14, 15))
        assert [event.seq for event in events] == list(range(1, 16)), "seq must be 1, 2, 3 …"
        assert values(events) == list(range(1, 16)), "events are not in the order in which they were given"
        page = await log.read_thread(TENANT, THREAD)
        assert [event for event in page.events if event.seq != int(event.data)] == [], "events are read at other seqs"

    @clause("A3")
    async def test_a3_each_thread_counts_for_itself(self, lab: Lab) -> None:
        """Appends to several threads in one call, also of several tenants, leave no gap in any."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 0, 2)
        appends = [make(n, thread=f"t{n % 3}", tenant=(first, second)[n % 2]) for n in range(24)]
        stored = await _store_own(log, *appends)
        for tenant in (first, second):
            for thread in ("t0", "t1", "t2"):
                seqs = [event.seq for event in stored if (event.tenant, event.thread_id) == (tenant, thread)]
                assert seqs == [1, 2, 3, 4]

    @clause("A3")
    async def test_a3_what_is_not_written_takes_no_number(self, lab: Lab) -> None:
        """Neither a conflict nor a duplicate nor a reused id leaves a gap in seq."""
        log = await lab.open()
        first = make(1)
        stored = await store(log, first)
        between = stored_of(
            await send(log, make(2, expected=Expect.NO_THREAD), first, make(3, append_id=first.append_id))
        )
        between = [event for event in between if event.id not in {kept.id for kept in stored}]  # told again is A6
        last = await store(log, make(4))
        assert [event.seq for event in (*between, *last)] == list(range(2, len(between) + 3))

    @clause("A3")
    async def test_a3_seq_goes_on_after_reopening(self, lab: Lab) -> None:
        """A restart neither repeats nor skips a seq."""
        log = await lab.open()
        await store(log, make(1, 2), make(3, thread="other"))
        log = await lab.reopen(log)
        stored = await _store_own(log, make(4, 5), make(6, thread="other"), make(7, thread="new"))
        assert [event.seq for event in stored] == [3, 4, 2, 1]

    @clause("A4")
    async def test_a4_no_thread(self, lab: Lab) -> None:
        """The column of the table for a thread without events."""
        log = await lab.open()
        column: Column = {Expect.NO_THREAD: 1, 0: 1, Expect.THREAD_EXISTS: 0, Expect.ANY: 1, 1: 0, 5: 0, 2**32: 0}
        await _check_column(log, "fresh", column)

    @clause("A4")
    async def test_a4_live_thread(self, lab: Lab) -> None:
        """The column of the table for a live thread of three events."""
        log = await lab.open()
        column: Column = {
            Expect.NO_THREAD: 0,
            0: 0,
            Expect.THREAD_EXISTS: 1,
            Expect.ANY: 1,
            2: 0,
            3: 1,
            4: 0,
            2**32 + 3: 0,
            2**63 - 1: 0,
        }
        await _check_column(log, "live", column)

    @clause("A4")
    async def test_a4_deleted_thread(self, lab: Lab) -> None:
        """The column for a deleted thread of three events: only who names its exact seq may write."""
        log = await lab.open()
        column: Column = {Expect.NO_THREAD: 0, 0: 0, Expect.THREAD_EXISTS: 0, Expect.ANY: 0, 2: 0, 3: 1, 4: 0}
        await _check_column(log, "deleted", column)

    @clause("A4")
    async def test_a4_a_deleted_thread_that_goes_on_stays_deleted(self, lab: Lab) -> None:
        """What is appended to a deleted thread, with its exact seq, does not end the deletion."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(deleted=True)))
        for seq, head in ((1, None), (2, HeadChange(title="t"))):
            await send(log, make(2, expected=seq, head=head))
            for expected in (Expect.ANY, Expect.THREAD_EXISTS):
                (outcome,) = await send(log, make(9, expected=expected))
                assert isinstance(outcome, Conflict), f"{expected} appended to a deleted thread"

    @clause("A4")
    async def test_a4_deleted_thread_after_reopening(self, lab: Lab) -> None:
        """That a thread is deleted is not forgotten."""
        log = await lab.open()
        await store(log, make(1), make(2, head=HeadChange(deleted=True)))
        log = await lab.reopen(log)
        for expected in (Expect.ANY, Expect.THREAD_EXISTS, Expect.NO_THREAD):
            (outcome,) = await send(log, make(3, expected=expected))
            assert isinstance(outcome, Conflict), f"{expected} appended to a deleted thread"

    @clause("A4")
    async def test_a4_a_thread_that_is_brought_back_is_live(self, lab: Lab) -> None:
        """`deleted=False` at the exact seq ends the deletion."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(deleted=True)))
        await store(log, make(2, expected=1, head=HeadChange(deleted=False)))
        await store(log, make(3, expected=Expect.THREAD_EXISTS))

    @clause("A4")
    async def test_a4_earlier_appends_of_the_call_count(self, lab: Lab) -> None:
        """Each append of a call meets the thread as the ones before it have left it."""
        log = await lab.open()
        appends = (
            make(1, expected=0),
            make(2, expected=1),
            make(3, expected=Expect.THREAD_EXISTS),
            make(4, expected=3),
        )
        assert [type(outcome) for outcome in await send(log, *appends)] == [Appended] * 4

    @clause("A5")
    async def test_a5_a_conflict_carries_the_actual_seq(self, lab: Lab) -> None:
        """Whatever was expected, `current_seq` is the thread's last seq, and 0 where there is none."""
        log = await lab.open()
        await _check_conflict(log, make(1, thread="none", expected=4))
        await store(log, make(1), make(2))
        for expected in (0, 1, 5, Expect.NO_THREAD):
            await _check_conflict(log, make(9, expected=expected))

    @clause("A5")
    async def test_a5_a_conflict_counts_earlier_appends_of_the_call(self, lab: Lab) -> None:
        """The seq in a conflict includes what the same call has just appended."""
        log = await lab.open()
        await store(log, make(1))
        await _check_conflict(log, make(2), make(3), make(9, expected=1))

    @clause("A4")
    async def test_a4_each_append_of_the_call_is_checked(self, lab: Lab) -> None:
        """That the first append of a thread is as expected says nothing of the next ones."""
        log = await lab.open()
        await store(log, make(1))
        await send(log, make(2, expected=1), make(3, expected=1), make(4, expected=9))
        stored = await read_numbers(log)
        assert not {3, 4} & set(stored), f"only 2 was as expected in the call, and stored is {stored}"

    @clause("A5")
    async def test_a5_a_conflict_does_not_count_later_appends(self, lab: Lab) -> None:
        """The seq in a conflict is that of its turn, and not that of the end of the call."""
        log = await lab.open()
        (before,) = await store(log, make(1))
        refused = (await send(log, make(9, expected=7), make(2)))[0]
        if isinstance(refused, Conflict):  # that it must be is A4, and its place is A1
            assert refused == Conflict(before.seq)

    @clause("A5")
    async def test_a5_a_conflict_tells_of_deletion(self, lab: Lab) -> None:
        """A conflict with a deleted thread says that it is deleted."""
        log = await lab.open()
        await store(log, make(1), make(2, head=HeadChange(deleted=True)))
        await _check_conflict(log, make(9, expected=1), deleted=True)

    @clause("A5")
    async def test_a5_a_conflict_writes_nothing(self, lab: Lab) -> None:
        """Neither events nor the head change of a refused append are kept, nor its append id."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(title="kept")))
        heads = await log.list_heads("tenant")
        refused = make(2, expected=0, head=HeadChange(title="lost", deleted=True))
        if not isinstance((await send(log, refused))[0], Conflict):
            return  # that it must be is A4
        assert await read_numbers(log) == [1]
        assert await log.list_heads("tenant") == heads, "the head change of a refused append was made"
        (other,), (again,) = await send(log, make(3)), await send(log, make(2, append_id=refused.append_id))
        assert type(again) is type(other), f"the id of a refused append is free, and an append under it gives {again}"

    @clause("A5")
    async def test_a5_a_refused_append_does_not_come_up_later(self, lab: Lab) -> None:
        """Whatever follows a conflict, be it a restart, the events that were refused are never there."""
        log = await lab.open()
        for n in range(10):
            await store(log, make(n))
            (refused,) = await send(log, make(99, expected=10**6))
            if not isinstance(refused, Conflict):
                return  # that it must be is A4
        for _ in range(2):
            assert 99 not in await read_numbers(log), "what was refused is stored with something that came later"
            log = await lab.reopen(log)


class IdTests:
    """Append ids: duplicates and reused ids (A6)."""

    @clause("A6")
    async def test_a6_a_retry_is_a_duplicate_whatever_is_expected(self, lab: Lab) -> None:
        """The same id and bytes give the original events, though the thread has gone on."""
        log = await lab.open()
        first = make(1, 2, append_id="first", expected=0)
        original = await store(log, first)
        await store(log, make(3))
        for expected in (0, 1, 3, 99, Expect.ANY, Expect.NO_THREAD, Expect.THREAD_EXISTS):
            (outcome,) = await send(log, make(1, 2, append_id="first", expected=expected))
            assert outcome == Duplicate(original), f"expected={expected}"
        assert await read_numbers(log) == [1, 2, 3], "a duplicate must write nothing"

    @clause("A6")
    async def test_a6_other_bytes_are_a_reused_id(self, lab: Lab) -> None:
        """The id of another append is answered with where that one begins, and nothing is written."""
        log = await lab.open()
        await store(log, make(0))
        await store(log, make(1, 2, append_id="taken"))
        others = [
            make(1, append_id="taken"),
            make(1, 3, append_id="taken"),
            make(2, 1, append_id="taken"),
            make(1, 2, 3, append_id="taken"),
            make(events=(NewEvent("other", b"1"), NewEvent("number", b"2")), append_id="taken"),
            make(events=(NewEvent("number", b"1", version=2), NewEvent("number", b"2")), append_id="taken"),
            make(1, 2, append_id="taken", head=HeadChange(title="x")),
            make(1, 2, append_id="taken", head=HeadChange()),
            make(1, 3, append_id="taken", expected=0),
        ]
        for other in others:
            assert (await send(log, other))[0] == IdReused(2), f"{other.events} under the id of other bytes"
        assert await read_numbers(log) == [0, 1, 2]

    @clause("A6")
    async def test_a6_a_retry_may_come_from_elsewhere(self, lab: Lab) -> None:
        """Actor, run and trace are not compared; the original ones stay."""
        log = await lab.open()
        first = make(1, append_id="a")
        original = await store(log, msgspec.structs.replace(first, actor="user:a", run_id="r1"))
        (outcome,) = await send(log, msgspec.structs.replace(first, actor="user:b", trace="00-1-2-01"))
        assert outcome == Duplicate(original), (
            "a retry is due the events of the first time, with their ids, numbers and times; likely they are made anew"
        )

    @clause("A6")
    async def test_a6_a_head_change_is_compared_as_it_was_given(self, lab: Lab) -> None:
        """A title that is cleared is not the same as one that is left alone; the same change is a duplicate."""
        log = await lab.open()
        head = HeadChange(owner="a", title=None, status="locked", info='{"x":1}', deleted=False)
        await store(log, make(1, append_id="a", head=head))
        assert isinstance((await send(log, make(1, append_id="a", head=head)))[0], Duplicate)
        less = HeadChange(owner="a", status="locked", info='{"x":1}', deleted=False)
        assert isinstance((await send(log, make(1, append_id="a", head=less)))[0], IdReused)

    @clause("A6")
    async def test_a6_ids_count_within_one_call(self, lab: Lab) -> None:
        """The second of two equal appends of a call is a duplicate of the first; with other bytes its id is reused."""
        log = await lab.open()
        twice = make(1, append_id="twice", expected=0)
        outcomes = await send(log, twice, twice, make(2, append_id="twice"))
        if not isinstance(outcomes[0], Appended):
            return  # an outcome in the wrong place is A1
        assert [type(outcome) for outcome in outcomes] == [Appended, Duplicate, IdReused]
        assert outcomes[1].events == outcomes[0].events  # type: ignore[union-attr]
        assert await read_numbers(log) == [1]

    @clause("A6")
    async def test_a6_ids_are_known_after_reopening(self, lab: Lab) -> None:
        """A retry after a restart is a duplicate with the original numbers, ids and times."""
        log = await lab.open()
        first = make(1, 2, expected=0)
        original = await store(log, first)
        await store(log, make(3))
        log = await lab.reopen(log)
        assert (await send(log, first))[0] == Duplicate(original)
        assert (await send(log, make(9, append_id=first.append_id)))[0] == IdReused(1)

    @clause("A6")
    async def test_a6_an_id_belongs_to_its_thread(self, lab: Lab) -> None:
        """The same id names different appends in different threads and tenants."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 0, 2)
        same = [make(1, append_id="same", thread=thread, tenant=of) for of in (first, second) for thread in ("a", "b")]
        assert [type(outcome) for outcome in await send(log, *same)] == [Appended] * 4

    @clause("A6")
    async def test_a6_a_deleted_thread_remembers(self, lab: Lab) -> None:
        """A retry of an append of a deleted thread is a duplicate, not a conflict."""
        log = await lab.open()
        first = make(1)
        original = await store(log, first)
        await store(log, make(2, head=HeadChange(deleted=True)))
        assert (await send(log, first))[0] == Duplicate(original)


async def _store_own(log: EventLog, *appends: Append) -> list[Event]:
    """Send appends that must be stored; gives all their events, each from the outcome of its own append."""
    outcomes = await send(log, *appends)
    for append, outcome in zip(appends, outcomes, strict=False):
        if sorted(values(stored_of([outcome]))) != sorted(int(new.data) for new in append.events):
            raise ClauseBroken("A1", f"append {append} is answered with {outcome}, which is of other events")
    return stored_of(outcomes)


def _assert_as_given(stored: tuple[Event, ...], given: Append) -> None:
    """Whatever has come back is as it was given; that all is there, and in which order, are other clauses."""
    as_given = [(new.type, new.version, new.data, new.head) for new in given.events]
    for event in stored:
        assert (event.type, event.version, event.data, event.head) in as_given
        assert (event.tenant, event.thread_id, event.append_id) == (given.tenant, given.thread_id, given.append_id)
        assert (event.actor, event.run_id, event.trace) == (given.actor, given.run_id, given.trace)


async def _check_column(log: EventLog, kind: str, column: Column) -> None:
    """Each way to expect meets a thread of its own."""
    for place, (expected, appends) in enumerate(column.items()):
        thread = f"{kind}-{place}"
        if kind != "fresh":
            await store(log, make(1, 2, thread=thread))
            await store(log, make(3, thread=thread, head=HeadChange(owner="o", deleted=kind == "deleted")))
        (outcome,) = await send(log, make(4, thread=thread, expected=expected))
        wanted = Appended if appends else Conflict
        assert isinstance(outcome, wanted), f"{kind} thread, expected {expected}: {wanted.__name__} and not {outcome}"


async def _check_conflict(log: EventLog, *appends: Append, deleted: bool = False) -> None:
    """The last append of a call carries, if it is refused (which is A4), the thread's seq as it then is."""
    outcome = (await send(log, *appends))[-1]
    if isinstance(outcome, Conflict):
        seqs = [event.seq for event in await read(log, appends[-1].thread_id)]
        assert outcome == Conflict(max(seqs, default=0), deleted)
