"""The event log: the contract's methods as calls of the functions in ``sql/functions``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Coroutine, Sequence
from functools import cache, partial
from typing import Any

import asyncpg

from threadlog.log import (
    Append,
    Capability,
    Diverged,
    Duplicate,
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
    OutcomeUnknown,
    ShardPage,
    Snapshot,
    ThreadPage,
    same_append,
    uuid7s,
)
from threadlog_postgres import calls, care, faults, schema
from threadlog_postgres.doorbell import Doorbell
from threadlog_postgres.ends import Ends
from threadlog_postgres.place import Place
from threadlog_postgres.pool import Pool, connect


class PostgresLog(EventLog):
    """An event log in a schema of a Postgres database."""

    def __init__(self, place: Place, options: OpenOptions, limits: Limits | None = None) -> None:
        self._place, self._options, self._limits = place, options, limits or Limits()
        self._pool: Pool | None = None
        self._bell: Doorbell | None = None
        self._info: LogInfo | None = None
        self._ends: dict[int, Ends] = {}
        self._query = cache(partial(_query, place.schema))

    @property
    def place(self) -> Place:
        """Where it is."""
        return self._place

    @property
    def info(self) -> LogInfo:
        """See `EventLog.info`."""
        if self._info is None:
            raise LogClosed("the log is not open; use it inside `async with`.")
        return self._info

    async def open(self) -> None:
        """See `EventLog.open`."""
        if self._info is not None:
            return
        self._pool = Pool(self._place, on_connect=self._ends.clear)
        try:
            with faults.reading():
                self._info = await self._look()
            self._bell = Doorbell(self._place.doorbell_dsn, f"threadlog_{self._place.schema}", self._last_position)
            self._bell.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """See `EventLog.close`."""
        self._info = None
        self._ends.clear()
        bell, self._bell = self._bell, None
        pool, self._pool = self._pool, None
        if bell is not None:
            await bell.stop()
        if pool is not None:
            await pool.close()

    async def status(self) -> LogStatus:
        """See `EventLog.status`."""
        if self.info.read_only:
            return LogStatus(False, "it was opened for reading.")
        table = f"{self._place.schema}.event"
        try:
            with faults.reading():
                async with self._opened().connection() as connection:
                    reason = await connection.fetchval(_WHY_NOT, table, timeout=self._place.timeout)
        except LogBusy as error:
            return LogStatus(False, str(error))
        return LogStatus(reason is None, reason)

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """See `EventLog.append`: one round trip, unless an append id is known already or a lone append does not fit."""
        self._check_writable(shard)
        for tenant in {append.tenant for append in appends}:
            if self.shard_of(tenant) != shard:
                raise InvalidAppend(f"a tenant of this call does not live in shard {shard}; ask `shard_of`.")
        self._limits.check_call(appends)
        if not appends:
            return []
        try:
            await self._opened().ready()  # a new connection, which may lead to another history, makes forget
            ends = self._ends.setdefault(shard, Ends())
            outcomes, stored, here = await self._store(shard, ends, appends)
        except faults.FAILURES as error:
            raise faults.of_write(error) from error
        if stored:
            ends.note(stored, here)
            self._ring(shard, stored[-1][0][-1].position)
        try:
            return [
                await self._of_known(append, outcome.first_seq) if isinstance(outcome, calls.Known) else outcome
                for append, outcome in zip(appends, outcomes, strict=True)
            ]
        except LogError as error:
            if not stored:
                raise
            raise OutcomeUnknown("the log could not read what an append id has; retry under the same ids.") from error

    async def _store(self, shard: int, ends: Ends, appends: Sequence[Append]) -> calls.Answers:
        """Store appends by the shortest way that can tell what becomes of them."""
        last_seqs = ends.last_seqs(appends)
        try:
            if len(appends) == 1 and (expected := calls.exact(appends[0], last_seqs)) is not None:
                known = None if last_seqs is None or self._place.pooler else ends  # a pooler may change the server
                if answers := await self._store_one(shard, known, appends[0], expected):
                    return answers
            elif last_seqs is not None:
                return await self._store_all(shard, ends, appends, last_seqs)
        except asyncpg.UniqueViolationError:  # an append id is known, or a thread is not new: ask what they are
            pass
        return await self._store_all(shard, ends, appends, None)

    async def _store_one(self, shard: int, ends: Ends | None, append: Append, expected: int) -> calls.Answers | None:
        (event_id,) = uuid7s(time.time_ns() // 1000, 1)
        arguments = calls.one_arguments(ends, append, expected, event_id)
        ((answer,),) = await self._call("append_one", shard, self._place.lock_timeout_ms, *arguments)
        return None if answer is None else calls.of_one(shard, append, expected, event_id, answer)

    async def _store_all(
        self, shard: int, ends: Ends, appends: Sequence[Append], last_seqs: Sequence[int] | None
    ) -> calls.Answers:
        ids = uuid7s(time.time_ns() // 1000, sum([len(append.events) for append in appends]))
        arguments = calls.append_arguments(ends, appends, ids, last_seqs)
        (answer,) = await self._call("append", shard, self._place.lock_timeout_ms, *arguments)
        return calls.of_all(shard, appends, ids, last_seqs, answer)

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        """See `EventLog.read_thread`."""
        shard = self.shard_of(tenant)
        _check_page(after, limit)
        limits = self.info.limits
        size = min(limit, limits.page_events)
        slices = await self._read("read_thread", shard, tenant, thread_id, after, size, limits.page_bytes, backward)
        events = [event for one in slices for event in calls.thread_events(shard, tenant, thread_id, one)]
        return ThreadPage(tuple(reversed(events) if backward else events), slices[0]["last_seq"])

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        """See `EventLog.read_shard`."""
        self._check_shard(shard)
        _check_page(after, limit)
        limits = self.info.limits
        size = min(limit, limits.page_events)
        rows = await self._read("read_shard", shard, after, size, limits.page_bytes, tenant)
        events = [calls.shard_event(shard, row) for row in rows if row["tenant"]]
        return ShardPage(tuple(events), rows[0]["looked_to"], rows[0]["last_position"])

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        """See `EventLog.wait`."""
        self._check_shard(shard)
        if self._bell is None:
            raise LogClosed("the log is not open; use it inside `async with`.")
        return await self._bell.wait(shard, after, timeout)

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
        size = min(limit, self.info.limits.page_events)
        rows = await self._read("list_heads", tenant, owner, after, size + 1, newest_first)
        return HeadPage(tuple(calls.head(tenant, row) for row in rows[:size]), len(rows) > size)

    async def load_snapshot(self, tenant: str, thread_id: str, projection: str, version: int) -> Snapshot | None:
        """See `EventLog.load_snapshot`."""
        rows = await self._read("load_snapshot", tenant, thread_id, projection, version)
        if not rows:
            return None
        seq, check, state = rows[0]
        return Snapshot(
            tenant=tenant,
            thread_id=thread_id,
            projection=projection,
            version=version,
            seq=seq,
            check=check,
            state=state,
        )

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """See `EventLog.save_snapshot`."""
        if self.info.read_only:
            return
        it = snapshot
        with contextlib.suppress(*faults.FAILURES):
            await self._call(
                "save_snapshot", it.tenant, it.thread_id, it.projection, it.version, it.seq, it.check, it.state
            )

    async def restore(self, shard: int, events: Sequence[Event]) -> int:
        """See `EventLog.restore`."""
        self._check_writable(shard)
        try:
            return await self._restore(shard, events)
        except Diverged:  # a call before this one, whose caller was cancelled, may have ended meanwhile: look again
            return await self._restore(shard, events)

    async def _restore(self, shard: int, events: Sequence[Event]) -> int:
        new = await self._new_of(shard, events)
        if not new:
            return await self._last_position(shard)
        arguments = calls.restore_arguments(new)
        try:
            ((last,),) = await self._call("restore", shard, self._place.lock_timeout_ms, *arguments)
        except faults.FAILURES as error:
            if getattr(error, "sqlstate", None) in faults.OTHER_HISTORY:
                raise Diverged("the log holds another history, or was written to meanwhile.") from error
            raise faults.of_write(error) from error
        self._ring(shard, last)
        return int(last)

    async def _of_known(self, append: Append, first_seq: int) -> Outcome:
        """Compare an append with the one that owns its id; one event more than it has tells whether they end alike."""
        stored: list[Event] = []
        most = len(append.events) + 1
        page = None
        while page is None or (page.events and len(stored) < most):
            after = first_seq - 1 + len(stored)
            page = await self.read_thread(append.tenant, append.thread_id, after=after, limit=most - len(stored))
            stored += page.events
        own = [event for event in stored if event.append_id == append.append_id]
        return Duplicate(tuple(own)) if same_append(append, own) else IdReused(first_seq)

    async def _new_of(self, shard: int, events: Sequence[Event]) -> Sequence[Event]:
        """Those of `events` that are not stored yet, checked to follow on what is (C1)."""
        last = await self._last_position(shard)
        at = last + 1
        if events and events[0].position <= last:
            at = events[0].position
        for place, event in enumerate(events, at):
            if event.position != place or event.shard != shard or self.shard_of(event.tenant) != shard:
                raise Diverged(f"the event at position {event.position} does not follow on position {last} here.")
        known = [event for event in events if event.position <= last]
        while known:
            page = await self.read_shard(shard, after=known[0].position - 1, limit=len(known))
            for ours, theirs in zip(page.events, known, strict=False):
                if ours.id != theirs.id:
                    raise Diverged(f"position {ours.position} holds another event: another history.")
            known = known[len(page.events) :]
        new = [event for event in events if event.position > last]
        _check_seqs(new)
        return new

    async def _last_position(self, shard: int) -> int:
        return int((await self._read("last_position", shard))[0][0])

    def _ring(self, shard: int, position: int) -> None:
        if position and self._bell is not None:
            self._bell.appended(shard, position)

    async def _read(self, function: str, *arguments: object) -> list[asyncpg.Record]:
        """Call a function that changes nothing; on another connection if the first one ends meanwhile."""
        try:
            try:
                return await self._call(function, *arguments)
            except faults.FAILURES as error:
                if not faults.is_lost(error):
                    raise
            return await self._call(function, *arguments)
        except faults.FAILURES as error:
            raise faults.of_read(error) from error

    def _call(self, function: str, *arguments: object) -> Coroutine[Any, Any, list[asyncpg.Record]]:
        """Call a function of the schema, in a transaction of its own."""
        return self._opened().fetch(self._query(function, len(arguments)), arguments)

    def _opened(self) -> Pool:
        if self._pool is None:
            raise LogClosed("the log is not open; use it inside `async with`.")
        return self._pool

    def _check_writable(self, shard: int) -> None:
        self._check_shard(shard)
        if self.info.read_only:
            raise LogReadOnly("the log was opened for reading; open it without read_only to write.")

    def _check_shard(self, shard: int) -> None:
        if not 0 <= shard < self.info.shards:
            raise ValueError(f"shard is {shard}; this log has shards 0 to {self.info.shards - 1}.")

    async def _find_or_make(self) -> None:
        """Make sure that there is a log of this version, acting as whoever logs in."""
        name, options = self._place.schema, self._options
        connection = await connect(self._place.dsn, pooler=self._place.pooler)
        try:
            async with connection.transaction():
                found = await schema.exists(connection, name)
            if not found and (options.read_only or not options.create):
                raise LogNotFound(f"{self._place.shown} has no schema {name}; run `threadlog db migrate` first.")
            if not found:
                await schema.make(connection, self._place, options.shards or schema.SHARDS)
        finally:
            await connection.close()

    async def _look(self) -> LogInfo:
        """Say what the log is."""
        name = self._place.schema
        await self._find_or_make()
        async with self._opened().connection() as connection, connection.transaction():
            await self._check_schema(connection)
            row = await connection.fetchrow(f"SELECT log_id, shards FROM {name}.log")  # noqa: S608 - a checked name
            assert row is not None
            durability = await care.durability(connection)
        return LogInfo(
            scheme="postgresql",
            location=self._place.shown,
            log_id=str(row["log_id"]),
            shards=row["shards"],
            durability=durability,
            capabilities=frozenset({Capability.PERSISTENT, Capability.OTHER_READERS, Capability.OTHER_WRITERS}),
            limits=self._limits,
            read_only=self._options.read_only,
        )

    async def _check_schema(self, connection: asyncpg.Connection[Any]) -> None:
        """Refuse a schema of another version, and a role that row-level security does not bind."""
        name = self._place.schema
        if newer := await schema.unknown(connection, name):
            raise FormatTooNew(f"schema {name} has had migration {newer[-1]} of a newer threadlog; upgrade this one.")
        if any(step.stage == "pre" for step in await schema.missing(connection, name)):
            raise LogStopped(f"schema {name} is of an older threadlog; run `threadlog db migrate`.")
        if await connection.fetchval("SELECT current_setting('transaction_isolation')") != "read committed":
            raise LogStopped(
                f"sessions of the user of {self._place.shown} begin in another isolation level than read committed: "
                "ALTER ROLE … RESET default_transaction_isolation."
            )
        if await care.bypasses(connection, name):
            raise LogStopped(
                f"the user of {self._place.shown} is bound by no row-level security, being superuser or owner: log in "
                f"as another that is a member of {self._place.app_role}."
            )


_WHY_NOT = """
SELECT CASE
    WHEN pg_is_in_recovery() THEN 'this server is a standby; append to the primary.'
    WHEN current_setting('transaction_read_only')::boolean THEN 'this database takes no writes (read only).'
    WHEN NOT has_table_privilege($1, 'INSERT') THEN 'the role may not append; run threadlog db check.'
END
"""


def _query(schema_name: str, function: str, arguments: int) -> str:
    places = ", ".join(f"${number}" for number in range(1, arguments + 1))
    call = f"{schema_name}.{function}({places})"
    return f"SELECT {call}" if function in _OF_ONE_VALUE else f"SELECT * FROM {call}"  # noqa: S608 - checked names


_OF_ONE_VALUE = ("append_one", "last_position", "restore")
"""Functions that give one value: asked for as such, they answer sooner than as a table."""


def _check_page(after: int, limit: int) -> None:
    if after < 0:
        raise ValueError(f"after is {after}; numbers start at 1, and 0 stands before them.")
    if limit < 1:
        raise ValueError(f"limit is {limit}; a page holds at least 1.")


def _check_seqs(new: Sequence[Event]) -> None:
    """Refuse a gap in a thread's seqs; where each begins, the server looks."""
    ends: dict[tuple[str, str], int] = {}
    for event in new:
        key = (event.tenant, event.thread_id)
        if event.seq != ends.get(key, event.seq - 1) + 1:
            raise Diverged(f"seq is {event.seq} at position {event.position}, where {ends[key] + 1} follows.")
        ends[key] = event.seq
