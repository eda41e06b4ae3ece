"""The event log: the contract's methods over the tables, one thread, one connection."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from threadlog.log import (
    Append,
    Appended,
    Capability,
    Conflict,
    Diverged,
    Duplicate,
    Durability,
    Event,
    EventLog,
    FormatTooNew,
    HeadPage,
    IdReused,
    InvalidAppend,
    Limits,
    LogBusy,
    LogClosed,
    LogError,
    LogInfo,
    LogNotFound,
    LogReadOnly,
    LogStatus,
    LogStopped,
    OpenOptions,
    Outcome,
    ShardPage,
    Snapshot,
    StorageFull,
    ThreadPage,
    is_expected,
    same_append,
    uuid7s,
)
from threadlog_sqlite import tables

FORMAT = 1
POLL = 0.02
"""Seconds between two looks for other processes' appends."""

P = ParamSpec("P")
T = TypeVar("T")


class SQLiteLog(EventLog):
    """An event log in the SQLite file at `path`, in WAL mode with ``synchronous=FULL``."""

    def __init__(self, path: str, options: OpenOptions, limits: Limits | None = None) -> None:
        self._path = Path(path)
        self._options = options
        self._limits = limits or Limits()
        self._thread: ThreadPoolExecutor | None = None
        self._closing: Future[None] | None = None
        self._database: sqlite3.Connection | None = None
        self._info: LogInfo | None = None
        self._fault: str | None = None

    @property
    def info(self) -> LogInfo:
        """See `EventLog.info`."""
        if self._info is None:
            raise LogClosed(f"{self._path} is not open: use it inside `async with`.")
        return self._info

    async def open(self) -> None:
        """See `EventLog.open`."""
        if self._thread is not None:
            return
        await self._disconnected()
        if not self._path.exists() and (self._options.read_only or not self._options.create):
            raise LogNotFound(f"there is no log at {self._path}.")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="threadlog-sqlite")
        try:
            connect = self._translating(self._connect)
            self._info = await asyncio.get_running_loop().run_in_executor(self._thread, connect)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """See `EventLog.close`."""
        thread, self._thread, self._info, self._fault = self._thread, None, None, None
        if thread is not None:
            self._closing = thread.submit(self._disconnect)
            thread.shutdown(wait=False)
        await self._disconnected()

    async def _disconnected(self) -> None:
        """Wait for the thread to end its work; a cancelled caller leaves it to that."""
        if self._closing is not None:
            await asyncio.shield(asyncio.wrap_future(self._closing))

    async def status(self) -> LogStatus:
        """See `EventLog.status`."""
        if self.info.read_only:
            return LogStatus(False, "opened for reading only")
        return LogStatus(self._fault is None, self._fault)

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """See `EventLog.append`."""
        self._check_shard(shard)
        for append in appends:
            if self.shard_of(append.tenant) != shard:
                raise InvalidAppend(f"a tenant of this call does not live in shard {shard}; ask `shard_of`.")
        self.info.limits.check_call(appends)
        return await self._write(_append, shard, appends)

    async def restore(self, shard: int, events: Sequence[Event]) -> int:
        """See `EventLog.restore`."""
        self._check_shard(shard)
        if any(event.shard != shard or self.shard_of(event.tenant) != shard for event in events):
            raise Diverged("the events are of another shard; restore into a log with the same number of shards.")
        return await self._write(_restore, shard, events)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """See `EventLog.save_snapshot`: a snapshot that cannot be kept is dropped."""
        with suppress(LogReadOnly, LogBusy, LogStopped):
            await self._write(tables.save_snapshot, snapshot)

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        """See `EventLog.read_thread`."""
        _check_page(after, limit)
        return await self._read(_read_thread, self.info.limits, tenant, thread_id, after, limit, backward)

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        """See `EventLog.read_shard`."""
        self._check_shard(shard)
        _check_page(after, limit)
        return await self._read(_read_shard, self.info.limits, shard, after, limit, tenant)

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        """See `EventLog.wait`: looks every 20 ms, since SQLite tells nobody."""
        self._check_shard(shard)
        until = time.monotonic() + timeout
        while True:
            last = await self._read(tables.last_position, shard)
            left = until - time.monotonic()
            if last > after or left <= 0:
                return last
            await asyncio.sleep(min(POLL, left))

    async def list_heads(
        self,
        tenant: str,
        *,
        owner: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
    ) -> HeadPage:
        """See `EventLog.list_heads`."""
        _check_page(0, limit)
        limit = min(limit, self.info.limits.page_events)
        return await self._read(_list_heads, tenant, owner, after, limit, newest_first)

    async def load_snapshot(self, tenant: str, thread_id: str, projection: str, version: int) -> Snapshot | None:
        """See `EventLog.load_snapshot`."""
        return await self._read(tables.load_snapshot, tenant, thread_id, projection, version)

    def _check_shard(self, shard: int) -> None:
        if not 0 <= shard < self.info.shards:
            raise ValueError(f"shard is {shard}; this log has shards 0 to {self.info.shards - 1}.")

    async def _read(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` in a transaction, so that all that it reads is of one moment though others write."""

        def transaction(database: sqlite3.Connection) -> T:
            database.execute("BEGIN")
            try:
                return work(database, *args, **kwargs)
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

        return await self._in_thread(transaction)

    async def _write(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` in a transaction that holds SQLite's write lock from its first statement on."""
        if self.info.read_only:
            raise LogReadOnly(f"{self._path} was opened for reading only.")

        def transaction(database: sqlite3.Connection) -> T:
            if self._fault is not None:
                raise LogStopped(self._fault)
            database.execute("BEGIN IMMEDIATE")
            try:
                result = work(database, *args, **kwargs)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            return result

        return await self._in_thread(transaction)

    async def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the one thread; a cancelled caller leaves it to finish there."""
        if self._thread is None or self._database is None:
            raise LogClosed(f"{self._path} is not open: use it inside `async with`.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._translating(work), self._database)

    def _translating(self, work: Callable[P, T]) -> Callable[P, T]:
        """The same work, raising errors of the log instead of SQLite's."""

        def translating(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return work(*args, **kwargs)
            except sqlite3.Error as error:
                raise self._translated(error) from error

        return translating

    def _translated(self, error: sqlite3.Error) -> LogError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return LogBusy("another process holds SQLite's write lock; try again.")
        if code == sqlite3.SQLITE_FULL:
            return StorageFull(f"there is no room for {self._path}: free some and try again.")
        # What the page cache holds after a failed sync is not what the disk holds: write no more.
        self._fault = f"storage fault on {self._path}; close the log, look at the disk, and open it again."
        return LogStopped(self._fault)

    def _connect(self) -> LogInfo:
        read_only = self._options.read_only
        mode = "ro" if read_only else "rwc"
        self._database = database = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=5
        )
        if not read_only:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            _make(database, self._options.shards or 1)
        log_id, found, shards = database.execute("SELECT log_id, format, shards FROM log").fetchone()
        if found > FORMAT:
            raise FormatTooNew(f"{self._path} has format {found}; this plugin reads up to {FORMAT}: upgrade it.")
        return LogInfo(
            scheme="sqlite",
            location=str(self._path),
            log_id=log_id,
            shards=shards,
            durability=Durability.DISK,
            capabilities=frozenset({Capability.PERSISTENT, Capability.OTHER_READERS, Capability.OTHER_WRITERS}),
            limits=self._limits,
            read_only=read_only,
        )

    def _disconnect(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _make(database: sqlite3.Connection, shards: int) -> None:
    script = files("threadlog_sqlite").joinpath("schema.sql").read_text()
    log = f"INSERT INTO log SELECT '{uuid4().hex}', {FORMAT}, {shards} WHERE NOT EXISTS (SELECT 1 FROM log)"
    database.executescript(f"BEGIN IMMEDIATE; {script}; {log}; COMMIT;")


def _append(database: sqlite3.Connection, shard: int, appends: Sequence[Append]) -> list[Outcome]:
    position = tables.last_position(database, shard)
    outcomes: list[Outcome] = []
    for append in appends:
        outcome = _append_one(database, shard, position, append)
        if isinstance(outcome, Appended):
            position = outcome.events[-1].position
        outcomes.append(outcome)
    return outcomes


def _append_one(database: sqlite3.Connection, shard: int, position: int, append: Append) -> Outcome:
    stored = tables.events_of_append(database, append.tenant, append.thread_id, append.append_id)
    if stored:
        return Duplicate(stored) if same_append(append, stored) else IdReused(stored[0].seq)
    last = tables.last_seq(database, append.tenant, append.thread_id)
    deleted = tables.is_deleted(database, append.tenant, append.thread_id)
    if not is_expected(append.expected, last, deleted):
        return Conflict(last, deleted)
    events = _events(append, shard, position, last)
    tables.insert_events(database, events)
    return Appended(events)


def _events(append: Append, shard: int, position: int, last_seq: int) -> tuple[Event, ...]:
    now = time.time_ns() // 1000
    return tuple(
        Event(
            tenant=append.tenant,
            thread_id=append.thread_id,
            seq=last_seq + at,
            shard=shard,
            position=position + at,
            id=name,
            append_id=append.append_id,
            type=new.type,
            version=new.version,
            time_us=now,
            data=new.data,
            actor=append.actor,
            run_id=append.run_id,
            trace=append.trace,
            head=new.head,
        )
        for at, (new, name) in enumerate(zip(append.events, uuid7s(now, len(append.events)), strict=True), start=1)
    )


def _restore(database: sqlite3.Connection, shard: int, events: Sequence[Event]) -> int:
    last = tables.last_position(database, shard)
    first = events[0].position if events else last + 1
    if not 1 <= first <= last + 1 or [event.position for event in events] != list(range(first, first + len(events))):
        raise Diverged(f"the events to restore must follow on position {last} without a gap.")
    known = [event for event in events if event.position <= last]
    held = tables.events_of_shard(database, shard, first - 1)
    if any(ours.id != theirs.id for ours, theirs in zip(held, known, strict=False)):
        raise Diverged("the log holds another history; copy into an empty one.")
    new = events[len(known) :]
    _check_seqs(database, new)
    tables.insert_events(database, new)
    return last + len(new)


def _check_seqs(database: sqlite3.Connection, new: Sequence[Event]) -> None:
    """Each thread's seqs go on without a gap, and no append goes on that is stored already."""
    ends: dict[tuple[str, str], int] = {}
    for event in new:
        thread = (event.tenant, event.thread_id)
        if thread not in ends:
            ends[thread] = tables.last_seq(database, *thread)
            if tables.events_of_append(database, *thread, event.append_id):
                raise Diverged(f"the events go on with append {event.append_id}, which is stored already.")
        ends[thread] += 1
        if event.seq != ends[thread]:
            raise Diverged(f"seq is {event.seq} at position {event.position}, where {ends[thread]} follows.")


def _read_thread(
    database: sqlite3.Connection,
    limits: Limits,
    tenant: str,
    thread_id: str,
    after: int,
    limit: int,
    backward: bool,
) -> ThreadPage:
    limit = min(limit, limits.page_events)
    events: list[Event] = []
    size = 0
    for event in tables.events_of_thread(database, tenant, thread_id, after, limit, backward=backward):
        size += len(event.data)
        if events and size > limits.page_bytes:
            break
        events.append(event)
    return ThreadPage(tuple(events), tables.last_seq(database, tenant, thread_id))


def _read_shard(
    database: sqlite3.Connection, limits: Limits, shard: int, after: int, limit: int, tenant: str | None
) -> ShardPage:
    limit = min(limit, limits.page_events)
    events: list[Event] = []
    size, looked_to, seen = 0, after, 0
    for (of_tenant, *_), group in groupby(tables.events_of_shard(database, shard, after), _append_of):
        append = list(group)
        payload = sum(len(event.data) for event in append) if tenant in (None, of_tenant) else 0
        if seen >= limit or (events and size + payload > limits.page_bytes):
            break
        looked_to, seen, size = append[-1].position, seen + len(append), size + payload
        if tenant in (None, of_tenant):
            events += append
    return ShardPage(tuple(events), looked_to, tables.last_position(database, shard))


def _append_of(event: Event) -> tuple[str, str, str]:
    return event.tenant, event.thread_id, event.append_id


def _list_heads(
    database: sqlite3.Connection, tenant: str, owner: str | None, after: str | None, limit: int, newest_first: bool
) -> HeadPage:
    place = None
    if after is not None:
        place = tables.place_of_head(database, tenant, after)
        if place is None:
            return HeadPage((), has_more=False)
    heads = tables.list_heads(database, tenant, owner, place, limit + 1, newest_first=newest_first)
    return HeadPage(tuple(heads[:limit]), has_more=len(heads) > limit)


def _check_page(after: int, limit: int) -> None:
    if after < 0:
        raise ValueError(f"after is {after}; numbers start at 1, and 0 stands before them.")
    if limit < 1:
        raise ValueError(f"limit is {limit}; a page holds at least 1.")
