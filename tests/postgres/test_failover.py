"""Servers that stop, come back, are replaced by a standby, or are made again from a dump."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from postgres.clusters import Cluster
from postgres.logs import Database, check_dense, everything, make, until
from threadlog.log import (
    Appended,
    Cursor,
    Diverged,
    Event,
    Feeds,
    LogBusy,
    LogError,
    LogStopped,
    OutcomeUnknown,
)
from threadlog_postgres.log import PostgresLog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

Make = Callable[..., Cluster]


async def store(log: PostgresLog, count: int = 1) -> list[Event]:
    """Append so often to one thread, and be acknowledged."""
    stored: list[Event] = []
    for _ in range(count):
        (outcome,) = await log.append(0, [make()])
        assert isinstance(outcome, Appended)
        stored += outcome.events
    return stored


async def next_of(log: PostgresLog, cursor: Cursor) -> Event:
    """The event that a subscriber with this cursor gets next.

    Raises:
        Diverged: the cursor is not of this history.
    """
    async with Feeds(log) as feeds:
        feed = feeds.thread("acme", "t", after=cursor)
        async with asyncio.timeout(20):
            batch = await anext(feed)
        await feed.aclose()
        return batch.events[0]


def cursor_of(event: Event) -> Cursor:
    """Where a reader stands who has seen the event."""
    return Cursor(event.seq, event.check)


async def test_after_a_restart_the_log_goes_on(new_cluster: Make) -> None:
    """While the server is away appends are refused or unknown; when it is back the same log object goes on."""
    cluster = new_cluster()
    async with Database(cluster.url()).new() as log:
        stored = await store(log, 5)
        cluster.stop("immediate")
        with pytest.raises((LogBusy, OutcomeUnknown)):
            await store(log)
        with pytest.raises(LogBusy):
            await log.read_thread("acme", "t")
        assert not (await log.status()).writable
        cluster.start()
        assert (await log.status()).writable
        assert (await everything(log))[:5] == stored
        await store(log, 5)
        check_dense(await everything(log))


async def test_connections_that_drop_amid_appends_lose_nothing_acknowledged(database: Database) -> None:
    """With every session of the log ended again and again, what was acknowledged is there, and nothing twice."""
    sessions = "application_name = 'threadlog' AND pid <> pg_backend_pid()"
    async with database.new() as log, database.connected() as connection:
        acknowledged: list[Event] = []
        for round_ in range(10):
            append = make(name=f"append {round_}")
            call = asyncio.ensure_future(log.append(0, [append]))
            await asyncio.sleep(0.001 * round_)  # where the drop falls is left to chance
            await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sessions}")
            try:
                (outcome,) = await call
            except LogError as error:
                assert isinstance(error, OutcomeUnknown | LogBusy), error  # noqa: PT017 - one of two
                (outcome,) = await retried(log, append)
            acknowledged += outcome.events
        assert await everything(log) == acknowledged
        check_dense(acknowledged)


async def retried(log: PostgresLog, append: object) -> list[Appended]:
    """Send an append until there is an answer."""
    outcomes: list[Appended] = []

    async def answered() -> bool:
        try:
            outcomes.extend(await log.append(0, [append]))  # type: ignore[list-item, arg-type]
        except (OutcomeUnknown, LogBusy):
            return False
        return True

    await until(answered)
    return outcomes


async def test_a_promoted_standby_tells_kept_history_from_lost(new_cluster: Make) -> None:
    """A cursor of what the standby has goes on; one of what it never got is answered "diverged", however far it is."""
    primary = new_cluster()
    async with Database(primary.url()).new(schema="house") as log:
        standby = primary.standby()
        try:
            kept = (await store(log, 10))[-1]
            standby_log = Database(standby.url()).new(schema="house", read_only=True, create=False)
            async with standby_log:

                async def replayed() -> bool:
                    return len(await everything(standby_log)) == 10

                await until(replayed)
            standby.stop()
            lost = await store(log, 5)
            primary.stop("immediate")
            standby.start()
            standby.promote()
            async with Database(standby.url()).new(schema="house", create=False) as promoted:
                with pytest.raises(Diverged):
                    await next_of(promoted, cursor_of(lost[-1]))
                new = await store(promoted, 7)
                with pytest.raises(Diverged):
                    await next_of(promoted, cursor_of(lost[0]))
                assert await next_of(promoted, cursor_of(kept)) == new[0]
                check_dense(await everything(promoted))
        finally:
            standby.remove()


async def test_a_standby_takes_no_appends(new_cluster: Make) -> None:
    """A log that is opened for writing on a standby says so, and stops nobody from reading."""
    primary = new_cluster()
    async with Database(primary.url()).new(schema="house") as log:
        stored = await store(log)
    standby = primary.standby()
    try:
        async with Database(standby.url()).new(schema="house", create=False) as log:

            async def replayed() -> bool:
                return await everything(log) == stored

            await until(replayed)
            with pytest.raises(LogStopped):
                await store(log)
            status = await log.status()
            assert not status.writable
            assert "standby" in (status.reason or "")
    finally:
        standby.remove()


async def test_a_commit_that_no_longer_waits_for_its_standby_is_not_acknowledged(new_cluster: Make) -> None:
    """The server only warns when somebody cancels the wait; the writer is told that the outcome is unknown."""
    cluster = new_cluster()
    database = Database(cluster.url())
    async with (
        database.new(schema="house") as log,
        database.connected() as connection,
        database.connected() as neighbour,
    ):
        await store(log)
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'one_that_never_comes'")
        await connection.execute("SELECT pg_reload_conf()")
        waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

        async def cancelled() -> bool:
            return bool(await connection.fetchval(f"SELECT count(pg_cancel_backend(pid)) {waiting}"))

        async def commits_wait() -> bool:
            commit = asyncio.ensure_future(neighbour.execute("COMMENT ON SCHEMA house IS 'a house'"))
            await asyncio.wait([commit], timeout=0.2)
            if not commit.done():
                await until(cancelled)
                await commit
                return True
            return False

        await until(commits_wait)  # the server takes new settings up when it comes to it
        for appends in ([make(expected=1)], [make(), make("other")]):
            call = asyncio.ensure_future(log.append(0, appends))
            await until(cancelled)
            with pytest.raises(OutcomeUnknown, match="standby"):
                await call
        await connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await connection.execute("SELECT pg_reload_conf()")
        await store(log)
        check_dense(await everything(log))


async def test_a_restored_dump_goes_on_where_it_was_taken(new_cluster: Make) -> None:
    """Dumped and loaded into a fresh cluster: the same log by name, its history kept, what came later diverged."""
    old, new = new_cluster(), new_cluster()
    async with Database(old.url()).new(schema="house", shards=2) as log:
        shard = log.shard_of("acme")
        (kept,) = await log.append(shard, [make(events=10)])
        roles, script = old.run("pg_dumpall", "--roles-only", "-h", str(old.folder), "-U", "postgres"), old.dump()
        (lost,) = await log.append(shard, [make(events=3)])
        log_id = log.info.log_id
    assert isinstance(kept, Appended)
    assert isinstance(lost, Appended)
    new.load(roles.replace("CREATE ROLE postgres;", ""))
    new.load(script)
    async with Database(new.url()).new(schema="house", create=False) as log:
        assert log.info.log_id == log_id
        assert await everything(log, shard) == list(kept.events)
        (after,) = await log.append(shard, [make(events=5)])
        assert isinstance(after, Appended)
        with pytest.raises(Diverged):
            await next_of(log, cursor_of(lost.events[-1]))
        assert await next_of(log, cursor_of(kept.events[-1])) == after.events[0]
