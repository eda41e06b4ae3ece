"""Level contract: appends and their outcomes."""

from __future__ import annotations

import uuid

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
    Outcome,
    TooLarge,
)
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import THREAD, make, read, read_numbers, read_shard, send, store, tenants_of, values

ODD_PAYLOADS = (
    b"{}",
    b'{"b":1.10,"a":1,"a":2}',
    b' { "spaced" : [ 1 , 2 ] }\t',
    b"1e2",
    b"-0.0",
    b"123456789012345678901234567890.10",
    b'"\\u00e9\\u0000\\/\\ud83d\\ude00"',
    '"é e\u0301 日本 😀 \u2028 \u200b \ufeff"'.encode(),
    b"null",
    b'""',
    b"[" * 50 + b"]" * 50,
    b'{"$where":"1","a.b":{"$numberLong":"5"},"":0}',
    b'"' + b"x" * 70_000 + b'"',
)
"""Payloads that a storage changes which parses, normalises, trims or truncates."""

ODD_IDS = (
    "a/b",
    "a\\b",
    "..",
    " lead",
    "trail ",
    "a.b$c",
    "%2e",
    "'; --",
    "é",
    "e\u0301",
    "日本",
    "😀",
    "ß",
    "null",
    "0",
    "-1",
    "a:b#c@d|e",
    "x" * 200,
    "\u2028",
    "\uffff",
)
"""Ids that a storage mixes up or loses which takes them for paths, numbers, patterns or parts of keys."""


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
        outcomes = await send(
            log,
            make(7, thread="b", tenant=first, expected=Expect.NO_THREAD),
            make(10, 11, thread="a", tenant=second),
            make(8, thread="c", tenant=second, expected=5),
            make(20, thread="c", tenant=first),
            make(30, thread="a", tenant=first),
        )
        assert [type(outcome) for outcome in outcomes] == [Conflict, Appended, Conflict, Appended, Appended]
        assert [_values(outcome) for outcome in outcomes if isinstance(outcome, Appended)] == [[10, 11], [20], [30]]

    @clause("A1")
    async def test_a1_a_conflict_does_not_disturb_its_neighbours(self, lab: Lab) -> None:
        """What stands before and after a conflict is stored, also in the same thread."""
        log = await lab.open()
        refused = make(2, expected=Expect.NO_THREAD)
        outcomes = await send(log, make(1), refused, make(3), make(4, thread="other"))
        assert [type(outcome) for outcome in outcomes] == [Appended, Conflict, Appended, Appended]
        assert await read_numbers(log) == [1, 3]
        assert await read_numbers(log, "other") == [4]

    @clause("A1")
    async def test_a1_no_appends_have_no_outcomes(self, lab: Lab) -> None:
        """A call without appends answers with nothing and changes nothing."""
        log = await lab.open()
        assert list(await log.append(0, [])) == []

    @clause("A1")
    async def test_a1_an_event_comes_back_whole(self, lab: Lab) -> None:
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

    @clause("A1")
    async def test_a1_appends_of_another_shard_are_refused(self, lab: Lab) -> None:
        """A tenant's append in a call to a shard where it does not live is refused, and nothing is written."""
        log = await lab.open(shards=2)
        here, there = tenants_of(2, 0, 1)[0], tenants_of(2, 1, 1)[0]
        with pytest.raises(InvalidAppend):
            await log.append(0, [make(1, tenant=here), make(2, tenant=there)])
        assert await read_numbers(log, tenant=here) == []
        for shard in (-1, 2):
            with pytest.raises(ValueError):  # noqa: PT011 - any ValueError will do
                await log.append(shard, [make(1, tenant=here)])


