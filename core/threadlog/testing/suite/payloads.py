"""Level contract: what is kept of an append, and what is refused (A7, A8, A9, F4)."""

from __future__ import annotations

import uuid

import pytest

from threadlog.log import Append, Event, EventLog, NewEvent, TooLarge
from threadlog.testing.clauses import clause
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.lab import Lab
from threadlog.testing.samples import make, read, read_numbers, send, store, stored_of, values

ODD_PAYLOADS = (
    b"{}",
    b'{"b":1.10,"a":1,"a":2}',
    b' { "spaced" : [ 1 , 2 ] }\t',
    b"1e2",
    b"-0.0",
    b"-0",
    b"true",
    b"9007199254740993",
    b"123456789012345678901234567890",
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


class PayloadTests:
    """Bytes, sizes, ids of events and what is acknowledged (A7, A8, A9, F4)."""

    @clause("A7")
    async def test_a7_the_level_is_the_declared_one(self, lab: Lab) -> None:
        """`info.durability` says what the backend declares to attain here."""
        log = await lab.open()
        assert log.info.durability == lab.backend.durability, (
            "left: what `info.durability` says; right: what the Backend of your tests declares. Make them the same"
        )

    @clause("A7")
    async def test_a7_what_was_acknowledged_is_there_after_reopening(self, lab: Lab) -> None:
        """All appends of all calls, large and small, are found again."""
        log = await lab.open()
        for call in range(5):
            await store(log, *(make(call * 10 + n, thread=f"t{n}") for n in range(call + 1)))
        log = await lab.reopen(log, whole=False)
        found = {n: await read_numbers(log, f"t{n}") for n in range(5)}
        assert found == {n: [call * 10 + n for call in range(n, 5)] for n in range(5)}

    @clause("A7")
    async def test_a7_nothing_else_is_there_after_reopening(self, lab: Lab) -> None:
        """Conflicts, refusals and duplicates leave nothing behind that a restart could bring up."""
        log = await lab.open()
        first = make(1)
        await store(log, first)
        between = stored_of(await send(log, make(2, expected=0), first, make(3, append_id=first.append_id)))
        log = await lab.reopen(log, whole=False)
        assert await read_numbers(log) == [1, *values(between)]

    @clause("A8")
    async def test_a8_payload_bytes_come_back_exactly(self, lab: Lab) -> None:
        """Spacing, key order, repeated keys, numbers, escapes and Unicode forms are kept byte for byte."""
        log = await lab.open()
        await _check_payloads(log, await store(log, make(events=_odd_events())))

    @clause("A8")
    async def test_a8_payload_bytes_are_exact_after_reopening(self, lab: Lab) -> None:
        """The same bytes come back from storage."""
        log = await lab.open()
        stored = await store(log, make(events=_odd_events()))
        await _check_payloads(await lab.reopen(log), stored)

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
        await _need_plain_reads(log, "tenant")
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
        await _need_plain_reads(log, "plain")
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
        pairs = zip(*[await store(log, make(1, 2, 3, append_id="a")) for log in (first, second)], strict=True)
        assert [one.seq for one, other in pairs if one.check == other.check] == []

    @clause("F4")
    async def test_f4_an_id_stays_after_reopening(self, lab: Lab) -> None:
        """A cursor taken before a restart fits after it."""
        log = await lab.open()
        stored = await store(log, make(1, 2))
        log = await lab.reopen(log)
        assert {event.id for event in await read(log)} <= {event.id for event in stored}


def _odd_events() -> tuple[NewEvent, ...]:
    return tuple(NewEvent(f"odd-{place}", payload) for place, payload in enumerate(ODD_PAYLOADS))


async def _check_payloads(log: EventLog, stored: tuple[Event, ...]) -> None:
    """Whatever has come back is exact; that all is there, and in which order, are other clauses."""
    given = {new.type: new.data for new in _odd_events()}
    thread, shard = await log.read_thread("tenant", "thread"), await log.read_shard(log.shard_of("tenant"))
    for event in (*stored, *thread.events, *shard.events):
        assert bytes(event.data) == given.get(event.type), (
            "the bytes that came back are not those that were given: store bytes, not a parsed value"
        )


async def _need_plain_reads(log: EventLog, tenant: str) -> None:
    """See that a thread with a plain name is found, which is no matter of odd names."""
    await store(log, make(1, thread="plain", tenant=tenant))
    if await read_numbers(log, "plain", tenant) != [1]:
        raise ClauseBroken("R1", "a thread of one event is not read as it was stored")


def _payload(size: int) -> NewEvent:
    return NewEvent("large", b'"' + b"x" * (size - 2) + b'"')


async def _check_too_large(log: EventLog, what: str, limit: int, append: Append) -> None:
    with pytest.raises(TooLarge) as caught:
        await send(log, append)
    assert (caught.value.what, caught.value.limit) == (what, limit)
    assert caught.value.size > limit, (
        f"TooLarge tells of size {caught.value.size} and limit {limit}: the first must be the greater"
    )
    assert await read(log, append.thread_id) == ()
