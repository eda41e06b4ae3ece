"""Hearing of what other processes append."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest

from postgres.logs import Database, make, until
from postgres.proxies import Proxy, proxied
from threadlog.log import Appended
from threadlog_postgres.log import PostgresLog

pytestmark = pytest.mark.anyio

LISTENING = "application_name = 'threadlog doorbell'"


@asynccontextmanager
async def two(database: Database, **options: str) -> AsyncGenerator[tuple[PostgresLog, PostgresLog], None]:
    """A log, and the same log as another process sees it, by a doorbell that is hung up."""
    async with database.new() as writer, database.connected() as connection:
        reader = database.new(schema=writer.place.schema, **options)
        async with reader:
            listening = f"SELECT count(*) >= 2 FROM pg_stat_activity WHERE {LISTENING}"
            await until(lambda: connection.fetchval(listening))
            yield writer, reader


async def store(log: PostgresLog, events: int = 1) -> int:
    """Append, and tell the last position."""
    (outcome,) = await log.append(0, [make(events=events)])
    assert isinstance(outcome, Appended)
    return outcome.events[-1].position


async def test_a_ring_is_heard_without_looking(database: Database) -> None:
    """Another process is told by the doorbell, before it looks itself."""
    async with two(database) as (writer, reader):
        assert reader._bell is not None
        reader._bell._look = nothing
        waiting = asyncio.ensure_future(reader.wait(0, after=0, timeout=30))
        last = await store(writer, 3)
        assert await waiting == last


async def test_a_doorbell_whose_connection_was_killed_costs_a_look(database: Database) -> None:
    """With the connection gone, news comes all the same, and the doorbell is hung up again."""
    async with two(database) as (writer, reader), database.connected() as connection:
        await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENING}")
        last = await store(writer)
        assert await reader.wait(0, after=0, timeout=30) == last
        await until(lambda: connection.fetchval(f"SELECT count(*) >= 2 FROM pg_stat_activity WHERE {LISTENING}"))


async def test_a_doorbell_cut_off_in_silence_costs_a_look(database: Database) -> None:
    """With a connection that says nothing and is not closed, news comes within a second."""
    async with proxied(database.url) as proxy, two(database, doorbell_url=by(proxy)) as (writer, reader):
        proxy.fall_silent()
        took = [await delivery(writer, reader) for _ in range(3)]
        assert min(took) < 1, took  # of three, as others may keep the machine busy


async def test_a_doorbell_cut_off_in_silence_is_hung_up_again(database: Database) -> None:
    """A line that does not answer is replaced, though nobody rings on it, and rings are heard again."""
    async with proxied(database.url) as proxy, two(database, doorbell_url=by(proxy)) as (writer, reader):
        assert reader._bell is not None
        proxy.leave_hanging()
        reader._bell._look = nothing
        before = await store(writer)

        async def heard() -> bool:
            return await reader.wait(0, after=before, timeout=0) > before or not await store(writer)

        await until(heard)


async def test_a_doorbell_cut_off_while_it_is_hung_up_is_hung_up_again(database: Database) -> None:
    """A line that falls silent before anybody listens on it is replaced like any other."""
    async with proxied(database.url) as proxy:
        proxy.stumble = b"LISTEN"
        async with database.new() as writer:
            reader = database.new(schema=writer.place.schema, doorbell_url=by(proxy))
            async with reader:
                await until(lambda: stumbled(proxy))
                assert reader._bell is not None
                reader._bell._look = nothing
                before = await store(writer)

                async def heard() -> bool:
                    return await reader.wait(0, after=before, timeout=0) > before or not await store(writer)

                await until(heard)


async def stumbled(proxy: Proxy) -> bool:
    """Whether a connection hangs where it was to."""
    return proxy.stumble is None


async def nothing(_shard: int) -> int:
    """A look that finds nothing."""
    return 0


def by(proxy: Proxy) -> str:
    """The URL of a doorbell by way of a proxy."""
    return quote(f"postgresql://postgres@/postgres?host={proxy.host}", safe="")


async def delivery(writer: PostgresLog, reader: PostgresLog) -> float:
    """Seconds from an append to its news in another process."""
    waiting = asyncio.ensure_future(reader.wait(0, after=await writer.wait(0, after=0, timeout=0), timeout=30))
    await asyncio.sleep(0)
    began = time.monotonic()
    last = await store(writer)
    assert await waiting == last
    return time.monotonic() - began


async def test_appends_ring_no_bell_of_their_own(database: Database) -> None:
    """NOTIFY takes a lock of the whole server at commit, so no statement of an append may hold it."""
    async with database.new() as log, database.connected() as connection:
        source = await connection.fetch(
            "SELECT prosrc FROM pg_proc WHERE pronamespace = $1::regnamespace", log.place.schema
        )
        assert source
        assert not [row for row in source if "notify" in row["prosrc"].lower()]
