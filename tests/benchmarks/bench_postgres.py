"""Appends on Postgres, beside bare inserts of the same columns into the same table, and beside a peer.

Append ids, row-level security and (for the crowd) the committer are on. The bare inserts are the tables' owner's, on
the same driver. The peer is the `eventsourcing` package's recorder in its safe mode, which locks the table for each
append; its tasks share its default of five connections.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

import peers
import pg
from effort import Effort
from raw import CROWD
from report import Contest, Found, Goal, measure

ENOUGH = Goal("value", "≥", 40_000)


async def run(effort: Effort) -> Found:
    """Measure a lone append, a batch, and a crowd through the committer."""
    calls, batches, appends = effort.of(100, 2), effort.of(10, 1), effort.of(20, 1)
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(pg.database())
        log = await stack.enter_async_context(db.new())
        empty = await stack.enter_async_context(db.new())
        connection = await stack.enter_async_context(db.connected())
        single = pg.bare_single(connection, empty, calls)
        unnest = pg.bare_batch(connection, empty, batches)
        crowd = f"{pg.TASKS} tasks"
        contests = [
            Contest("one append", "ms", pg.lone(log, calls), single, "single-row insert", Goal("ratio", "≤", 1.5)),
            Contest(f"a call of {pg.TASKS} appends", "events/s", pg.batches(log, batches), unnest, "unnest insert"),
            Contest(crowd, "events/s", pg.crowd(log, appends), unnest, "unnest insert", Goal("ratio", "≥", 0.45)),
            Contest(f"{crowd}, alone", "events/s", pg.crowd(log, appends), goal=ENOUGH),
        ]
        if peers.are_installed():
            schema = db.schema("package")
            await db.run(f"CREATE SCHEMA {schema}")
            settings = pg.eventsourcing_settings(db, schema)
            recorder = stack.enter_context(peers.recorder("postgres", **settings))
            peer = peers.recording(recorder, CROWD, effort.of(0.3, 0.05))
            goal = Goal("ratio", "≥", 40)
            name = f"{crowd}, beside a peer"
            contests.append(Contest(name, "events/s", pg.crowd(log, appends), peer, peers.EVENTSOURCING, goal))
        found = await measure(contests, effort.of(9, 1))
    return found if peers.are_installed() else [*found, peers.MISSING]
