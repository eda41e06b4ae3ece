"""Appends on Postgres beside bare inserts of the same columns into a table like the log's, on the same server.

The server is the one that THREADLOG_POSTGRES_URL names, or one of the benchmark's own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import asyncpg
from report import Contest, Row, measure

sys.path.append(str(Path(__file__).parent.parent))

from postgres.clusters import Cluster, installations
from postgres.logs import DATA, Database, make
from threadlog.log import Append, Appended, Committer, EventLog

ROUNDS = 9
CALLS = 100
"""Calls of one round."""

TASKS = 200
COLUMNS = "shard, position, tenant, thread_id, seq, id, append_id, first, type, version, time_us, actor, data"
ARRAYS = "$1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::bytea[]"

Run = Callable[[], Awaitable[float]]


async def run() -> list[Row]:
    """Measure a lone append, a batch, and a crowd through the committer."""
    async with database() as db, db.new() as log, db.connected() as connection:
        table = f"{log.place.schema}.bare"
        await connection.execute(f"CREATE TABLE {table} (LIKE {log.place.schema}.event INCLUDING ALL)")
        single, batch = bare_single(connection, table), bare_batch(connection, table)
        return await measure(
            [
                Contest("one append of 1 event", "events/s", lone(log), single, "single-row insert"),
                Contest(f"one call of {TASKS} appends", "events/s", batches(log), batch, "unnest insert"),
                Contest(f"{TASKS} tasks, committer", "events/s", crowd(log), batch, "unnest insert"),
            ],
            ROUNDS,
        )


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    """Where to measure."""
    given = os.environ.get("THREADLOG_POSTGRES_URL")
    cluster = None if given else Cluster(installations()["18"]).make(shared_buffers="256MB", max_wal_size="4GB")
    db = Database(given or (cluster.url() if cluster else ""))
    try:
        yield db
        await db.remove()
    finally:
        if cluster is not None:
            cluster.remove()


def timed(call: Callable[[int], Awaitable[object]], calls: int, events: int) -> Run:
    """A round of so many calls of so many events each, in events a second."""
    numbers = count()

    async def one_round() -> float:
        began = perf_counter()
        for _ in range(calls):
            await call(next(numbers))
        return calls * events / (perf_counter() - began)

    return one_round


def lone(log: EventLog) -> Run:
    """One append at a time."""
    return timed(lambda number: stored(log, [make("lone", expected=number)]), CALLS, 1)


def batches(log: EventLog) -> Run:
    """One call with an append for each of many threads."""
    return timed(lambda _: stored(log, [make(f"batch {n}") for n in range(TASKS)]), CALLS // 10, TASKS)


async def stored(log: EventLog, appends: list[Append]) -> None:
    """Append, all of it."""
    for outcome in await log.append(0, appends):
        assert isinstance(outcome, Appended)


def crowd(log: EventLog) -> Run:
    """Many tasks, each with a thread of its own, through the committer."""

    async def one_round() -> float:
        name = uuid4().hex
        async with Committer(log) as committer:

            async def write(task: int) -> None:
                for _ in range(CALLS // 5):
                    assert isinstance(await committer.append(make(f"{name} {task}")), Appended)

            began = perf_counter()
            await asyncio.gather(*(write(task) for task in range(TASKS)))
            return TASKS * (CALLS // 5) / (perf_counter() - began)

    return one_round


def bare_single(connection: asyncpg.Connection[Any], table: str) -> Run:
    """One row at a time, as prepared by the driver."""
    query = (
        f"INSERT INTO {table} ({COLUMNS}) "
        "VALUES (0, $1, 'acme', $2, $1, $3, $4, true, 'test.event', 1, 1, 'user:alice', $5)"
    )
    positions = count(1)

    def insert(_: int) -> Awaitable[object]:
        at = next(positions)
        return connection.execute(query, at, "lone", uuid4(), f"append-{at}", DATA)

    return timed(insert, CALLS, 1)


def bare_batch(connection: asyncpg.Connection[Any], table: str) -> Run:
    """As many rows as a call of the log has events, by one insert from arrays."""
    query = (
        f"INSERT INTO {table} ({COLUMNS}) SELECT 0, a.p, 'acme', a.t, a.p, a.i, a.n, true, 'test.event', 1, 1, "
        f"'user:alice', a.d FROM unnest({ARRAYS}) AS a (p, t, i, n, d)"
    )
    numbers = count(1_000_000, TASKS)

    def insert(_: int) -> Awaitable[object]:
        start = next(numbers)
        places = range(start, start + TASKS)
        names = [f"append-{place}" for place in places]
        threads = [f"batch {n}" for n in range(TASKS)]
        return connection.execute(query, list(places), threads, [uuid4() for _ in places], names, [DATA] * TASKS)

    return timed(insert, CALLS // 10, TASKS)