class SeqTests:
    """Seq, expected and conflicts (A3, A4, A5)."""

    @clause("A3")
    async def test_a3_seq_counts_from_one_in_the_order_given(self, lab: Lab) -> None:
        """Events of one append, of one call and of several calls are numbered as they were given."""
        log = await lab.open()
        await store(log, make(*range(1, 8)))
        await store(log, make(8, 9, 10), make(11), make(12, 13, 14, 15))
        events = await read(log)
        assert [event.seq for event in events] == list(range(1, 16)), "seq must be 1, 2, 3 …"
        assert values(events) == list(range(1, 16)), "events are not in the order in which they were given"

    @clause("A3")
    async def test_a3_each_thread_counts_for_itself(self, lab: Lab) -> None:
        """Appends to several threads in one call, also of several tenants, leave no gap in any."""
        log = await lab.open(shards=2)
        first, second = tenants_of(2, 0, 2)
        await store(log, *(make(n, thread=f"t{n % 3}", tenant=(first, second)[n % 2]) for n in range(24)))
        for tenant in (first, second):
            for thread in ("t0", "t1", "t2"):
                assert [event.seq for event in await read(log, thread, tenant)] == [1, 2, 3, 4]

    @clause("A3")
    async def test_a3_what_is_not_written_takes_no_number(self, lab: Lab) -> None:
        """Neither a conflict nor a duplicate nor a reused id leaves a gap in seq."""
        log = await lab.open()
        first = make(1)
        await store(log, first)
        await send(log, make(2, expected=Expect.NO_THREAD), first, make(3, append_id=first.append_id))
        stored = await store(log, make(4))
        assert stored[0].seq == 2, f"seq {stored[0].seq} follows on 1"

    @clause("A3")
    async def test_a3_seq_goes_on_after_reopening(self, lab: Lab) -> None:
        """A restart neither repeats nor skips a seq."""
        log = await lab.open()
        await store(log, make(1, 2), make(3, thread="other"))
        log = await lab.reopen(log)
        await store(log, make(4), make(5, thread="other"), make(6, thread="new"))
        for thread, seqs in (("thread", [1, 2, 3]), ("other", [1, 2]), ("new", [1])):
            assert [event.seq for event in await read(log, thread)] == seqs

    @clause("A4")
    async def test_a4_no_thread(self, lab: Lab) -> None:
        """The column of the table for a thread without events."""
        log = await lab.open()
        column: Column = {Expect.NO_THREAD: 1, 0: 1, Expect.THREAD_EXISTS: 0, Expect.ANY: 1, 1: 0, 5: 0}
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
        assert (await send(log, make(1, expected=4)))[0] == Conflict(0)
        await store(log, make(1), make(2))
        for expected in (0, 1, 5, Expect.NO_THREAD):
            assert (await send(log, make(9, expected=expected)))[0] == Conflict(2)

    @clause("A5")
    async def test_a5_a_conflict_counts_earlier_appends_of_the_call(self, lab: Lab) -> None:
        """The seq in a conflict includes what the same call has just appended."""
        log = await lab.open()
        await store(log, make(1))
        outcomes = await send(log, make(2), make(3), make(9, expected=1))
        assert outcomes[2] == Conflict(3)

    @clause("A5")
    async def test_a5_a_conflict_tells_of_deletion(self, lab: Lab) -> None:
        """A conflict with a deleted thread says that it is deleted."""
        log = await lab.open()
        await store(log, make(1), make(2, head=HeadChange(deleted=True)))
        assert (await send(log, make(9, expected=1)))[0] == Conflict(2, deleted=True)

    @clause("A5")
    async def test_a5_a_conflict_writes_nothing(self, lab: Lab) -> None:
        """Neither events nor the head change of a refused append are kept, nor its append id."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(title="kept")))
        refused = make(2, expected=0, head=HeadChange(title="lost", deleted=True))
        await send(log, refused)
        assert await read_numbers(log) == [1]
        assert [head.title for head in (await log.list_heads("tenant")).heads] == ["kept"]
        again = make(2, append_id=refused.append_id, expected=1)
        assert isinstance((await send(log, again))[0], Appended), "the id of a refused append is free"


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
        assert outcome == Duplicate(original)

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
    async def test_a6_ids_are_compared_exactly(self, lab: Lab) -> None:
        """Ids that differ in case, in a space or in their Unicode form are different."""
        log = await lab.open()
        for append_id in ("a", "A", "a ", " a", "\u00e9", "e\u0301", "ss", "ß"):
            await store(log, make(1, append_id=append_id))
        assert len(await read(log)) == 8

    @clause("A6")
    async def test_a6_a_deleted_thread_remembers(self, lab: Lab) -> None:
        """A retry of an append of a deleted thread is a duplicate, not a conflict."""
        log = await lab.open()
        first = make(1)
        original = await store(log, first)
        await store(log, make(2, head=HeadChange(deleted=True)))
        assert (await send(log, first))[0] == Duplicate(original)


class PayloadTests:
    """Bytes, sizes, ids of events and what is acknowledged (A7, A8, A9, F4)."""

    @clause("A7")
    async def test_a7_the_level_is_the_declared_one(self, lab: Lab) -> None:
        """`info.durability` says what the backend declares to attain here."""
        log = await lab.open()
        assert log.info.durability == lab.backend.durability

    @clause("A7")
    async def test_a7_what_was_acknowledged_is_there_after_reopening(self, lab: Lab) -> None:
        """All appends of all calls, large and small, are found again."""
        log = await lab.open()
        for call in range(5):
            await store(log, *(make(call * 10 + n, thread=f"t{n}") for n in range(call + 1)))
        log = await lab.reopen(log)
        found = {n: await read_numbers(log, f"t{n}") for n in range(5)}
        assert found == {n: [call * 10 + n for call in range(n, 5)] for n in range(5)}

    @clause("A7")
    async def test_a7_nothing_else_is_there_after_reopening(self, lab: Lab) -> None:
        """Conflicts, refusals and duplicates leave nothing behind that a restart could bring up."""
        log = await lab.open()
        first = make(1)
        await store(log, first)
        await send(log, make(2, expected=0), first, make(3, append_id=first.append_id))
        log = await lab.reopen(log)
        assert await read_numbers(log) == [1]

    @clause("A8")
    async def test_a8_payload_bytes_come_back_exactly(self, lab: Lab) -> None:
        """Spacing, key order, repeated keys, numbers, escapes and Unicode forms are kept byte for byte."""
        log = await lab.open()
        await _check_payloads(log, await store(log, make(events=_odd_events())))

    @clause("A8")
    async def test_a8_payload_bytes_are_exact_after_reopening(self, lab: Lab) -> None:
        """The same bytes come back from storage, and for a retry they still are the same."""
        log = await lab.open()
        stored = await store(log, make(events=_odd_events(), append_id="odd"))
        log = await lab.reopen(log)
        await _check_payloads(log, stored)
        (outcome,) = await send(log, make(events=_odd_events(), append_id="odd"))
        assert not isinstance(outcome, IdReused), "a retry no longer finds the bytes that it sent"

    @clause("A8")
    async def test_a8_types_and_ids_come_back_exactly(self, lab: Lab) -> None:
        """Threads, append ids, types and actors of odd characters are kept, and kept apart."""
        log = await lab.open()
        for place, odd in enumerate(ODD_IDS):
            events = (NewEvent(odd, b"%d" % place),)
            await store(
                log,
                Append(tenant="tenant", thread_id=odd, append_id=odd, expected=0, events=events, actor=odd, run_id=odd),
            )
        for place, odd in enumerate(ODD_IDS):
            (event,) = await read(log, odd)
            kept = (event.thread_id, event.append_id, event.type, event.actor, event.run_id, event.data)
            assert kept == (odd, odd, odd, odd, odd, b"%d" % place)

    @clause("A8")
    async def test_a8_odd_tenants_are_kept_apart(self, lab: Lab) -> None:
        """Tenants of odd characters are different tenants."""
        log = await lab.open()
        for place, odd in enumerate(ODD_IDS):
            await store(log, make(place, tenant=odd))
        for place, odd in enumerate(ODD_IDS):
            assert await read_numbers(log, tenant=odd) == [place]

    @clause("A9")
    async def test_a9_a_large_event_is_refused_and_the_largest_taken(self, lab: Lab) -> None:
        """A payload of exactly the limit is stored; one byte more raises `TooLarge` with the numbers."""
        log = await lab.open()
        most = log.info.limits.event_bytes
        await store(log, make(events=(_payload(most),), thread="most"))
        await _check_too_large(log, "event_bytes", most, make(events=(_payload(most + 1),)))

    @clause("A9")
    async def test_a9_an_append_of_many_events_is_refused(self, lab: Lab) -> None:
        """As many events as the limit says are stored; one more is refused."""
        log = await lab.open()
        most = log.info.limits.append_events
        await store(log, make(*range(most), thread="most"))
        await _check_too_large(log, "append_events", most, make(*range(most + 1)))

    @clause("A9")
    async def test_a9_an_append_of_many_bytes_is_refused(self, lab: Lab) -> None:
        """The payloads of an append are bounded together, too."""
        log = await lab.open()
        limits = log.info.limits
        pieces = [limits.event_bytes] * (limits.append_bytes // limits.event_bytes)
        if len(pieces) >= limits.append_events or limits.append_bytes == 0:
            pytest.skip("the other limits are reached first")
        large = make(events=tuple(_payload(size) for size in [*pieces, limits.event_bytes]))
        await _check_too_large(log, "append_bytes", limits.append_bytes, large)

    @clause("A9")
    async def test_a9_a_call_of_too_many_events_writes_nothing(self, lab: Lab) -> None:
        """A call over its limit is refused as a whole; the same appends in two calls are stored."""
        log = await lab.open()
        limits = log.info.limits
        half = min(limits.batch_events, limits.append_events)
        count = limits.batch_events // half + 1
        appends = [make(*range(half), thread=f"t{n}") for n in range(count)]
        with pytest.raises(TooLarge) as caught:
            await send(log, *appends)
        assert (caught.value.what, caught.value.limit) == ("batch_events", limits.batch_events)
        assert [await read(log, f"t{n}") for n in range(count)] == [()] * count
        for append in appends:
            await store(log, append)

    @clause("A9")
    async def test_a9_a_large_append_spoils_its_call(self, lab: Lab) -> None:
        """One append that is too large refuses the call, neighbours included, before anything is written."""
        log = await lab.open()
        large = make(events=(_payload(log.info.limits.event_bytes + 1),), thread="large")
        for call in ([make(1, thread="a"), large], [large, make(1, thread="a")]):
            with pytest.raises(TooLarge):
                await send(log, *call)
            assert await read(log, "a") == ()
            assert await read(log, "large") == ()

    @clause("F4")
    async def test_f4_every_event_has_an_id_of_its_own(self, lab: Lab) -> None:
        """Ids are UUIDv7; the digits that a cursor carries differ from event to event."""
        log = await lab.open()
        events = [*await store(log, make(*range(50))), *await store(log, make(1), make(2, thread="b"))]
        ids = [uuid.UUID(event.id) for event in events]
        assert {(one.version, one.variant) for one in ids} == {(7, uuid.RFC_4122)}
        assert [str(one) for one in ids] == [event.id for event in events], "ids are written in lower case"
        assert len({event.check for event in events}) > 45, "the last 8 digits must be random"

    @clause("F4")
    async def test_f4_two_histories_differ(self, lab: Lab) -> None:
        """The same appends in two logs have different ids, so that no cursor of one fits the other."""
        first, second = await lab.open("first"), await lab.open("second")
        pairs = zip(await store(first, make(1, 2, 3)), await store(second, make(1, 2, 3)), strict=True)
        assert [one.seq for one, other in pairs if one.check == other.check] == []

    @clause("F4")
    async def test_f4_an_id_stays_after_reopening(self, lab: Lab) -> None:
        """A cursor taken before a restart fits after it."""
        log = await lab.open()
        stored = await store(log, make(1, 2))
        log = await lab.reopen(log)
        assert [event.id for event in await read(log)] == [event.id for event in stored]


def _values(outcome: Outcome) -> list[int]:
    assert isinstance(outcome, Appended)
    return values(outcome.events)


def _assert_as_given(stored: tuple[Event, ...], given: Append) -> None:
    assert [(event.type, event.version, event.data, event.head) for event in stored] == [
        (new.type, new.version, new.data, new.head) for new in given.events
    ]
    for event in stored:
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


def _odd_events() -> tuple[NewEvent, ...]:
    return tuple(NewEvent("odd", payload) for payload in ODD_PAYLOADS)


async def _check_payloads(log: EventLog, stored: tuple[Event, ...]) -> None:
    shard = await read_shard(log, log.shard_of("tenant"))
    for events in (stored, await read(log), shard):
        for event, payload in zip(events, ODD_PAYLOADS, strict=True):
            assert bytes(event.data) == payload


def _payload(size: int) -> NewEvent:
    return NewEvent("large", b'"' + b"x" * (size - 2) + b'"')


async def _check_too_large(log: EventLog, what: str, limit: int, append: Append) -> None:
    with pytest.raises(TooLarge) as caught:
        await send(log, append)
    assert (caught.value.what, caught.value.limit) == (what, limit)
    assert caught.value.size > limit
    assert await read(log, append.thread_id) == ()
