"""Level contract: what is compared and kept exactly, at its edges (A6, A8, A9)."""

from __future__ import annotations

import pytest

from threadlog.log import Append, Appended, Duplicate, Event, EventLog, HeadChange, IdReused, Limits, NewEvent, TooLarge
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import THREAD, make, read, send, store

LIKE_IDS = (
    *("abc", "ABC", "abc ", "a%", "a_c", "%", "*"),
    *("1", "01", "1.0", "+1"),
    *(
        "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        "6F9619FF-8B86-D011-B42D-00C04FC964FF",
        "6f9619ff8b86d011b42d00c04fc964ff",
    ),
    *("fi", "\ufb01", "\u00c5", "\u212b", "\u00e9", "e\u0301", "ss", "ß", "\u3000abc", " abc"),
    *("x" * size + end for size in (35, 63, 127, 199) for end in "ab"),
)
"""Append ids that are the same to a storage that takes them for patterns, numbers or UUIDs, folds or cuts them."""

MANY = 1_000
"""Appends after which a log that remembers only the last ids has forgotten the first one."""

FULL = HeadChange(owner="a", title="t", status="s", info="i", deleted=False)


class ExactIdTests:
    """What makes an append the same as another one (A6)."""

    @clause("A6")
    async def test_a6_ids_that_look_alike_are_different(self, lab: Lab) -> None:
        """Ids are no patterns, numbers or UUIDs, and count to their last character; each is found again."""
        log = await lab.open()
        appends = [make(n, append_id=append_id) for n, append_id in enumerate(LIKE_IDS)]
        for append in appends:
            stored = (await send(log, append))[0]
            assert isinstance(stored, Appended), f"{append.append_id!r} is taken for another id: {stored}"
        for append in appends:
            (again,) = await send(log, append)
            assert isinstance(again, Duplicate), f"{append.append_id!r} is not found again: {again}"

    @clause("A6")
    async def test_a6_an_id_is_never_forgotten(self, lab: Lab) -> None:
        """However many appends have followed, a retry of the first one is a duplicate."""
        log = await lab.open()
        first = make(0, append_id="first")
        original = await store(log, first)
        size = min(100, log.info.limits.batch_events)
        for _ in range(MANY // size):
            await store(log, *(make(1) for _ in range(size)))
        assert (await send(log, first))[0] == Duplicate(original), f"the id is forgotten after {MANY} appends"

    @clause("A6")
    async def test_a6_a_thread_that_is_brought_back_remembers(self, lab: Lab) -> None:
        """Neither deleting a thread nor bringing it back frees an id."""
        log = await lab.open()
        first = make(1)
        original = await store(log, first)
        await store(log, make(2, head=HeadChange(deleted=True)))
        await send(log, make(3, expected=2, head=HeadChange(deleted=False)))
        assert (await send(log, first))[0] == Duplicate(original)

    @clause("A6")
    async def test_a6_bytes_are_compared_and_not_their_meaning(self, lab: Lab) -> None:
        """The same JSON in other bytes, or the same bytes in other events, is another append."""
        log = await lab.open()
        pairs = (
            ((b'{"a":1,"b":2}',), (b'{"b":2,"a":1}',)),
            ((b"[1,2]",), (b"[1, 2]",)),
            ((b"1.0",), (b"1.00",)),
            ((b'"\xc3\xa9"',), (b'"\\u00e9"',)),
            ((b"1", b"23"), (b"12", b"3")),
            ((b"1", b"2"), (b"2", b"1")),
        )
        for place, (given, other) in enumerate(pairs):
            one, two = (make(events=_numbers(of), thread=f"t{place}", append_id="a") for of in (given, other))
            stored = await store(log, one)
            if [event.data for event in stored] != list(given):
                continue  # bytes that are not kept are A8
            (outcome,) = await send(log, two)
            assert outcome == IdReused(1), f"{other} under the id of {given} is answered with {outcome}"

    @clause("A6")
    async def test_a6_each_field_of_a_head_change_is_compared(self, lab: Lab) -> None:
        """Under one id, another owner, title, status, info or deletion is another append."""
        log = await lab.open()
        await store(log, make(1, append_id="a", head=FULL))
        others = (
            HeadChange(owner="b", title="t", status="s", info="i", deleted=False),
            HeadChange(owner="a", title="u", status="s", info="i", deleted=False),
            HeadChange(owner="a", title="t", status="z", info="i", deleted=False),
            HeadChange(owner="a", title="t", status="s", info="j", deleted=False),
            HeadChange(owner="a", title="t", status="s", info="i", deleted=True),
            HeadChange(owner="a", title="t", status="s", info="i"),
        )
        for other in others:
            (outcome,) = await send(log, make(1, append_id="a", head=other))
            assert outcome == IdReused(1), f"{other} under the id of {FULL} is answered with {outcome}"


class ExactEventTests:
    """What comes back of an event, wherever it is read (A8)."""

    @clause("A8")
    async def test_a8_every_field_is_kept_at_its_edges(self, lab: Lab) -> None:
        """The longest and oddest values come back: from the append, from every kind of read, and after reopening."""
        log = await lab.open()
        given = _at_the_edges()
        stored = await store(log, given)
        wanted = {
            new.data: (new.type, new.version, given.actor, given.run_id, given.trace, new.head) for new in given.events
        }
        times = {event.data: event.time_us for event in stored}
        for _ in range(2):
            shard = log.shard_of(given.tenant)
            for where, events in {
                "the outcome": stored,
                "read_thread": (await log.read_thread(given.tenant, THREAD)).events,
                "read_thread, backward": (await log.read_thread(given.tenant, THREAD, backward=True)).events,
                "read_shard": (await log.read_shard(shard)).events,
                "read_shard of the tenant": (await log.read_shard(shard, tenant=given.tenant)).events,
            }.items():
                for event in events:
                    assert _given(event) == wanted[event.data], f"{where} gives other fields than were given"
                    assert event.time_us == times[event.data], f"{where} gives another time than the outcome did"
            log = await lab.reopen(log)


class BoundTests:
    """What exactly is too large (A9)."""

    @clause("A9")
    async def test_a9_the_largest_append_is_taken(self, lab: Lab) -> None:
        """Payloads that add up to the limit of an append are stored; one byte more is refused."""
        log = await lab.open()
        limits = log.info.limits
        sizes = _pieces(limits.append_bytes, limits.event_bytes)
        if len(sizes) >= limits.append_events:
            pytest.skip("the number of events is reached first")
        await store(log, make(events=tuple(_payload(size) for size in sizes), thread="most"))
        await _check_refused(log, [make(events=tuple(_payload(size) for size in [*sizes, 1]))], "append_bytes")

    @clause("A9")
    async def test_a9_the_largest_call_in_events_is_taken(self, lab: Lab) -> None:
        """A call of as many events as the limit says is stored; one more is refused."""
        log = await lab.open()
        limits = log.info.limits
        sizes = _pieces(limits.batch_events, min(limits.append_events, limits.batch_events // 2))
        call = [make(*range(size), thread="most") for size in sizes]
        await store(log, *call)
        more = [make(*range(size), append_id=f"{n}") for n, size in enumerate([*sizes, 1])]
        await _check_refused(log, more, "batch_events")

    @clause("A9")
    async def test_a9_the_largest_call_in_bytes_is_taken(self, lab: Lab) -> None:
        """Appends whose payloads add up to the limit of a call are stored; one byte more is refused."""
        log = await lab.open()
        limits = log.info.limits
        sizes = _pieces(limits.batch_bytes, min(limits.event_bytes, limits.append_bytes, limits.batch_bytes // 2))
        if len(sizes) >= limits.batch_events:
            pytest.skip("the number of events is reached first")
        await store(log, *(make(events=(_payload(size),), thread="most") for size in sizes))
        more = [make(events=(_payload(size),)) for size in [*sizes, 1]]
        await _check_refused(log, more, "batch_bytes")

    @clause("A9")
    async def test_a9_bytes_are_counted_and_not_characters(self, lab: Lab) -> None:
        """A payload whose characters are within the limit and whose bytes are not is refused."""
        log = await lab.open()
        limits = log.info.limits
        text = NewEvent("large", b'"' + "é".encode() * (limits.event_bytes // 2) + b'"')
        await _check_refused(log, [make(events=(text,))], "event_bytes")


def _numbers(payloads: tuple[bytes, ...]) -> tuple[NewEvent, ...]:
    return tuple(NewEvent("number", payload) for payload in payloads)


def _at_the_edges() -> Append:
    heads = (
        HeadChange(owner=" Älice ", title="", status="", info="", deleted=True),
        HeadChange(title=None, deleted=False),
        HeadChange(title=" T\n" + "x" * 65_000, info='{ "b":1.0, "b":2 }' + " " * 65_000),
        HeadChange(),
        None,
    )
    versions = (1, 255, 32_768, 65_536, 2**31 - 1)
    types = ("Thread.Created", "x" * 200, " t ", "e\u0301", "1")
    events = tuple(
        NewEvent(kind, b"%d" % place, version=version, head=head)
        for place, (kind, version, head) in enumerate(zip(types, versions, heads, strict=True))
    )
    trace = "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-" + "x" * 100
    return Append(
        tenant="tenant",
        thread_id=THREAD,
        append_id="append",
        expected=0,
        events=events,
        actor="User:" + "a" * 190,
        run_id="Run " + "r" * 190,
        trace=trace,
    )


def _given(event: Event) -> tuple[object, ...]:
    return event.type, event.version, event.actor, event.run_id, event.trace, event.head


def _pieces(total: int, most: int) -> list[int]:
    """Sizes of at most `most` that add up to `total`."""
    return [most] * (total // most) + [total % most] * (total % most > 0)


def _payload(size: int) -> NewEvent:
    return NewEvent("large", b"1" if size == 1 else b'"' + b"x" * (size - 2) + b'"')


async def _check_refused(log: EventLog, call: list[Append], what: str) -> None:
    """The call raises `TooLarge` with the limit that it is over, and nothing of it is written."""
    limits: Limits = log.info.limits
    with pytest.raises(TooLarge) as caught:
        await send(log, *call)
    assert (caught.value.what, caught.value.limit) == (what, getattr(limits, what))
    assert await read(log) == (), "TooLarge is told, and something of the call is stored"
