"""Logs on a simulated disk that go wrong when one of its operations fails; and a sound one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from conformance.broken.base import LIMITS, replace
from threadlog.log import (
    Appended,
    Capability,
    Durability,
    EventLog,
    LogBusy,
    LogError,
    LogLocked,
    LogNotFound,
    LogStatus,
    LogStopped,
    MemoryLog,
    OpenOptions,
    OutcomeUnknown,
)
from threadlog.log.memory import _by_append, _Shard
from threadlog.testing import Backend, Faults, NthCall


class Controller:
    """What all disks ask before each operation."""

    call: NthCall | None = None

    @contextmanager
    def failing(self, call: NthCall) -> Iterator[None]:
        """A block in which one operation fails."""
        self.call = call
        try:
            yield
        finally:
            self.call = None


@dataclass
class Disk:
    """Records, of which those that are not flushed are lost when a flush fails, as kernels do it."""

    controller: Controller
    flushed: list = field(default_factory=list)
    cached: list = field(default_factory=list)
    holder: dict | None = None
    log_id: str = field(default_factory=lambda: str(uuid4()))
    shards: int = 0

    def write(self, kind, content):
        """Write a record, without flushing it."""
        if self.does("write"):
            self.cached.append((kind, content))
        self.check()

    def flush(self):
        """Bring what was written to the medium."""
        if self.does("flush"):
            self.flushed += self.cached
        self.cached = []
        self.check()

    def load(self):
        """All that lies on the medium, or in the cache, which a reader cannot tell apart."""
        self.does("load")
        self.check()
        return [*self.flushed, *self.cached]

    def does(self, what):
        """Whether an operation has its effect; `check` tells afterwards whether it failed."""
        call = self.controller.call
        self.error = call is not None and call.strikes(what)
        return not self.error or call.kind == "late"

    def check(self):
        """Raise if the last operation failed."""
        if self.error:
            raise OSError(5, "made to fail")


class DiskLog(MemoryLog):
    """A sound log: events of one call are one record; after a fault it reads the disk again and stops."""

    clause = ""

    def __init__(self, disk: Disk, options: OpenOptions) -> None:
        super().__init__(disk.shards or options.shards or 1, LIMITS)
        self.disk, self.options, self.fault = disk, options, None
        self._info = replace(self._info, log_id=disk.log_id)

    async def open(self):
        if self._open:
            return
        if self.options.read_only or not (self.options.create or self.disk.shards):
            raise LogNotFound("there is no log here, or no place beside its writer.")
        if self.disk.holder is not None:
            raise LogLocked("the log is open; close it there.", self.disk.holder)
        self.disk.shards = self.disk.shards or self._info.shards
        with self.translated("opening"):
            self.read_disk()
        self.disk.holder, self.fault = dict(self.options.holder), None
        await super().open()

    async def close(self):
        if self._open:
            await super().close()
            self.disk.holder = None

    async def status(self):
        await super().status()
        return LogStatus(self.fault is None, self.fault)

    @contextmanager
    def translated(self, what):
        """A block whose failures are errors of the log."""
        try:
            yield
        except OSError as error:
            self.fault = f"{what} failed; open the log again."
            raise LogStopped(self.fault) from error

    def read_disk(self):
        """Make the copy in memory from what lies on the disk."""
        waiting = [shard._waiting for shard in self._shards]
        self._shards = [_Shard(number) for number in range(self.disk.shards)]
        for shard, waiters in zip(self._shards, waiting, strict=False):
            shard._waiting = waiters
        self._snapshots = {}
        records = self.disk.load()
        for group in _by_append([event for kind, events in records if kind == "events" for event in events]):
            self._shards[group[0].shard].store(group)
        for kind, content in records:
            self.take_record(kind, content)

    def take_record(self, kind, content):
        """Take a record other than events into memory."""
        if kind == "snapshot":
            self._snapshots[content.tenant, content.thread_id, content.projection, content.version] = content

    async def append(self, shard, appends):
        self.check_fault(appends)
        outcomes = await super().append(shard, appends)
        self.store([event for outcome in outcomes if isinstance(outcome, Appended) for event in outcome.events])
        return outcomes

    async def restore(self, shard, events):
        self.check_fault(events)
        before = self._shard(shard).last_position
        last = await super().restore(shard, events)
        self.store_restored([event for event in events if event.position > before])
        return last

    async def save_snapshot(self, snapshot):
        await super().save_snapshot(snapshot)
        try:
            self.write_snapshot(snapshot)
        except OSError:
            self._snapshots.clear()

    def write_snapshot(self, snapshot):
        """Keep a snapshot on the disk."""
        self.disk.write("snapshot", snapshot)
        self.disk.flush()

    def check_fault(self, call):
        """Refuse to write after a fault."""
        if call and self.fault is not None:
            raise LogStopped(self.fault)

    def store(self, events):
        """Bring events to the disk; where that fails, memory forgets what may not be there."""
        if events:
            try:
                self.write(events)
            except OSError as error:
                raise self.failed() from error

    def store_restored(self, events):
        """The same for events of another log."""
        self.store(events)

    def write(self, events):
        """Write and flush one record."""
        self.disk.write("events", events)
        self.disk.flush()

    def failed(self) -> LogError:
        """What to raise after a fault. The disk's cache is not to be trusted: it is dropped."""
        self.fault = "the storage failed; open the log again."
        self.disk.cached = []
        try:
            self.read_disk()
        except OSError:
            return OutcomeUnknown("the storage failed, and cannot be read.")
        return LogStopped(self.fault)


