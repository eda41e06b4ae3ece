"""Connections that fall silent, that are cancelled, closed or migrated under a call: each ends, and the log goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest

from postgres.logs import Database, check_dense, everything, make, until
from postgres.proxies import Proxy, proxied
from threadlog.log import Appended, Duplicate, LogBusy, OutcomeUnknown
from threadlog_postgres.log import PostgresLog

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def by_proxy(database: Database) -> AsyncGenerator[tuple[PostgresLog, Proxy], None]:
    """A log that takes half a second's silence for a lost connection, and the proxy by which it goes."""
    async with proxied(database.url) as proxy, database.new() as log:
        way = Database(f"postgresql://postgres@/postgres?host={proxy.host}")
        async with way.new(schema=log.place.schema, timeout_ms=500) as there, asyncio.timeout(20):
            yield there, proxy


async def test_a_call_on_a_line_that_fell_silent_ends(database: Database) -> None:
    """A write's outcome is unknown and its retry settles it, a read is to be tried again; another line is laid."""
    async with by_proxy(database) as (log, proxy):
        await log.append(0, [make("t")])
        proxy.leave_hanging()
        append = make("t", expected=1)
        with pytest.raises(OutcomeUnknown):
            await log.append(0, [append])
        (outcome,) = await log.append(0, [append])
        assert isinstance(outcome, Appended | Duplicate)
        proxy.leave_hanging()
        with pytest.raises(LogBusy):
            await log.read_thread("acme", "t")
        assert (await log.read_thread("acme", "t")).last_seq == 2


async def test_calls_that_are_in_time_are_left_alone(database: Database) -> None:
    """However long a connection serves, only the time of one call counts."""
    async with by_proxy(database) as (log, _):
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < began + 1.2:
            (outcome,) = await log.append(0, [make("t")])
            assert isinstance(outcome, Appended)
        assert log._pool is not None
        assert len(log._pool._at_hand) == 1


async def test_a_migration_under_prepared_statements_is_no_error(database: Database) -> None:
    """What a function answers may change its type while it is prepared here; the call is prepared anew."""
    async with database.new() as log:
        await log.append(0, [make("t")])
        assert await log._last_position(0) == 1
        await database.run(f"""
            DROP FUNCTION {log.place.schema}.last_position(integer);
            CREATE FUNCTION {log.place.schema}.last_position(the_shard integer) RETURNS integer
            LANGUAGE sql AS $$ SELECT 7 $$;
        """)
        assert await log._last_position(0) == 7
        assert await log._last_position(0) == 7


@asynccontextmanager
async def in_line(database: Database, log: PostgresLog) -> AsyncGenerator[asyncio.Future[object], None]:
    """An append that waits for the shard's place, which is given back in the end."""
    async with database.connected() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SELECT {log.place.schema}.enter(0, 1000, ARRAY['acme'])")
        call = asyncio.ensure_future(log.append(0, [make("t", name="in line")]))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await until(lambda: connection.fetchval(waiting))
        yield call
        await transaction.commit()


async def test_an_append_that_is_cancelled_is_all_or_nothing(database: Database) -> None:
    """The log goes on with another connection, and a retry under the same id finds what became of it."""
    async with database.new() as log:
        await log.append(0, [make("t")])
        async with in_line(database, log) as call:
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        (outcome,) = await log.append(0, [make("t", name="in line")])
        assert isinstance(outcome, Appended | Duplicate)
        await log.append(0, [make("t")])
        check_dense(await everything(log))
        assert (await log.read_thread("acme", "t")).last_seq == 3


async def test_closing_waits_for_what_is_under_way(database: Database) -> None:
    """An append that was sent before the log is closed is answered."""
    async with database.new() as keeper:
        log = database.new(schema=keeper.place.schema)
        await log.open()
        async with in_line(database, log) as call:
            closing = asyncio.ensure_future(log.close())
            await asyncio.sleep(0.05)
            assert not closing.done()
        await closing
        assert call.done()
        assert [event.append_id for event in await everything(keeper)] == ["in line"]


async def test_closing_ends_what_is_late(database: Database) -> None:
    """A call on a line that fell silent keeps a log from closing no longer than its time."""
    async with proxied(database.url) as proxy, database.new() as keeper:
        log = Database(f"postgresql://postgres@/postgres?host={proxy.host}").new(
            schema=keeper.place.schema, timeout_ms=500, doorbell_url=quote(database.url, safe="")
        )
        await log.open()
        await log.append(0, [make("t")])
        proxy.leave_hanging()
        call = asyncio.ensure_future(log.append(0, [make("t")]))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await log.close()
            with pytest.raises(OutcomeUnknown):
                await call


async def test_connections_that_died_while_nobody_had_them_are_passed_over(database: Database) -> None:
    """Neither those at hand nor those that went back to SQLAlchemy's pool are lent after a restart."""
    async with database.new() as log:
        pool = log._opened()
        async with pool.connection(), pool.connection(), pool.connection():
            pass
        dead = [loan.driver for loan in pool._at_hand]
        for loan in pool._at_hand[1:]:
            loan.lent.close()
        del pool._at_hand[1:]
        await database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'threadlog'"
        )

        async def noticed() -> bool:
            return all(driver.is_closed() for driver in dead)

        await until(noticed)
        assert (await log.read_thread("acme", "t")).last_seq == 0
        (outcome,) = await log.append(0, [make("t")])
        assert isinstance(outcome, Appended)


async def test_a_call_that_stored_something_never_says_that_nothing_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what a known id has cannot be read, the outcome of its call is unknown if a neighbour was stored."""

    async def busy(*_: object, **__: object) -> None:
        raise LogBusy("made to fail")

    async with database.new() as log:
        known = make("t")
        await log.append(0, [known])
        with monkeypatch.context() as patched:
            patched.setattr(log, "read_thread", busy)
            with pytest.raises(LogBusy):
                await log.append(0, [known])
            with pytest.raises(OutcomeUnknown):
                await log.append(0, [known, make("u")])
        assert (await log.read_thread("acme", "u")).last_seq == 1
