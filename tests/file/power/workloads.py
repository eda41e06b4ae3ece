"""What is done with a log between two power cuts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from file.power.journal import Attempt
from file.power.listing import snapshot_of
from file.power.lives import Scribe, Work
from threadlog.log import Append, Appended, Event, Expect, Expected, HeadChange, NewEvent, shard_of
from threadlog.log.memory import MemoryLog


def append(
    thread: str,
    count: int = 1,
    *,
    size: int = 10,
    tenant: str = "acme",
    head: HeadChange | None = None,
    expected: Expected = Expect.ANY,
) -> Append:
    """An append of events whose payloads are of about `size` bytes and like no others."""
    name = uuid4().hex
    events = [NewEvent("test.event", b'{"part":"%s-%d-%s"}' % (name.encode(), at, b"x" * size)) for at in range(count)]
    if head is not None:
        events[0] = NewEvent(events[0].type, events[0].data, head=head)
    return Append(tenant=tenant, thread_id=thread, append_id=name, expected=expected, events=tuple(events))


async def give(scribe: Scribe, *appends: Append) -> list[Event]:
    """Append in one call, and write it into the journal; returns the events."""
    shard = shard_of(appends[0].tenant, scribe.log.info.shards)
    scribe.journal.asked(Attempt.of_appends(appends))
    events: list[Event] = []
    for outcome in await scribe.log.append(shard, appends):
        assert isinstance(outcome, Appended), outcome
        events += outcome.events
    scribe.journal.acknowledged(events)
    return events


async def nothing(scribe: Scribe) -> None:
    """Open and close."""


async def one(scribe: Scribe) -> None:
    """A single small append."""
    await give(scribe, append("t1"))


async def few(scribe: Scribe) -> None:
    """Appends one by one to a few threads, one of them over several pages."""
    for thread, count, size in (("t1", 1, 10), ("t2", 2, 10), ("t1", 2, 3000), ("t1", 1, 10)):
        await give(scribe, append(thread, count, size=size))


async def batches(scribe: Scribe) -> None:
    """Calls of many appends, several of them at once."""

    async def task(number: int) -> None:
        for call in range(3):
            threads = [f"t{(number + call + at) % 5}" for at in range(1 + (number + call) % 4)]
            await give(scribe, *(append(thread, 1 + at % 3, size=700 * (at % 3)) for at, thread in enumerate(threads)))

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(task(number))


async def rolling(scribe: Scribe) -> None:
    """Enough for a few segments of a few KiB, whose indexes are written beside the appends."""
    for number in range(14):
        await give(scribe, append(f"t{number % 4}", 1 + number % 3, size=200 + 300 * (number % 4)))


async def heads(scribe: Scribe) -> None:
    """Heads that come, change field by field, go and come back, over several segments."""
    changes = [
        ("h1", HeadChange(owner="alice", title="first")),
        ("h2", HeadChange(owner="bob", info='{"a":1}')),
        ("h1", HeadChange(title="second")),
        ("h3", HeadChange(owner="alice", status="closed")),
        ("h2", HeadChange(deleted=True)),
        ("h3", HeadChange(owner="bob")),
        ("h2", HeadChange(deleted=False, title=None)),
        ("h1", HeadChange(deleted=True)),
    ]
    for thread, change in changes:
        seq = (await scribe.log.read_thread("acme", thread)).last_seq
        await give(scribe, append(thread, size=600, head=change, expected=seq))
        await give(scribe, append("t1", size=300))


async def snapshots(scribe: Scribe) -> None:
    """A snapshot after each append, which nobody flushes."""
    for number in range(5):
        events = await give(scribe, append(f"t{number % 2}", 2, size=100))
        await scribe.log.save_snapshot(snapshot_of(events[-1]))


async def restored(scribe: Scribe) -> None:
    """Events of another log are taken over in several calls; then appends follow."""
    events = await _events_of_another(scribe.log.info.shards)
    held = (await scribe.log.read_shard(0, limit=1)).last_position
    for start in range(0, len(events), 6) if not held else ():
        part = [event for event in events if start < event.position <= start + 6]
        scribe.journal.asked(Attempt.of_events(part))
        await scribe.log.restore(0, part)
        scribe.journal.acknowledged(part)
    await give(scribe, append("t1"))


async def _events_of_another(shards: int) -> Sequence[Event]:
    async with MemoryLog(shards=shards) as other:
        for number in range(9):
            head = HeadChange(owner="alice", title=f"title {number}") if number % 3 == 0 else None
            await other.append(0, [append(f"t{number % 3}", 2, size=400, head=head)])
        return (await other.read_shard(0, limit=1000)).events


async def reopened(scribe: Scribe) -> None:
    """The log is closed and opened again between appends, as other processes would."""
    for thread, size in (("t1", 10), ("t2", 2000), ("t1", 10)):
        await give(scribe, append(thread, size=size))
        await scribe.reopen()
    await give(scribe, append("t2"))


async def tenants(scribe: Scribe) -> None:
    """Tenants in several shards, written to at once."""

    async def task(tenant: str) -> None:
        for number in range(4):
            await give(scribe, append(f"t{number % 2}", 2, size=500, tenant=tenant))

    async with asyncio.TaskGroup() as group:
        for tenant in ("acme", "blue", "corp", "dove"):
            group.create_task(task(tenant))


ALL: tuple[Work, ...] = (few, batches, rolling, heads, snapshots, restored, reopened, tenants)