def backend_of_disk(kind: type[DiskLog], *, patience: float = 0.5) -> Backend:
    """Logs of one class, each place a disk."""
    controller = Controller()
    disks: dict[str, Disk] = {}

    async def make(place: str, options: OpenOptions) -> EventLog:
        return kind(disks.setdefault(place, Disk(controller)), options)

    return Backend(
        make=make,
        durability=Durability.MEMORY,
        capabilities=frozenset({Capability.PERSISTENT}),
        patience=patience,
        faults=Faults(seam=controller.failing, kinds=("error", "late")),
    )


class AcknowledgesFailedFlush(DiskLog):
    """Whether the flush failed, it does not look."""

    clause = "X1"

    def write(self, events):
        self.disk.write("events", events)
        try:
            self.disk.flush()
        except OSError:
            self.fault = None


class GoesOnAfterFailedFlush(DiskLog):
    """A failed flush is reported once; then it goes on, as if what it wrote were still on its way to the disk."""

    clause = "X1"

    def failed(self):
        return OutcomeUnknown("the flush failed; try again.")


class ServesUnflushed(DiskLog):
    """What could not be stored stays in memory and is read from there."""

    clause = "X1"

    def failed(self):
        self.fault = "the storage failed; open the log again."
        return LogStopped(self.fault)


class DriverErrors(DiskLog):
    """An opening that fails ends with the system's own error."""

    clause = "X1"

    @contextmanager
    def translated(self, what):
        yield


class SaysNothingWasWritten(DiskLog):
    """Any fault is "busy", also one after the writing."""

    clause = "X1"

    def failed(self):
        return LogBusy("not now; nothing was written.") if isinstance(super().failed(), LogStopped) else LogBusy("no.")


class WritesEachEvent(DiskLog):
    """Each event is a record of its own, so a fault leaves the first ones of an append."""

    clause = "A2"

    def write(self, events):
        for event in events:
            super().write([event])


class WritesTheLastApart(DiskLog):
    """The last event of each call is written when the others are on the disk."""

    clause = "A2"

    def write(self, events):
        for part in (events[:-1], events[-1:]):
            if part:
                super().write(part)

    def store_restored(self, events):
        self.disk.write("events", events)
        self.disk.flush()


class RestoresEachEvent(DiskLog):
    """Events of a copy are written one by one."""

    clause = "C1"

    def store_restored(self, events):
        for event in events:
            self.store([event])


class RestoresInParts(DiskLog):
    """Events of a copy are written in two parts."""

    clause = "C1"

    def store_restored(self, events):
        middle = len(events) // 2
        self.store(events[:middle])
        self.store(events[middle:])


class IdsApart(DiskLog):
    """Append ids have a record of their own, written after the events, and are looked up there after reopening."""

    clause = "A6"

    def write(self, events):
        super().write(events)
        self.disk.write("ids", {event.append_id for event in events})
        self.disk.flush()

    def read_disk(self):
        self.known = set()
        super().read_disk()
        for shard in self._shards:
            for thread in shard.threads.values():
                thread.appends = {name: events for name, events in thread.appends.items() if name in self.known}

    def take_record(self, kind, content):
        super().take_record(kind, content)
        if kind == "ids":
            self.known |= content


class ForgetsIdsOnFault(DiskLog):
    """After a fault it reads events again, and no append ids."""

    clause = "A6"
    forgets = False

    def failed(self):
        self.disk.forgets = True
        return super().failed()

    def read_disk(self):
        super().read_disk()
        if getattr(self.disk, "forgets", False):
            for shard in self._shards:
                for thread in shard.threads.values():
                    thread.appends = {}


class TruncatesTooMuch(DiskLog):
    """After a failed write it cuts off the last record, which need not be the failed one."""

    clause = "A7"

    def failed(self):
        self.disk.flushed = self.disk.flushed[:-1]
        return super().failed()


