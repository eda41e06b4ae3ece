"""Order is commit order, whoever is stopped or held open meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

import asyncpg
import pytest

from postgres.logs import Database, check_dense, everything, make, until
from threadlog.log import Append, Appended, Conflict, EventLog, LogBusy, shard_of

pytestmark = pytest.mark.anyio

STOP = 424242
"""Key of the advisory lock at which a flush is stopped."""

HERE, ELSEWHERE = "acme", next(f"t{n}" for n in range(100) if shard_of(f"t{n}", 2) != shard_of("acme", 2))


async def send(log: EventLog, append: Append) -> Appended:
    """Append, and be acknowledged."""
    (outcome,) = await log.append(log.shard_of(append.tenant), [append])
    assert isinstance(outcome, Appended)
    return outcome


@asynccontextmanager
async def stopping(database: Database, schema: str) -> AsyncGenerator[asyncpg.Connection, None]:
    """Stop appends to the thread ``stopped`` between their insert and their commit, until the lock is given back."""
    await database.run(f"""
        CREATE FUNCTION {schema}.stop() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock({STOP}); RETURN NULL; END $$;
        CREATE TRIGGER stop AFTER INSERT ON {schema}.event FOR EACH ROW WHEN (NEW.thread_id = 'stopped')
        EXECUTE FUNCTION {schema}.stop();
    """)
    async with database.connected() as connection:
        await connection.execute(f"SELECT pg_advisory_lock({STOP})")
        yield connection


WAYS: dict[str, tuple[int, int]] = {"of one event": (1, 0), "of several events": (3, 0)}
"""Appends that go different ways to the same place: how many events they have, and what they expect."""

Way = Literal["of one event", "of several events"]


async def until_in_line(connection: asyncpg.Connection) -> None:
    """Wait until a flush stands in line for the shard's place."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1952803940 AND NOT granted"
    await until(lambda: connection.fetchval(waiting))


async def until_stopped(connection: asyncpg.Connection) -> None:
    """Wait until a flush stands at the lock."""
    waiting = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {STOP} AND NOT granted"
    await until(lambda: connection.fetchval(waiting))


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_another_isolation_level_is_refused(database: Database, level: str) -> None:
    """Under a snapshot older than the lock positions would double, so the function refuses."""
    async with database.new() as log, database.connected() as connection:
        with pytest.raises(asyncpg.PostgresError) as refused:
            async with connection.transaction(isolation=level.lower().replace(" ", "_")):
                await connection.execute(f"SELECT {log.place.schema}.enter(0, 100, ARRAY['acme'])")
        assert refused.value.sqlstate == "TL001"


@pytest.mark.parametrize("way", WAYS)
async def test_a_flush_that_stops_before_its_commit_holds_up_its_shard_only(database: Database, way: Way) -> None:
    """Readers go on and see nothing of it, other shards commit, writers of the shard are told in bounded time."""
    events, expected = WAYS[way]
    slow = database.new(shards=2, lock_timeout_ms=60_000)
    async with slow:
        quick = database.new(schema=slow.place.schema, lock_timeout_ms=200)
        async with quick, stopping(database, slow.place.schema) as connection:
            shard = slow.shard_of(HERE)
            before = await send(slow, make("open", tenant=HERE))
            stopped = asyncio.ensure_future(send(slow, make("stopped", tenant=HERE, events=events, expected=expected)))
            await until_stopped(connection)

            assert await everything(quick, shard) == list(before.events)
            assert (await quick.read_thread(HERE, "stopped")).last_seq == 0
            await send(quick, make(tenant=ELSEWHERE))
            with pytest.raises(LogBusy):
                await send(quick, make("open", tenant=HERE, events=events, expected=1))
            assert await quick.wait(shard, after=1, timeout=0) == 1

            await connection.execute(f"SELECT pg_advisory_unlock({STOP})")
            first = (await stopped).events[0]
            after = await send(quick, make("open", tenant=HERE, events=events, expected=1))
            assert (first.position, after.events[0].position) == (2, 2 + events)
            check_dense(await everything(quick, shard))


@pytest.mark.parametrize("way", WAYS)
async def test_a_writer_that_waits_for_a_stopped_flush_comes_after_it(database: Database, way: Way) -> None:
    """What is taken in the place and time is decided after the lock, so nothing appears below a reader."""
    events, expected = WAYS[way]
    async with database.new() as one, database.new(schema=one.place.schema) as other:
        async with stopping(database, one.place.schema) as connection:
            stopped = asyncio.ensure_future(send(one, make("stopped", events=events, expected=expected)))
            await until_stopped(connection)
            waiting = asyncio.ensure_future(send(other, make("open", events=events, expected=expected)))
            await until_in_line(connection)
            await connection.execute(f"SELECT pg_advisory_unlock({STOP})")
            first, second = (await stopped).events, (await waiting).events
        assert (first[0].position, second[0].position) == (1, 1 + events)
        assert first[0].time_us <= second[0].time_us
        assert await everything(one) == [*first, *second]


@pytest.mark.parametrize("way", WAYS)
async def test_of_two_writers_with_the_same_expectation_one_wins(database: Database, way: Way) -> None:
    """The one that waits for the place judges by what the other has left."""
    events, expected = WAYS[way]
    async with (
        database.new() as one,
        database.new(schema=one.place.schema) as other,
        stopping(database, one.place.schema) as connection,
    ):
        winning = asyncio.ensure_future(send(one, make("stopped", events=events, expected=expected)))
        await until_stopped(connection)
        late = asyncio.ensure_future(other.append(0, [make("stopped", events=events, expected=expected)]))
        await until_in_line(connection)
        await connection.execute(f"SELECT pg_advisory_unlock({STOP})")
        assert list((await winning).events) == await everything(one)
        assert await late == [Conflict(events)]


async def test_a_restore_goes_on_where_one_beside_it_ended(database: Database) -> None:
    """As after a restore whose caller was cancelled, and which ends on the server amid the next one."""
    async with database.new() as old:
        for _ in range(3):
            await send(old, make("stopped"))
        events = await everything(old)
    async with (
        database.new() as one,
        database.new(schema=one.place.schema) as other,
        stopping(database, one.place.schema) as connection,
    ):
        begun = asyncio.ensure_future(one.restore(0, events[:2]))
        await until_stopped(connection)
        whole = asyncio.ensure_future(other.restore(0, events))
        await until_in_line(connection)
        await connection.execute(f"SELECT pg_advisory_unlock({STOP})")
        assert (await begun, await whole) == (2, 3)
        assert await everything(one) == events


async def test_long_snapshots_and_idle_transactions_hide_nothing(database: Database) -> None:
    """A snapshot that is held and a write that never ends, elsewhere on the server, are nobody's business here."""
    async with database.new() as log, database.connected() as snapshot, database.connected() as writer:
        await send(log, make())
        held = snapshot.transaction(isolation="repeatable_read")
        await held.start()
        await snapshot.fetch(f"SELECT count(*) FROM {log.place.schema}.event")
        idle = writer.transaction()
        await idle.start()
        await writer.execute("SELECT pg_current_xact_id()")
        stored = [await send(log, make()) for _ in range(20)]
        assert [event.position for event in await everything(log)] == list(range(1, 22))
        assert stored[-1].next_expected == 21
        assert await snapshot.fetchval(f"SELECT count(*) FROM {log.place.schema}.event") == 1
        await idle.rollback()
        await held.rollback()
