"""Logs in a file that go wrong only when their process is killed, or when another process is at the same file.

Run by another process, too, so nothing here imports the kit.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pickle
import time
from typing import ClassVar
from uuid import uuid4

import msgspec

from threadlog.log import (
    Appended,
    Capability,
    Diverged,
    Durability,
    Expect,
    Limits,
    LogLocked,
    LogNotFound,
    LogReadOnly,
    LogStatus,
    MemoryLog,
    OpenOptions,
)
from threadlog.log.memory import _by_append, _Shard

LIMITS = Limits(page_events=200, append_events=100, batch_events=150, event_bytes=100_000, append_bytes=250_000)


class Journal(MemoryLog):
    """A sound log: every call reads what others have written, and writers take turns."""

    clause = ""
    capabilities = frozenset(Capability)

    def __init__(self, path: str, options: OpenOptions) -> None:
        super().__init__(options.shards or 1, LIMITS)
        self.path, self.options, self.place = path, options, 0
        self.read_only = options.read_only

    async def open(self):
        if self._open:
            return
        if not os.path.exists(self.path) and (self.read_only or not self.options.create):
            raise LogNotFound("there is no log here, and none was to be made.")
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self.lock()
            with self.alone():
                self.begin()
                self.refresh()
        except BaseException:
            os.close(self.file)
            raise
        await super().open()

    async def close(self):
        if self._open:
            await super().close()
            os.close(self.file)

    async def status(self):
        await super().status()
        return LogStatus(not self.read_only, "opened for reading." if self.read_only else None)

    def lock(self) -> None:
        """Others may write, too."""

    def begin(self) -> None:
        """Make the log's name and number of shards, or read them."""
        self.place = 0
        if not os.fstat(self.file).st_size:
            self.put({"log_id": str(uuid4()), "shards": self._info.shards})
            self.place = 0
        head = self.next_record()
        self._shards = [_Shard(number) for number in range(head["shards"])]
        self._info = msgspec.structs.replace(
            self._info,
            log_id=head["log_id"],
            shards=head["shards"],
            durability=Durability.PROCESS,
            capabilities=self.capabilities,
            read_only=self.read_only,
        )

    @contextlib.contextmanager
    def alone(self):
        """A block in which no other process writes, nor reads what is half written."""
        fcntl.flock(self.file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.file, fcntl.LOCK_UN)

    def refresh(self):
        """Take over what others have written."""
        events = []
        while record := self.next_record():
            events += record[1]
        self.take(events)

    def take(self, events):
        """Take events of the file into memory."""
        for group in _by_append(events):
            self._shards[group[0].shard].store(group)

    def next_record(self):
        """The next whole record of the file; a torn one was never acknowledged, and is cut off."""
        size = int.from_bytes(os.pread(self.file, 8, self.place), "big")
        record = os.pread(self.file, size, self.place + 8)
        if size == 0 or len(record) < size:
            os.ftruncate(self.file, self.place)
            return None
        self.place += 8 + size
        return pickle.loads(record)

    async def append(self, shard, appends):
        self.check_writable()
        await self._turn()
        self._shard(shard)
        for append in appends:
            self._check_place(append.tenant, shard)
        self._info.limits.check_call(appends)
        with self.alone():  # no await in here: another log of this process would wait for the lock, and we for it
            self.refresh()
            outcomes = [self._shard(shard).take(append, self._clock()) for append in appends]
            self.write([event for outcome in outcomes if isinstance(outcome, Appended) for event in outcome.events])
        return outcomes

    async def restore(self, shard, events):
        self.check_writable()
        await self._turn()
        if any(event.shard != shard or self.shard_of(event.tenant) != shard for event in events):
            raise Diverged("the events are of another shard.")
        with self.alone():
            self.refresh()
            new = self._shard(shard).new_of(events)
            for group in _by_append(new):
                self._shard(shard).store(group)
            self.write(new)
        return self._shard(shard).last_position

    def check_writable(self):
        """Refuse where the log is not open for writing."""
        self._check_open()
        if self.read_only:
            raise LogReadOnly("opened for reading.")

    def write(self, events):
        """Store the events of one call, as one record."""
        if events:
            self.put((os.getpid(), events))

    def put(self, record):
        """Write one record."""
        data = pickle.dumps(record)
        self.place += os.write(self.file, len(data).to_bytes(8, "big") + data)

    def look(self):
        """See what others have written."""
        self._check_open()
        with self.alone():
            self.refresh()

    async def read_thread(self, tenant, thread_id, **page):
        self.look()
        return await super().read_thread(tenant, thread_id, **page)

    async def read_shard(self, shard, **page):
        self.look()
        return await super().read_shard(shard, **page)

    async def list_heads(self, tenant, **page):
        self.look()
        return await super().list_heads(tenant, **page)

    async def wait(self, shard, *, after, timeout):
        until = time.monotonic() + timeout
        while True:
            self.look()
            last = await super().wait(shard, after=after, timeout=min(0.01, max(0, until - time.monotonic())))
            if last > after or time.monotonic() >= until:
                return last


