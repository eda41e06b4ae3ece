"""Logs in a file that go wrong only when their process is killed, or when another process is at the same file.

Run by another process, too, so nothing here imports the kit.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from threadlog.log import Appended, Capability, Durability, Expect, LogReadOnly, MemoryLog, OpenOptions


class Journal(MemoryLog):
    """A sound log: every call reads what others have written, and writers take turns."""

    clause = ""

    def __init__(self, path: str, options: OpenOptions) -> None:
        super().__init__()
        self.path, self.read_only, self.place = path, options.read_only, 0
        self._info = msgspec.structs.replace(
            self._info,
            durability=Durability.PROCESS,
            capabilities=frozenset(Capability),
            read_only=self.read_only,
        )

    async def open(self):
        await super().open()
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        with self.turn():
            await self.refresh()

    async def close(self):
        if self._open:
            await super().close()
            os.close(self.file)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A block in which no other process writes, nor reads what is half written."""
        fcntl.flock(self.file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.file, fcntl.LOCK_UN)

    async def refresh(self):
        """Take over what others have written."""
        events = []
        while record := self.next_record():
            events += pickle.loads(record)
        if events:
            await super().restore(events[0].shard, events)

    def next_record(self) -> bytes:
        """The next whole record of the file; a torn one was never acknowledged, and is cut off."""
        size = int.from_bytes(os.pread(self.file, 8, self.place), "big")
        record = os.pread(self.file, size, self.place + 8)
        if size == 0 or len(record) < size:
            os.ftruncate(self.file, self.place)
            return b""
        self.place += 8 + size
        return record

    async def append(self, shard, appends):
        if self.read_only:
            raise LogReadOnly("opened for reading.")
        with self.turn():
            await self.refresh()
            outcomes = await super().append(shard, appends)
            self.write([event for outcome in outcomes if isinstance(outcome, Appended) for event in outcome.events])
        return outcomes

    def write(self, events) -> None:
        """Store the events of one call, as one record."""
        record = pickle.dumps(events)
        if events:
            self.place += os.write(self.file, len(record).to_bytes(8, "big") + record)

    async def read_thread(self, tenant, thread_id, **page):
        with self.turn():
            await self.refresh()
        return await super().read_thread(tenant, thread_id, **page)

    async def read_shard(self, shard, **page):
        with self.turn():
            await self.refresh()
        return await super().read_shard(shard, **page)

    async def wait(self, shard, *, after, timeout):
        with self.turn():
            await self.refresh()
        last = await super().wait(shard, after=after, timeout=0)
        if last <= after:
            await asyncio.sleep(min(timeout, 0.01))
        return last


class AcknowledgesEarly(Journal):
    """It acknowledges first, and writes with a later call, or when it is closed."""

    clause = "A7"

    def __init__(self, path, options):
        super().__init__(path, options)
        self.waiting = []

    def write(self, events):
        self.waiting += events
        if len(self.waiting) > 20:
            self.flush()

    def flush(self):
        """Write what was acknowledged before."""
        waiting, self.waiting = self.waiting, []
        super().write(waiting)

    async def close(self):
        if self._open:
            self.flush()
        await super().close()


class WritesBehind(Journal):
    """A task writes what was acknowledged a moment ago."""

    clause = "A7"

    def write(self, events):
        asyncio.get_running_loop().call_later(0.02, self.late, events)
        self.pending = [*getattr(self, "pending", []), events]

    def late(self, events):
        """Write one call's events, unless closing has done so."""
        if events in self.pending:
            self.pending.remove(events)
            super().write(events)

    async def close(self):
        while self._open and getattr(self, "pending", []):
            self.late(self.pending[0])
        await super().close()


class WritesEventByEvent(Journal):
    """Each event is a record of its own, so a kill between two of them leaves half an append."""

    clause = "A2"

    def write(self, events):
        for event in events:
            super().write([event])
            _linger()


class WritesTwice(Journal):
    """The body of a call is written first and the last events later, in a second record."""

    clause = "A2"

    def write(self, events):
        super().write(events[:-1])
        _linger()
        super().write(events[-1:])


class ExpectsOldSeqs(Journal):
    """It decides what is expected on what it knows, and only then reads what other processes have written."""

    clause = "A4"

    async def append(self, shard, appends):
        decided = []
        for append in appends:
            page = await MemoryLog.read_thread(self, append.tenant, append.thread_id, limit=1)
            agreed = page.last_seq == append.expected
            decided.append(msgspec.structs.replace(append, expected=Expect.ANY) if agreed else append)
        return await super().append(shard, decided)


class StaleReads(Journal):
    """Reading a thread looks at what this process knows."""

    clause = "R2"

    async def read_thread(self, tenant, thread_id, **page):
        return await MemoryLog.read_thread(self, tenant, thread_id, **page)


class ReadersSkip(Journal):
    """A page of a shard tells of an end that was looked up after its events, and readers go on from there."""

    clause = "F2"

    async def read_shard(self, shard, *, after=0, **arguments):
        page = await super().read_shard(shard, after=after, **arguments)
        if not self.read_only or page.looked_to < page.last_position:
            return page
        await asyncio.sleep(0.02)
        with self.turn():
            await self.refresh()
        last = (await MemoryLog.read_shard(self, shard, after=after)).last_position
        return msgspec.structs.replace(page, looked_to=last, last_position=last)


class FindsLate(Journal):
    """A process that only reads looks once, when it opens the log."""

    clause = "R2"

    async def refresh(self):
        if not (self.read_only and self._open and getattr(self, "looked", False)):
            self.looked = True
            await super().refresh()


def _linger() -> None:
    """Be as slow as a disk, so that most kills fall here."""
    time.sleep(0.005)


def make(address: str, options: OpenOptions) -> Journal:
    """The log of an address such as ``StaleReads /tmp/log``."""
    name, _, path = address.partition(" ")
    kind: type[Journal] = globals()[name]
    return kind(path, options)
