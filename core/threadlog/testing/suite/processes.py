"""Level concurrency, between processes: writers beside writers, readers beside a writer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from threadlog.log import Append, Capability, Event, EventLog
from threadlog.testing.blame import ACROSS
from threadlog.testing.child import TENANT
from threadlog.testing.children import Child, Record
from threadlog.testing.clauses import clause
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.history import AppendDone, History, ReadDone
from threadlog.testing.lab import Lab
from threadlog.testing.samples import make, read_shard, store

THREADS = ("a", "b", "c")


class ProcessTests:
    """Several processes at one log; needs a way to open the log in another process."""

    @clause(ACROSS)
    async def test_history_of_many_processes_is_consistent(self, lab: Lab) -> None:
        """Processes that append, retry and conflict are answered as by one log in one order."""
        lab.need(Capability.OTHER_WRITERS)
        lab.need_children()
        log = await lab.open()
        history = History()
        async with AsyncExitStack() as stack:
            names = [f"writer{n}" for n in range(3)]
            writers = [await stack.enter_async_context(lab.child("race", name, threads=THREADS)) for name in names]
            for writer in writers:
                writer.begin()
            for writer in writers:
                await writer.wait_for("done", 1, lab.patience * 4)
                _note(history, writer.records)
        await _confirm(history, log)

    @clause("L1")
    async def test_l1_another_process_cannot_write(self, lab: Lab) -> None:
        """Without `other-writers`, a second process is refused as long as the first one has the log open."""
        lab.lack(Capability.OTHER_WRITERS)
        lab.need(Capability.PERSISTENT)
        lab.need_children()
        log = await lab.open()
        await store(log, make(1))
        with pytest.raises(ClauseBroken) as caught:
            async with lab.child("write", "second", threads=THREADS):
                pytest.fail("a second process has the log open for writing: hold a lock that the kernel gives away")
        assert "LogLocked" in str(caught.value), (
            f"a second process is refused otherwise than by LogLocked: {caught.value}"
        )
        await log.close()
        async with lab.child("write", "second", threads=THREADS):
            pass

    @clause(ACROSS)
    async def test_history_of_readers_in_other_processes_is_consistent(self, lab: Lab) -> None:
        """Processes that read while this one writes see what is acknowledged, in order, and all of it."""
        lab.need(Capability.OTHER_READERS)
        lab.need_children()
        log = await lab.open()
        history = History()
        async with AsyncExitStack() as stack:
            children = [lab.child("follow", f"reader{n}", threads=THREADS, read_only=True) for n in range(2)]
            readers = [await stack.enter_async_context(child) for child in children]
            for reader in readers:
                reader.begin()
                await reader.wait_for("shard", 1, lab.patience)
            await _write_amid_readers(log, history, readers)
            stored = await read_shard(log, log.shard_of(TENANT))
            for reader in readers:
                await _caught_up(reader, stored, lab.patience)
                _note(history, reader.records)
        await _confirm(history, log)


async def _write_amid_readers(log: EventLog, history: History, readers: Sequence[Child]) -> None:
    """Append until each reader has read some pages meanwhile, or has had time to."""
    for number in range(600):
        append = make(*range(1 + number % 4), thread=THREADS[number % 3], tenant=TENANT)
        await history.append(log, append)
        await asyncio.sleep(0.001)
        if number >= 60 and all(len(_pages(reader.records)) >= 8 for reader in readers):
            return


async def _caught_up(reader: Child, stored: Sequence[Event], patience: float) -> None:
    """Wait until a reader has followed the shard and each thread to the end, and compare."""

    def ended(records: list[Record]) -> bool:
        return _looked_to(records) >= len(stored) and len(_read_by_thread(records)) >= len(stored)

    error = None
    try:
        await reader.wait_until(ended, patience)
    except AssertionError as late:
        error = late
    records = list(reader.records)
    seen, passed = _followed(records), stored[: _looked_to(records)]
    if seen != list(passed):
        told = f"passed {len(passed)} positions and saw {[event.position for event in seen]}"
        raise ClauseBroken("F2", f"{reader.job.name}, a process that only reads, {told}")
    if error is not None:
        told = f"has looked at {len(seen)} of {len(stored)} events of the shard"
        raise ClauseBroken("R2", f"{reader.job.name}, a process that only reads, {told}. {error}") from error


def _pages(records: Sequence[Record]) -> list[Record]:
    """What a reader told of its pages of the shard."""
    return [record for record in list(records) if record[0] == "shard"]


def _looked_to(records: Sequence[Record]) -> int:
    return max((page[2] for page in _pages(records)), default=0)


def _followed(records: Sequence[Record]) -> list[Event]:
    return [event for page in _pages(records) for event in page[1]]


def _read_by_thread(records: Sequence[Record]) -> list[Event]:
    return [event for record in list(records) if record[0] == "read" for event in record[3].events]


def _note(history: History, records: Sequence[Record]) -> None:
    """Add what a process has told to the history; the clock is the machine's, and so the same for all."""
    for kind, *told in list(records):
        if kind == "read":
            thread, after, page, invoked, returned = told
            history.reads.append(ReadDone((TENANT, thread), after, page, invoked, returned))
        elif kind == "sent":
            append, invoked = told
            assert isinstance(append, Append)
            history.appends.append(AppendDone(append, invoked))
        elif kind == "refused":
            history.appends[-1].refused = True
        elif kind == "answered":
            history.appends[-1].outcome, history.appends[-1].returned = told


async def _confirm(history: History, log: EventLog) -> None:
    for thread in THREADS:
        await history.read_thread(log, TENANT, thread)
    history.confirm(await read_shard(log, log.shard_of(TENANT)))
