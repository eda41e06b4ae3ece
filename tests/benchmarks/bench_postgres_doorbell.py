"""News between two processes on one log in Postgres: from acknowledged in one to told in the other.

One process appends now and then; this one waits for the log's word, again and again.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import monotonic

import pg
import ringing
from effort import Effort
from report import Found, Goal, Sample, row

from threadlog.log import EventLog

GOALS = {0.5: Goal("value", "≤", 20), 0.99: Goal("value", "≤", 100)}


async def run(effort: Effort) -> Found:
    """Measure some rounds."""
    appends = effort.of(200, 3)
    async with pg.database() as db, db.new() as log:
        url = db.place_url(log.place.schema)
        rounds = [await delays(log, url, appends) for _ in range(effort.of(3, 1))]
    return [
        row(
            f"p{quantile * 100:.0f} from acknowledged to told",
            "ms",
            [Sample(found[int(len(found) * quantile)] * 1000) for found in rounds],
            goal=goal,
        )
        for quantile, goal in GOALS.items()
    ]


async def delays(log: EventLog, url: str, appends: int) -> list[float]:
    """Seconds from each acknowledgement there to the word here, sorted."""
    last = await log.wait(0, after=0, timeout=0)
    end = last + appends
    process = await asyncio.create_subprocess_exec(
        sys.executable, ringing.__file__, url, str(appends), stdout=asyncio.subprocess.PIPE
    )
    told: dict[int, float] = {}
    while last < end:
        news = await log.wait(0, after=last, timeout=10)
        now = monotonic()
        assert news > last, "nothing was told for 10 s"
        told.update((position, now) for position in range(last + 1, news + 1))
        last = news
    output, _ = await process.communicate()
    acknowledged = {int(position): when for position, when in json.loads(output).items()}
    return sorted(told[position] - when for position, when in acknowledged.items())
