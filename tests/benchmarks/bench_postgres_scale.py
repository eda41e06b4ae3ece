"""Postgres with 10,000 tenants and a million threads in the tables while 200 are active, beside an empty log.

The crowd of rows is put there by the tables' owner, in statements of the log's own columns and not by appends: an event
and a head for each thread. What is measured then goes through the log and the store.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

import pg
from effort import Effort
from report import Contest, Found, Goal, Row, Sample, measure, row
from threads import cold, grow

from postgres.logs import Database
from threadlog_postgres.log import PostgresLog

LIMIT = "an empty log"
AT_ONCE = 100_000
"""Threads of one statement."""


async def run(effort: Effort) -> Found:
    """Fill one of two logs, then measure both."""
    threads, tenants = effort.of(1_000_000, 1_000), effort.of(10_000, 10)
    async with pg.database() as db, db.new() as large, db.new() as small:
        made = await fill(db, large, threads, tenants)
        todo = await contests(large, small, tenants, effort)
        await db.run("ANALYZE")  # as the server itself does within a minute or two
        found = await measure(todo, effort.of(5, 1))
    return [*found, made]


async def contests(large: PostgresLog, small: PostgresLog, tenants: int, effort: Effort) -> list[Contest]:
    """Each thing on the large log, and on the small one as its limit."""
    calls, appends, times, steps = effort.of(100, 2), effort.of(20, 1), effort.of(3, 1), effort.of(50, 5)
    active = [f"tenant{number}" for number in range(0, tenants, max(1, tenants // pg.TASKS))]
    sizes = [("deltas", effort.of(10_000, 100)), ("items", effort.of(1_000, 10))]
    slower, fewer = Goal("ratio", "≤", 1.2), Goal("ratio", "≥", 0.8)
    of_large, of_small = await grow(large, sizes, steps), await grow(small, sizes, steps)
    return [
        Contest("one append", "ms", pg.lone(large, calls), pg.lone(small, calls), LIMIT, slower),
        Contest(
            f"{pg.TASKS} tasks, each of another tenant",
            "events/s",
            pg.crowd(large, appends, tenants=active),
            pg.crowd(small, appends, tenants=active),
            LIMIT,
            fewer,
        ),
        *(
            Contest(f"{size:,} {what}, cold", "ms", cold(large, ours, times), cold(small, theirs, times), LIMIT, slower)
            for (what, size), ours, theirs in zip(sizes, of_large, of_small, strict=True)
        ),
    ]


async def fill(db: Database, log: PostgresLog, threads: int, tenants: int) -> Row:
    """Put threads into a log's tables."""
    schema = log.place.schema
    began = perf_counter()

    async def insert(statement: str) -> None:
        async with db.connected(synchronous_commit="off") as connection:
            for start in range(1, threads + 1, AT_ONCE):
                last = min(start + AT_ONCE - 1, threads)
                await connection.execute(statement.format(schema=schema, tenants=tenants, first=start, last=last))

    await asyncio.gather(insert(EVENTS), insert(HEADS))
    await db.run(f"ANALYZE {schema}.event, {schema}.head")
    await db.run("CHECKPOINT")
    return row("filling the tables", "threads/s", [Sample(threads / (perf_counter() - began))])


EVENTS = """
INSERT INTO {schema}.event (
    shard, position, tenant, thread_id, seq, id, append_id, first, type, version, time_us, actor, data
)
SELECT 0, n, 'tenant' || n % {tenants}, 'thr_' || lpad(n::text, 20, '0'), 1, gen_random_uuid(), 'apd_' || n, true,
       'thread.created', 1, n, 'user:alice',
       convert_to('{{"type":"thread.created","title":"Thread ' || n || '"}}', 'UTF8')
FROM generate_series({first}, {last}) AS n
"""

HEADS = """
INSERT INTO {schema}.head (shard, tenant, thread_id, position, created_us, owner, title)
SELECT 0, 'tenant' || n % {tenants}, 'thr_' || lpad(n::text, 20, '0'), n, n, 'alice', 'Thread ' || n
FROM generate_series({first}, {last}) AS n
"""
