"""Appends through the committer on the file log, beside what people use instead.

A plain table in SQLite (WAL, `synchronous=FULL`) behind the same committer, so with the same batching, and the SQLite
recorder of the `eventsourcing` package.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

import peers
from appends import writing
from effort import Effort
from raw import CROWD, CROWD_BATCH, LONE, LONE_BATCH, Load
from report import Contest, Found, Run, measure

from threadlog.log import open_log


async def run(effort: Effort) -> Found:
    """Measure all loads beside each peer."""
    seconds = effort.of(0.25, 0.1)
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as name, ExitStack() as stack:
        async with open_log(f"file:{name}/log") as log:

            def contest(load: Load, peer: str, run: Run) -> Contest:
                return Contest(f"{load.name}, beside {peer}", "events/s", writing(log, load, seconds), run, peer)

            plain = peers.PlainSQLite(Path(name) / "plain")
            stack.enter_context(closing(plain.database))
            contests = [
                contest(load, peers.PLAIN, writing(plain, load, seconds))
                for load in (LONE, LONE_BATCH, CROWD, CROWD_BATCH)
            ]
            if peers.are_installed():
                recorder = stack.enter_context(peers.recorder("sqlite", SQLITE_DBNAME=f"{name}/package"))
                contests += [
                    contest(load, peers.EVENTSOURCING, peers.recording(recorder, load, seconds))
                    for load in (LONE, LONE_BATCH, CROWD)
                ]
            found = await measure(contests, effort.of(9, 1))
    return found if peers.are_installed() else [*found, peers.MISSING]
