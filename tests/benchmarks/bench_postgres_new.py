"""A new log in Postgres whose tables the server has not analyzed yet, beside itself after ANALYZE.

Until autovacuum comes by for the first time, plans rest on nothing; an append must not depend on that.
"""

from __future__ import annotations

import pg
from effort import Effort
from report import Found, Goal, Sample, row
from threads import grow


async def run(effort: Effort) -> Found:
    """Measure a crowd before and after."""
    rounds, appends = range(effort.of(3, 1)), effort.of(5, 1)
    async with pg.database() as db, db.new() as log:
        await grow(log, [("deltas", effort.of(10_000, 100))], effort.of(50, 5))
        crowd = pg.crowd(log, appends)
        before = [await crowd() for _ in rounds]
        await db.run("ANALYZE")
        await crowd()  # plans are made anew
        samples = [Sample(new, await crowd()) for new in before]
    return [row(f"{pg.TASKS} tasks", "events/s", samples, "after ANALYZE", Goal("ratio", "≥", 0.8))]
