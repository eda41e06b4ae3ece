"""What the measurements on Postgres share: a server, and rounds of appends and of bare inserts.

The server is the one that THREADLOG_POSTGRES_URL names, or one of the benchmark's own with the settings of `SETTINGS`;
whatever makes a commit durable stays as PostgreSQL is shipped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import msgspec
from report import Run
from threads import ALICE

from postgres.clusters import Cluster, installations
from postgres.logs import DATA, Database, make
from threadlog.log import Append, Appended, Committer, EventLog
from threadlog_postgres.log import PostgresLog

TASKS = 200
COLUMNS = "shard, position, tenant, thread_id, seq, id, append_id, first, type, version, time_us, actor, data"
ARRAYS = "$1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::bytea[]"
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    """Where to measure; what was made there is taken away in the end."""
    given = os.environ.get("THREADLOG_POSTGRES_URL")
    cluster = None if given else Cluster(installations()["18"]).make(**SETTINGS)
    db = Database(given or (cluster.url() if cluster else ""))
    try:
        yield db
        await db.remove()
    finally:
        if cluster is not None:
            cluster.remove()


def eventsourcing_settings(db: Database, schema: str) -> dict[str, str]:
    """The settings of the `eventsourcing` package for a schema of the same database."""
    parts = urlsplit(db.url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]
    return {
        "POSTGRES_DBNAME": parts.path.removeprefix("/"),
        "POSTGRES_HOST": host,
        "POSTGRES_PORT": str(parts.port or 5432),
        "POSTGRES_USER": parts.username or "postgres",
        "POSTGRES_PASSWORD": parts.password or "none",
        "POSTGRES_SCHEMA": schema,
    }


def lone(log: EventLog, calls: int) -> Run:
    """Rounds of one append of one event at a time by one writer, in ms."""
    numbers = count()
    thread = f"lone {uuid4().hex}"
    return timed(lambda: stored(log, [make(thread, expected=next(numbers))]), calls)


def batches(log: EventLog, calls: int) -> Run:
    """Rounds of calls with an append of one event for each of `TASKS` threads, in events/s."""
    return rate(timed(lambda: stored(log, [make(f"batch {n}") for n in range(TASKS)]), calls), TASKS)


async def stored(log: EventLog, appends: list[Append]) -> None:
    """Append, all of it."""
    for outcome in await log.append(0, appends):
        assert isinstance(outcome, Appended)


def crowd(log: EventLog, appends: int, *, tenants: Sequence[str] = ("acme",)) -> Run:
    """Rounds of `TASKS` tasks at once through a committer, in events/s.

    Args:
        log: an open log.
        appends: how many each task makes, awaiting each, in a thread of its own.
        tenants: the tasks take turns in them.
    """

    async def one_round() -> float:
        name = uuid4().hex
        async with Committer(log) as committer:

            async def write(task: int) -> None:
                tenant = tenants[task % len(tenants)]
                for _ in range(appends):
                    assert isinstance(await committer.append(make(f"{name} {task}", tenant=tenant)), Appended)

            began = perf_counter()
            await asyncio.gather(*(write(task) for task in range(TASKS)))
            return TASKS * appends / (perf_counter() - began)

    return one_round


def bare_single(connection: asyncpg.Connection[Any], log: PostgresLog, calls: int) -> Run:
    """Rounds of inserting one row into the log's own table, as prepared by the driver, in ms.

    As the tables' owner, to whom no policy applies.
    """
    query = (
        f"INSERT INTO {log.place.schema}.event ({COLUMNS}) "
        "VALUES (0, $1, 'acme', $2, $1, $3, $4, true, 'test.event', 1, 1, 'user:alice', $5)"
    )
    positions = count(1)

    def insert() -> Awaitable[object]:
        at = next(positions)
        return connection.execute(query, at, "lone", uuid4(), f"append-{at}", DATA)

    return timed(insert, calls)


def bare_batch(connection: asyncpg.Connection[Any], log: PostgresLog, calls: int) -> Run:
    """Rounds of inserting `TASKS` rows by one statement from arrays into the log's own table, in events/s."""
    query = (
        f"INSERT INTO {log.place.schema}.event ({COLUMNS}) SELECT 0, a.p, 'acme', a.t, a.p, a.i, a.n, true, "
        f"'test.event', 1, 1, 'user:alice', a.d FROM unnest({ARRAYS}) AS a (p, t, i, n, d)"
    )
    numbers = count(1_000_000, TASKS)

    def insert() -> Awaitable[object]:
        start = next(numbers)
        places = range(start, start + TASKS)
        names = [f"append-{place}" for place in places]
        threads = [f"batch {n}" for n in range(TASKS)]
        return connection.execute(query, list(places), threads, [uuid4() for _ in places], names, [DATA] * TASKS)

    return rate(timed(insert, calls), TASKS)


def bare_load(connection: asyncpg.Connection[Any], log: PostgresLog, thread: str, times: int) -> Run:
    """Rounds of selecting a thread's payloads and decoding them, and nothing else, in ms."""
    query = (
        f"SELECT data FROM {log.place.schema}.event WHERE shard = $1 AND tenant = $2 AND thread_id = $3 ORDER BY seq"
    )

    async def load() -> None:
        for (data,) in await connection.fetch(query, log.shard_of(ALICE.tenant), ALICE.tenant, thread):
            msgspec.json.decode(data)

    return timed(load, times)


def timed(call: Callable[[], Awaitable[object]], calls: int) -> Run:
    """Rounds of so many calls one after the other, in ms a call."""

    async def one_round() -> float:
        began = perf_counter()
        for _ in range(calls):
            await call()
        return (perf_counter() - began) / calls * 1000

    return one_round


def rate(run: Run, events: int) -> Run:
    """Events a second, where a call has so many and takes so many ms."""

    async def one_round() -> float:
        return events / (await run()) * 1000

    return one_round
