"""Appends on Postgres beside a long snapshot and an idle transaction of somebody else, in the same database.

Both are there for the whole of a round, and the next round is without them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pg
from effort import Effort
from report import Contest, Found, Goal, Run, measure

from postgres.logs import Database
from threadlog_postgres.log import PostgresLog

LIMIT = "nobody beside"


async def run(effort: Effort) -> Found:
    """Measure a lone writer and a crowd."""
    calls, appends = effort.of(400, 2), effort.of(40, 1)
    async with pg.database() as db, db.new() as log:

        def contest(name: str, unit: str, work: Run, goal: Goal) -> Contest:
            return Contest(name, unit, beside(db, log, work), work, LIMIT, goal)

        contests = [
            contest("one append", "ms", pg.lone(log, calls), Goal("ratio", "≤", 1.1)),
            contest(f"{pg.TASKS} tasks", "events/s", pg.crowd(log, appends), Goal("ratio", "≥", 0.9)),
        ]
        await measure(contests, 1)
        await db.run("ANALYZE")  # as the server itself does within a minute or two
        return await measure(contests, effort.of(7, 1))


def beside(db: Database, log: PostgresLog, work: Run) -> Run:
    """The same work while the bystanders are there."""

    async def one_round() -> float:
        async with bystanders(db, log):
            return await work()

    return one_round


@asynccontextmanager
async def bystanders(db: Database, log: PostgresLog) -> AsyncIterator[None]:
    """A snapshot that sees the log as it is now, and a transaction that has written something and does not end."""
    schema = log.place.schema
    async with (
        db.connected() as reader,
        db.connected() as writer,
        reader.transaction(isolation="repeatable_read"),
        writer.transaction(),
    ):
        await reader.fetchval(f"SELECT count(*) FROM {schema}.migration")
        await writer.execute(f"INSERT INTO {schema}.migration (name) VALUES ('idle')")
        yield
        await writer.execute(f"DELETE FROM {schema}.migration WHERE name = 'idle'")
