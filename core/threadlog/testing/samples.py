"""Small appends, and ways to send and read them.

Payloads are numbers, and ids plain words, unless a test is about something else: so a log that spoils odd bytes fails
the tests about odd bytes and no others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from uuid import uuid4

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Event,
    EventLog,
    Expect,
    Expected,
    Head,
    HeadChange,
    LogError,
    NewEvent,
    Outcome,
    shard_of,
)
from threadlog.testing.failures import ClauseBroken

TENANT, THREAD = "tenant", "thread"

LONG = 600.0
"""Seconds that nobody waits for: a test that needs them hangs, and says so."""


def numbers(*values: int, head: HeadChange | None = None) -> tuple[NewEvent, ...]:
    """Events whose payloads are numbers; the last one carries the head change."""
    plain = [NewEvent("number", b"%d" % value) for value in values[:-1]]
    return (*plain, NewEvent("number", b"%d" % values[-1], head=head))


def make(
    *values: int,
    thread: str = THREAD,
    tenant: str = TENANT,
    expected: Expected = Expect.ANY,
    append_id: str | None = None,
    head: HeadChange | None = None,
    events: tuple[NewEvent, ...] | None = None,
) -> Append:
    """An append of one event for each number, under an id that nobody else uses."""
    return Append(
        tenant=tenant,
        thread_id=thread,
        append_id=append_id or uuid4().hex,
        expected=expected,
        events=events or numbers(*values or (0,), head=head),
    )


async def send(log: EventLog, *appends: Append) -> Sequence[Outcome]:
    """Send appends of tenants of one shard in one call."""
    return await log.append(log.shard_of(appends[0].tenant), appends)


async def restore(log: EventLog, shard: int, events: Sequence[Event]) -> None:
    """Restore events that follow on what the log has."""
    try:
        last = await log.restore(shard, events)
    except LogError as error:
        raise ClauseBroken("C1", f"events that follow on what there is are refused: {error!r}") from error
    if last != events[-1].position or (await log.read_shard(shard, limit=1)).last_position != last:
        raise ClauseBroken("C1", f"events up to {events[-1].position} were restored, and {last} is told as the last")


async def store(log: EventLog, *appends: Append) -> tuple[Event, ...]:
    """Send appends that must be stored; gives all their events."""
    outcomes = await send(log, *appends)
    if len(outcomes) != len(appends):
        raise ClauseBroken("A1", f"{len(outcomes)} outcomes came back for {len(appends)} appends")
    for outcome in outcomes:
        if not isinstance(outcome, Appended):
            number = "A4" if isinstance(outcome, Conflict) else "A6"
            raise ClauseBroken(number, f"a plain append was not stored: {outcome}")
    return tuple(stored_of(outcomes))


def stored_of(outcomes: Sequence[Outcome]) -> list[Event]:
    """The events that a call has stored."""
    return [event for outcome in outcomes if isinstance(outcome, Appended) for event in outcome.events]


async def read(log: EventLog, thread: str = THREAD, tenant: str = TENANT) -> tuple[Event, ...]:
    """A thread as a whole."""
    return tuple(await read_thread(log, thread, tenant))


async def read_thread(
    log: EventLog, thread: str, tenant: str, *, limit: int = 1_000, backward: bool = False
) -> list[Event]:
    """A thread page by page, to its end or (`backward`) its beginning."""
    seen: list[Event] = []
    while True:
        after = seen[-1].seq if seen else 0
        page = await log.read_thread(tenant, thread, after=after, limit=limit, backward=backward)
        seen += page.events
        if len(seen) > page.last_seq:
            raise ClauseBroken("R1", "pages of a thread repeat events, so a reader would turn in place")
        if not page.events or page.events[-1].seq == (1 if backward else page.last_seq):
            return seen


async def read_shard(log: EventLog, shard: int, tenant: str | None = None, *, limit: int = 1_000) -> list[Event]:
    """A shard, or one tenant's part of it, page by page to its end."""
    seen: list[Event] = []
    after = 0
    while True:
        page = await log.read_shard(shard, after=after, limit=limit, tenant=tenant)
        seen += page.events
        if page.looked_to >= page.last_position:
            return seen
        if page.looked_to <= after:
            raise ClauseBroken("F1", "looked_to does not get on, so a reader would turn in place")
        after = page.looked_to


async def read_heads(
    log: EventLog, tenant: str, owner: str | None = None, *, limit: int = 100, newest_first: bool = True
) -> list[Head]:
    """All heads of a tenant, or of one owner, page by page."""
    seen: list[Head] = []
    while True:
        after = seen[-1].thread_id if seen else None
        page = await log.list_heads(tenant, owner=owner, after=after, limit=limit, newest_first=newest_first)
        seen += page.heads
        if page.has_more and not page.heads:
            raise ClauseBroken("H1", "has_more is told of an empty page, so a reader would turn in place")
        if not page.has_more:
            return seen


async def read_numbers(log: EventLog, thread: str = THREAD, tenant: str = TENANT) -> list[int]:
    """The payloads of a short thread."""
    return values(await read(log, thread, tenant))


async def more(log: EventLog, shard: int, after: int) -> int:
    """Wait until a shard has gone on, which a single `EventLog.wait` need not do; gives its last position."""
    while True:
        last = await log.wait(shard, after=after, timeout=LONG)
        if last > after:
            return last
        await asyncio.sleep(0)


async def error_of(awaitable: Awaitable[object]) -> BaseException | None:
    """The error with which a call ends, or None."""
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001 - any error is what is asked for
        return error
    return None


def values(events: Sequence[Event]) -> list[int]:
    """The numbers that events carry."""
    return [int(event.data) for event in events]


def tenants_of(shards: int, shard: int, count: int) -> list[str]:
    """Names of tenants that live in one shard of a log with so many shards."""
    names = (f"tenant-{number}" for number in range(1_000 * shards))
    found = [name for name in names if shard_of(name, shards) == shard]
    return found[:count]
