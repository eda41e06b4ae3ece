"""Appends through the committer on the file log, beside a bare loop of write and fdatasync of the same bytes.

One writer at a time, and 200 tasks at once, each with appends of one event or of twenty, of about 200 bytes each, all
awaited and all with append ids. For the crowd the bare loop also makes its bytes, with the log's own encoder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import raw
from appends import Answering, traced, writing
from effort import Effort
from raw import CROWD, CROWD_BATCH, LONE, LONE_BATCH, Load
from report import Contest, Found, Goal, measure

from threadlog.log import EventLog, MemoryLog, open_log

LONE_GOAL = Goal("ratio", "≥", 0.6)


async def run(effort: Effort) -> Found:
    """Measure all loads, then the crowds with telemetry, and with less and less of a log."""
    seconds = effort.of(0.25, 0.1)
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as name:
        folder = Path(name)

        def contest(what: str, log: EventLog, load: Load, goal: Goal | None = None) -> Contest:
            crowd = load.writers > 1
            limit = raw.appending(folder, load, seconds, encode=crowd)
            named = raw.ENCODED if crowd else raw.APPENDED
            return Contest(what, "events/s", writing(log, load, seconds), limit, named, goal)

        async with open_log(f"file:{folder}/log") as log, traced(log) as watched, MemoryLog() as memory:
            return await measure(
                [
                    contest(LONE.name, log, LONE, LONE_GOAL),
                    Contest(
                        f"{LONE.name}, beside a filled file",
                        "events/s",
                        writing(log, LONE, seconds),
                        raw.overwriting(folder, LONE, seconds),
                        raw.OVERWRITTEN,
                    ),
                    contest(LONE_BATCH.name, log, LONE_BATCH, LONE_GOAL),
                    contest(CROWD.name, log, CROWD),
                    contest(f"{CROWD.name}, telemetry on", watched, CROWD, Goal("value", "≥", 100_000)),
                    contest(f"{CROWD_BATCH.name}, telemetry on", watched, CROWD_BATCH, Goal("value", "≥", 300_000)),
                    Contest(f"{CROWD.name}, memory log", "events/s", writing(memory, CROWD, seconds)),
                    Contest(f"{CROWD.name}, no log", "events/s", writing(Answering(), CROWD, seconds)),
                ],
                effort.of(11, 1),
            )