class CompactsInPlace(DiskLog):
    """Opening writes the whole file anew, in its place."""

    clause = "A7"

    def read_disk(self):
        super().read_disk()
        if not self._open:
            records, self.disk.flushed = self.disk.flushed, []
            for kind, content in records:
                self.disk.write(kind, content)
            self.disk.flush()


class BurnsSeqs(DiskLog):
    """What could not be stored keeps its seqs: the next append goes on behind them."""

    clause = "A3"

    def store(self, events):
        try:
            super().store(events)
        except LogError:
            self.disk.burnt = {(event.tenant, event.thread_id): event.seq for event in events}
            raise

    def read_disk(self):
        super().read_disk()
        for shard in self._shards:
            made = shard._event
            shard._event = lambda append, new, seq, *rest, made=made: made(
                append, new, self.after_burnt(append, seq), *rest
            )

    def after_burnt(self, append, seq):
        """The seq, behind those that are burnt."""
        burnt = getattr(self.disk, "burnt", {}).get((append.tenant, append.thread_id), 0)
        return seq + 1 if seq <= burnt else seq


class BurnsPositions(DiskLog):
    """A fault costs a position."""

    clause = "F1"

    def failed(self):
        self.disk.burnt = getattr(self.disk, "burnt", 0) + 1
        return super().failed()

    def read_disk(self):
        super().read_disk()
        for shard in self._shards:
            made = shard._event
            shard._event = lambda append, new, seq, position, *rest, made=made: made(
                append, new, seq, position + getattr(self.disk, "burnt", 0), *rest
            )


class HeadsApart(DiskLog):
    """Heads have records of their own, written after the events."""

    clause = "H1"

    def write(self, events):
        super().write(events)
        self.disk.write("heads", [(event, self.head_of(event)) for event in events if event.head is not None])
        self.disk.flush()

    def head_of(self, event):
        """What the head of an event's thread is now."""
        return self._shards[event.shard].threads[event.tenant, event.thread_id].head

    def read_disk(self):
        self.heads = {}
        super().read_disk()
        for shard in self._shards:
            for key, thread in shard.threads.items():
                thread.head = self.heads.get(key)

    def take_record(self, kind, content):
        super().take_record(kind, content)
        if kind == "heads":
            self.heads |= {(event.tenant, event.thread_id): head for event, head in content}


class HeadsFirst(HeadsApart):
    """Heads have records of their own, written before the events."""

    def write(self, events):
        self.disk.write("heads", [(event, self.head_of(event)) for event in events if event.head is not None])
        self.disk.flush()
        DiskLog.write(self, events)


class ThreadsApart(DiskLog):
    """Which events a thread has is a record of its own, written after the events."""

    clause = "R1"

    def write(self, events):
        super().write(events)
        self.disk.write("threads", {event.id for event in events})
        self.disk.flush()

    def read_disk(self):
        self.indexed = set()
        super().read_disk()

    def take_record(self, kind, content):
        super().take_record(kind, content)
        if kind == "threads":
            self.indexed |= content

    async def read_thread(self, tenant, thread_id, **page):
        found = await super().read_thread(tenant, thread_id, **page)
        old = self.opened_with.get((tenant, thread_id), ())
        return replace(found, events=tuple(e for e in found.events if e.id in self.indexed or e.id not in old))

    async def open(self):
        await super().open()
        self.opened_with = {
            key: {event.id for event in thread.events}
            for shard in self._shards
            for key, thread in shard.threads.items()
        }


class HalfASnapshot(DiskLog):
    """A snapshot is written in two parts, and the first one is taken for it."""

    clause = "S1"

    def write_snapshot(self, snapshot):
        self.disk.write("snapshot", replace(snapshot, state=snapshot.state[:2]))
        self.disk.flush()
        super().write_snapshot(snapshot)


class SnapshotOfAnotherSeq(DiskLog):
    """Seq and state of a snapshot are two fields, written one after the other."""

    clause = "S1"

    def write_snapshot(self, snapshot):
        self.disk.write("snapshot", replace(snapshot, seq=snapshot.seq + 1))
        self.disk.flush()
        super().write_snapshot(snapshot)


class LeaksWhenOpeningFails(DiskLog):
    """An opening that fails leaves its files open."""

    clause = "L1"

    def read_disk(self):
        pipe = () if self._open else os.pipe()
        super().read_disk()
        for file in pipe:
            os.close(file)


class LocksAfterFault(DiskLog):
    """A log that has failed is open still after closing."""

    clause = "L1"

    async def close(self):
        if self._open and self.fault is not None:
            self.disk.holder = None
            return
        await super().close()
