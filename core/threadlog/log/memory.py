"""The reference implementation of the contract, in memory: read it as the specification in code.

For tests and trials, and the model against which the conformance kit compares other logs. Every clause is kept;
nothing survives the process (`Durability.MEMORY`). The data lives in the object: it can be closed and opened again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import msgspec
from msgspec import UNSET

from threadlog.log.contract import Capability, Durability, EventLog, Limits, LogInfo, LogStatus
from threadlog.log.envelope import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    Head,
    HeadChange,
    HeadPage,
    IdReused,
    NewEvent,
    Outcome,
    ShardPage,
    Snapshot,
    ThreadPage,
    is_expected,
    same_append,
)
from threadlog.log.errors import Diverged, InvalidAppend, LogClosed, LogNotFound
from threadlog.log.ids import uuid7s
from threadlog.log.plugin import LogURL, OpenOptions, hookimpl

Clock = Callable[[], int]
"""Gives the time: UTC, microseconds since 1970."""

_SHARDS_AT_MOST = 4096


@hookimpl
def threadlog_log(url: LogURL, options: OpenOptions) -> EventLog:
    """Make the log of a ``memory:`` URL: an empty one of its own for every call."""
    if url.rest or url.options:
        raise ValueError("memory: takes no path and no options; write just memory:.")
    log = MemoryLog(shards=1 if options.shards is None else options.shards)
    if options.read_only or not options.create:
        return _NoMemory()
    return log


class MemoryLog(EventLog):
    """An event log in the memory of this process.

    Args:
        shards: number of shards, 1 to 4096.
        limits: what is too large.
        clock: where times come from; the system's clock by default.
    """

    def __init__(self, shards: int = 1, limits: Limits | None = None, *, clock: Clock | None = None) -> None:
        if not 1 <= shards <= _SHARDS_AT_MOST:
            raise ValueError(f"shards is {shards}; a log has 1 to {_SHARDS_AT_MOST}.")
        self._info = LogInfo(
            scheme="memory",
            location="memory:",
            log_id=str(uuid4()),
            shards=shards,
            durability=Durability.MEMORY,
            capabilities=frozenset({Capability.PERSISTENT}),
            limits=limits or Limits(),
        )
        self._clock = clock or _system_clock
        self._shards = [_Shard(number) for number in range(shards)]
        self._snapshots: dict[tuple[str, str, str, int], Snapshot] = {}
        self._open = False

    @property
    def info(self) -> LogInfo:
        self._check_open()
        return self._info

    async def open(self) -> None:
        self._open = True

    async def close(self) -> None:
        self._open = False
        for shard in self._shards:
            shard.wake()

    async def status(self) -> LogStatus:
        await self._turn()
        return LogStatus(True)

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        await self._turn()
        to = self._shard(shard)
        for append in appends:
            self._check_place(append.tenant, shard)
        self._info.limits.check_call(appends)
        return [to.take(append, self._clock()) for append in appends]  # no await: this is the lock

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        await self._turn()
        _check_page(after, limit)
        thread = self._shard(self.shard_of(tenant)).threads.get((tenant, thread_id))
        if thread is None:
            return ThreadPage((), 0)
        page = _Page(limit, self._info.limits)
        for event in thread.before(after) if backward else thread.events[after:]:
            if not page.add([event]):
                break
        return ThreadPage(tuple(page.events), thread.last_seq)

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        await self._turn()
        _check_page(after, limit)
        of = self._shard(shard)
        page, looked_to = _Page(limit, self._info.limits), after
        for events in _by_append(of.events[after:]):
            if not page.add([event for event in events if tenant in (None, event.tenant)]):
                break
            looked_to = events[-1].position
        return ShardPage(tuple(page.events), looked_to, of.last_position)

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        await self._turn()
        of = self._shard(shard)
        if of.last_position <= after:
            await of.wait(timeout)
            self._check_open()
        return of.last_position

    async def list_heads(
        self,
        tenant: str,
        *,
        owner: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
    ) -> HeadPage:
        await self._turn()
        _check_page(0, limit)
        threads = self._shard(self.shard_of(tenant)).threads.values()  # in order of creation
        heads = [thread for thread in threads if thread.tenant == tenant and thread.head is not None]
        if newest_first:
            heads.reverse()
        if after is not None:
            places = [place for place, thread in enumerate(heads, 1) if thread.thread_id == after]
            heads = heads[places[0] :] if places else []
        listed = [
            thread.head
            for thread in heads
            if thread.head is not None and not thread.deleted and owner in (None, thread.head.owner)
        ]
        size = min(limit, self._info.limits.page_events)
        return HeadPage(tuple(listed[:size]), len(listed) > size)

    async def load_snapshot(self, tenant: str, thread_id: str, projection: str, version: int) -> Snapshot | None:
        await self._turn()
        return self._snapshots.get((tenant, thread_id, projection, version))

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self._turn()
        key = (snapshot.tenant, snapshot.thread_id, snapshot.projection, snapshot.version)
        kept = self._snapshots.get(key)
        if kept is None or kept.seq <= snapshot.seq:
            self._snapshots[key] = snapshot

    async def restore(self, shard: int, events: Sequence[Event]) -> int:
        await self._turn()
        to = self._shard(shard)
        new = to.new_of(events)
        for event in new:
            if event.shard != shard or self.shard_of(event.tenant) != shard:
                raise Diverged(
                    f"the event at position {event.position} belongs to another shard; restore into a log with the "
                    "same number of shards."
                )
        for group in _by_append(new):
            to.store(group)
        return to.last_position

    async def _turn(self) -> None:
        """Give other tasks their turn, as a log with real I/O does, and be a place to be cancelled at."""
        self._check_open()
        await asyncio.sleep(0)
        self._check_open()

    def _check_open(self) -> None:
        if not self._open:
            raise LogClosed("the log is not open; use it inside `async with`.")

    def _shard(self, number: int) -> _Shard:
        if not 0 <= number < len(self._shards):
            raise ValueError(f"shard is {number}; this log has shards 0 to {len(self._shards) - 1}.")
        return self._shards[number]

    def _check_place(self, tenant: str, shard: int) -> None:
        if self.shard_of(tenant) != shard:
            raise InvalidAppend(f"tenant {tenant!r} does not live in shard {shard}; ask `shard_of`.")


class _NoMemory(MemoryLog):
    """What ``memory:`` is to those who must find a log and may not make one."""

    async def open(self) -> None:
        raise LogNotFound("memory: is always a new log; leave out read_only and create=False.")


@dataclass
class _Thread:
    """One thread: all its events, and what follows from them."""

    tenant: str
    thread_id: str
    events: list[Event] = field(default_factory=list)
    appends: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    head: Head | None = None
    deleted: bool = False

    @property
    def last_seq(self) -> int:
        return len(self.events)

    def before(self, seq: int) -> Sequence[Event]:
        """The events before a seq (0: all), last one first."""
        return self.events[: seq - 1 if seq else None][::-1]

    def add(self, events: Sequence[Event]) -> None:
        """Take the events of one append."""
        self.events.extend(events)
        self.appends[events[0].append_id] = tuple(events)
        for event in events:
            if event.head is not None:
                self._change_head(event.head)

    def _change_head(self, change: HeadChange) -> None:
        head = self.head or Head(tenant=self.tenant, thread_id=self.thread_id, created_us=self.events[0].time_us)
        fields = {name: getattr(change, name) for name in ("owner", "title", "status", "info")}
        self.head = msgspec.structs.replace(head, **{name: new for name, new in fields.items() if new is not UNSET})
        if change.deleted is not UNSET:
            self.deleted = change.deleted


class _Page:
    """A page that is being filled with whole groups of events."""

    def __init__(self, limit: int, limits: Limits) -> None:
        self.events: list[Event] = []
        self._room = min(limit, limits.page_events)
        self._bytes = limits.page_bytes

    def add(self, group: Sequence[Event]) -> bool:
        """Take a group if there is room for it; the first always fits."""
        self._bytes -= sum(len(event.data) for event in group)
        if self.events and group and (len(self.events) >= self._room or self._bytes < 0):
            return False
        self.events.extend(group)
        return True


class _Shard:
    """One shard: its events in position order, its threads in order of creation, and who waits for more."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.events: list[Event] = []
        self.threads: dict[tuple[str, str], _Thread] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def last_position(self) -> int:
        return len(self.events)

    def take(self, append: Append, now_us: int) -> Outcome:
        """Decide about one append and store it if it is to be (A3 to A6)."""
        thread = self.threads.get((append.tenant, append.thread_id), _Thread(append.tenant, append.thread_id))
        stored = thread.appends.get(append.append_id)
        if stored is not None:
            return Duplicate(stored) if same_append(append, stored) else IdReused(stored[0].seq)
        if not is_expected(append.expected, thread.last_seq, thread.deleted):
            return Conflict(thread.last_seq, thread.deleted)
        ids = uuid7s(now_us, len(append.events))
        events = tuple(
            self._event(append, new, thread.last_seq + place, self.last_position + place, event_id, now_us)
            for place, (new, event_id) in enumerate(zip(append.events, ids, strict=True), 1)
        )
        self.store(events)
        return Appended(events)

    def store(self, events: Sequence[Event]) -> None:
        """Take the numbered events of one append."""
        self.events.extend(events)
        key = (events[0].tenant, events[0].thread_id)
        self.threads.setdefault(key, _Thread(*key)).add(events)
        self.wake()

    def new_of(self, events: Sequence[Event]) -> list[Event]:
        """Those of `events` that are not stored yet, checked to follow on what is (C1).

        Raises:
            Diverged: they do not.
        """
        known = [event for event in events if event.position <= self.last_position]
        new = list(events[len(known) :])
        for place, event in enumerate(events, known[0].position if known else self.last_position + 1):
            if event.position != place or place < 1:
                raise Diverged(f"position {event.position} does not follow; restore a shard's events without gaps.")
        for event in known:
            self._check_same(event)
        self._check_seqs(new)
        return new

    def wake(self) -> None:
        """Let all who wait look again."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout: float) -> None:
        """Wait for `wake`, at most `timeout` seconds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=max(timeout, 0))
        finally:
            self._waiting.discard(waiter)

    def _check_same(self, event: Event) -> None:
        kept = self.events[event.position - 1]
        if kept.id != event.id:
            raise Diverged(f"position {event.position} holds event {kept.id}, not {event.id}: another history.")

    def _check_seqs(self, new: Sequence[Event]) -> None:
        ends: dict[tuple[str, str], int] = {}
        for group in _by_append(new):
            key = (group[0].tenant, group[0].thread_id)
            thread = self.threads.get(key, _Thread(*key))
            if group[0].append_id in thread.appends:
                raise Diverged(f"position {group[0].position} goes on with an append that is stored already.")
            for event in group:
                ends[key] = ends.get(key, thread.last_seq) + 1
                if event.seq != ends[key]:
                    raise Diverged(f"seq is {event.seq} at position {event.position}, where {ends[key]} follows.")

    def _event(self, append: Append, new: NewEvent, seq: int, position: int, event_id: str, now_us: int) -> Event:
        return Event(
            tenant=append.tenant,
            thread_id=append.thread_id,
            seq=seq,
            shard=self.number,
            position=position,
            id=event_id,
            append_id=append.append_id,
            type=new.type,
            version=new.version,
            time_us=now_us,
            data=new.data,
            actor=append.actor,
            run_id=append.run_id,
            trace=append.trace,
            head=new.head,
        )


def _by_append(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Split events in position order into appends."""
    group: list[Event] = []
    for event in events:
        if group and _append_of(group[0]) != _append_of(event):
            yield group
            group = []
        group.append(event)
    if group:
        yield group


def _append_of(event: Event) -> tuple[str, str, str]:
    return event.tenant, event.thread_id, event.append_id


def _check_page(after: int, limit: int) -> None:
    if after < 0:
        raise ValueError(f"after is {after}; numbers start at 1, and 0 stands before them.")
    if limit < 1:
        raise ValueError(f"limit is {limit}; a page holds at least 1.")


def _system_clock() -> int:
    return time.time_ns() // 1000