class LoneJournal(Journal):
    """A sound log for one process."""

    capabilities = frozenset({Capability.PERSISTENT})

    def lock(self):
        holder = f"{self.path}.holder"
        if self.read_only:
            raise LogNotFound("opened for reading beside nobody.")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with open(holder) as file:
                raise LogLocked("the log is open elsewhere.", json.load(file)) from None
        with open(holder, "w") as file:
            json.dump(dict(self.options.holder), file)

    @contextlib.contextmanager
    def alone(self):
        yield

    def look(self):
        self._check_open()


class AcknowledgesEarly(LoneJournal):
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


class WritesBehind(LoneJournal):
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


class WritesEventByEvent(LoneJournal):
    """Each event is a record of its own, so a kill between two of them leaves half an append."""

    clause = "A2"

    def write(self, events):
        for event in events:
            super().write([event])
            if event is events[0]:
                _linger()


class WritesTwice(LoneJournal):
    """The body of a call is written first and the last events later, in a second record."""

    clause = "A2"

    def write(self, events):
        super().write(events[:-1])
        _linger()
        super().write(events[-1:])


class IdsOfTheLastClose(LoneJournal):
    """Append ids are looked up in an index, which is saved when the log is closed."""

    clause = "A6"

    def begin(self):
        super().begin()
        self.indexed = set()
        if os.path.exists(f"{self.path}.ids"):
            with open(f"{self.path}.ids") as file:
                self.indexed = set(json.load(file))

    def take(self, events):
        super().take(events)
        for shard in self._shards if events else ():
            for thread in shard.threads.values():
                thread.appends = {name: events for name, events in thread.appends.items() if name in self.indexed}

    async def close(self):
        if self._open:
            self.save_ids([event.append_id for shard in self._shards for event in shard.events])
        await super().close()

    def save_ids(self, ids):
        """Write the index."""
        with open(f"{self.path}.ids", "w") as file:
            json.dump(ids, file)


class IdsBehind(IdsOfTheLastClose):
    """The index of append ids is saved a moment after each call."""

    def write(self, events):
        super().write(events)
        asyncio.get_running_loop().call_later(0.03, self.save_later, [e.append_id for e in self._shards[0].events])

    def save_later(self, ids):
        """Write what was known a moment ago, unless closing has written more."""
        if self._open:
            self.save_ids(ids)


class ExpectsOldSeqs(Journal):
    """It decides what is expected on what it knows, and only then reads what other processes have written."""

    clause = "A4"

    async def append(self, shard, appends):
        decided = []
        for append in appends:
            page = await MemoryLog.read_thread(self, append.tenant, append.thread_id, limit=1)
            agreed = page.last_seq == append.expected and self.is_behind()
            decided.append(msgspec.structs.replace(append, expected=Expect.ANY) if agreed else append)
        return await super().append(shard, decided)

    def is_behind(self):
        """Whether others have written what it does not know."""
        return os.fstat(self.file).st_size > self.place


class StaleReads(Journal):
    """Reading a thread looks at what this process has written or taken over with its last append."""

    clause = "R2"

    async def read_thread(self, tenant, thread_id, **page):
        self._check_open()
        with self.alone():
            self.refresh_own()
        return await MemoryLog.read_thread(self, tenant, thread_id, **page)

    def refresh_own(self):
        """Take over what other logs of this process have written, up to the first record of another process."""
        before = self.place
        while (record := self.next_record()) and record[0] == os.getpid():
            self.take(record[1])
            before = self.place
        self.place = before


