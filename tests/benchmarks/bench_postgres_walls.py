"""What row-level security costs on Postgres: the same log with its policies and without them."""

from __future__ import annotations

import pg
from effort import Effort
from report import Contest, Found, measure
from threads import cold, grow

LIMIT = "without policies"


async def run(effort: Effort) -> Found:
    """Measure writing and reading on both."""
    calls, batches, appends, times = effort.of(100, 2), effort.of(10, 1), effort.of(20, 1), effort.of(5, 1)
    sizes = [("deltas", effort.of(10_000, 100)), ("items", effort.of(1_000, 10))]
    async with pg.database() as db, db.new() as walled, db.new() as bare:
        for table in ("event", "head", "snapshot"):
            await db.run(f"ALTER TABLE {bare.place.schema}.{table} DISABLE ROW LEVEL SECURITY")
        grown = [await grow(log, sizes, effort.of(50, 5)) for log in (walled, bare)]
        await db.run("VACUUM ANALYZE")
        batch = f"a call of {pg.TASKS} appends"
        contests = [
            Contest("one append", "ms", pg.lone(walled, calls), pg.lone(bare, calls), LIMIT),
            Contest(batch, "events/s", pg.batches(walled, batches), pg.batches(bare, batches), LIMIT),
            Contest(f"{pg.TASKS} tasks", "events/s", pg.crowd(walled, appends), pg.crowd(bare, appends), LIMIT),
            *(
                Contest(f"{size:,} {what}, cold", "ms", cold(walled, ours, times), cold(bare, theirs, times), LIMIT)
                for (what, size), ours, theirs in zip(sizes, *grown, strict=True)
            ),
        ]
        return await measure(contests, effort.of(9, 1))
