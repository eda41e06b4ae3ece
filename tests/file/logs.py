"""Small logs to test with, and what is in them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from file.faulty import HastyFiles
from threadlog.log import Append, Event, Expect, Expected, HeadChange, NewEvent, OpenOptions, Outcome
from threadlog_file import FileLog, FileOptions, Files

SMALL = FileOptions(sync="inline", segment_bytes=4096, prefill_bytes=0, reserve_bytes=0)
"""A new segment every few appends."""

PLAIN = FileOptions(sync="inline", prefill_bytes=0, reserve_bytes=0)


def append(
    number: int,
    *,
    thread: str = "t",
    tenant: str = "acme",
    expected: Expected = Expect.ANY,
    count: int = 1,
    head: HeadChange | None = None,
) -> Append:
    """An append whose events tell its number."""
    events = tuple(NewEvent("test.event", b'{"append":%d,"part":%d}' % (number, part)) for part in range(count))
    if head is not None:
        events = (NewEvent(events[0].type, events[0].data, head=head), *events[1:])
    return Append(
        tenant=tenant,
        thread_id=thread,
        append_id=f"append-{number}",
        expected=expected,
        events=events,
        actor="user:alice",
    )


@contextlib.asynccontextmanager
async def opened(
    path: Path, how: FileOptions = PLAIN, *, read_only: bool = False, files: Files | None = None
) -> AsyncIterator[FileLog]:
    """A log, open for the block."""
    log = FileLog(str(path), OpenOptions(read_only=read_only), how, files=files or HastyFiles())
    async with log:
        yield log


async def fill(path: Path, appends: int, how: FileOptions = PLAIN, *, threads: int = 3) -> list[Event]:
    """Make a log of some appends, one call each, over a few threads; returns its events."""
    async with opened(path, how) as log:
        for number in range(appends):
            head = HeadChange(owner=f"user{number % 2}", title=f"Title {number}") if number % 4 == 0 else None
            await log.append(0, [append(number, thread=f"t{number % threads}", count=1 + number % 3, head=head)])
        return await everything(log)


async def everything(log: FileLog, shard: int = 0) -> list[Event]:
    """All events of a shard."""
    events: list[Event] = []
    while True:
        page = await log.read_shard(shard, after=len(events), limit=1000)
        events += page.events
        if len(events) == page.last_position:
            return events


async def threads_of(log: FileLog, events: Sequence[Event]) -> list[Event]:
    """The events of all threads that `events` name, read thread by thread, in position order."""
    found: list[Event] = []
    for tenant, thread in {(event.tenant, event.thread_id) for event in events}:
        after = 0
        while (page := await log.read_thread(tenant, thread, after=after, limit=1000)).events:
            found += page.events
            after = page.events[-1].seq
        assert after == page.last_seq
    return sorted(found, key=lambda event: event.position)


def outcome_names(outcomes: Sequence[Outcome]) -> list[str]:
    """The kinds of some outcomes."""
    return [type(outcome).__name__ for outcome in outcomes]


def segments(path: Path) -> list[Path]:
    """The segment files of a log, in order."""
    return sorted(path.glob("*.seg"))
