"""Loading threads from Postgres through the store, cold and warm, their events scattered among 200 others'.

Cold means that nothing of the thread is at hand, and that it has no snapshot. The limit is selecting its payloads on
the same driver, as the tables' owner, and decoding them.
"""

from __future__ import annotations

import pg
from effort import Effort
from report import Contest, Found, Goal, measure
from threads import cold, grow, warm


async def run(effort: Effort) -> Found:
    """Measure both kinds of thread."""
    times = effort.of(5, 1)
    sizes = {"deltas": effort.of(10_000, 100), "items": effort.of(1_000, 10)}
    goals = {"deltas": Goal("value", "≤", 25), "items": Goal("value", "≤", 4)}
    async with pg.database() as db, db.new() as log, db.connected() as connection:
        grown = await grow(log, list(sizes.items()), effort.of(50, 5))
        await db.run("VACUUM ANALYZE")
        contests = []
        for (what, size), thread in zip(sizes.items(), grown, strict=True):
            limit = pg.bare_load(connection, log, thread, times)
            name = f"{size:,} {what}"
            contests += [
                Contest(f"{name}, cold", "ms", cold(log, thread, times), limit, "SELECT and decode", goals[what]),
                Contest(f"{name}, warm", "ms", warm(log, thread, effort.of(100, 2))),
            ]
        return await measure(contests, effort.of(9, 1))