class ReadersSkip(Journal):
    """A page of a shard tells of an end that was looked up after its events, and readers go on from there."""

    clause = "F2"

    async def read_shard(self, shard, *, after=0, **arguments):
        page = await super().read_shard(shard, after=after, **arguments)
        if not self.read_only or page.looked_to < page.last_position:
            return page
        await asyncio.sleep(0.02)
        self.look()
        last = (await MemoryLog.read_shard(self, shard, after=after)).last_position
        return msgspec.structs.replace(page, looked_to=last, last_position=last)


class FindsLate(StaleReads):
    """A process that only reads sees what others have written when it opens the log, and not again."""

    def look(self):
        self._check_open()
        with self.alone():
            if self.read_only:
                self.refresh_own()
            else:
                self.refresh()


class ClaimsToBeAlone(Journal):
    """It lets others in, and does not say that it can."""

    clause = "L1"
    capabilities = frozenset({Capability.PERSISTENT})


class ClaimsReaders(LoneJournal):
    """It says that others can read beside it, and lets nobody in."""

    clause = "L1"
    capabilities = frozenset({Capability.PERSISTENT, Capability.OTHER_READERS})


class ClaimsWriters(LoneJournal):
    """It says that others can write beside it, and lets nobody in."""

    clause = "L1"
    capabilities = frozenset({Capability.PERSISTENT, Capability.OTHER_WRITERS})


class ClaimsToKeepNothing(LoneJournal):
    """It keeps what it says it would not."""

    clause = "L1"
    capabilities = frozenset()


class SaysOtherwise(LoneJournal):
    """Its `info` claims more than its declaration for the kit."""

    clause = "L1"

    def begin(self):
        super().begin()
        self._info = msgspec.structs.replace(self._info, capabilities=frozenset(Capability))


class ReadersMakeLogs(Journal):
    """Opening for reading makes the log where there is none."""

    clause = "L1"

    async def open(self):
        if self.read_only and not os.path.exists(self.path):
            async with Journal(self.path, OpenOptions()):
                pass
        await super().open()


class ReadersWrite(Journal):
    """A log that was opened for reading takes appends."""

    clause = "L1"

    def check_writable(self):
        self._check_open()


class LockedForThisProcess(LoneJournal):
    """Its lock is one of POSIX, which another log of the process has, too; so it keeps a list, and no lock."""

    clause = "L1"
    held: ClassVar[dict[str, dict[str, str]]] = {}

    def lock(self):
        if self.read_only:
            raise LogNotFound("opened for reading beside nobody.")
        if self.path in self.held:
            raise LogLocked("the log is open elsewhere.", self.held[self.path])
        self.held[self.path] = dict(self.options.holder)

    async def close(self):
        if self._open:
            del self.held[self.path]
        await super().close()


class SeesItselfAlone(Journal):
    """A log reads what it has written, and what others had written when it was opened or wrote last."""

    clause = "R2"

    def look(self):
        self._check_open()


class WaitsForItself(Journal):
    """Who waits is woken by appends of the same log."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        self.look()
        last = await MemoryLog.wait(self, shard, after=after, timeout=timeout)
        self.look()
        return max(last, self._shards[shard].last_position)


class HeadsBehind(LoneJournal):
    """Heads are saved with a later call, or when the log is closed; they are not made anew from the events."""

    clause = "H1"

    def begin(self):
        super().begin()
        self.saved, self.lasting = {}, f"{self.path}.heads"
        if os.path.exists(self.lasting):
            with open(self.lasting, "rb") as file:
                self.saved = pickle.load(file)

    async def open(self):
        was_open = self._open
        await super().open()
        for shard in () if was_open else self._shards:
            for key, thread in shard.threads.items():
                thread.head = self.saved.get(key)

    async def append(self, shard, appends):
        if appends:
            self.save()
        outcomes = await super().append(shard, appends)
        _linger()
        return outcomes

    async def close(self):
        if self._open:
            self.save()
        await super().close()

    def save(self):
        """Save the heads as they are, in one step."""
        heads = {key: thread.head for shard in self._shards for key, thread in shard.threads.items()}
        with open(f"{self.lasting}.new", "wb") as file:
            pickle.dump(heads, file)
        os.replace(file.name, self.lasting)


def _linger() -> None:
    """Be as slow as a disk, so that most kills fall here."""
    time.sleep(0.002)


def make(address: str, options: OpenOptions) -> Journal:
    """The log of an address such as ``StaleReads /tmp/log``."""
    name, _, path = address.partition(" ")
    kind: type[Journal] = globals()[name]
    return kind(path, options)
