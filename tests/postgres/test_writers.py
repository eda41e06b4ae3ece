"""Several processes write to one shard, and some of them die."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from postgres.logs import Database, check_dense, everything, until
from postgres.writer import TASKS, told
from threadlog.log import Event
from threadlog.testing.history import History
from threadlog_postgres.log import PostgresLog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

PROGRAM = Path(__file__).parent / "writer.py"
APPENDS = 60
"""Of each task of a writer."""


async def start(url: str, name: str) -> Process:
    """A writing process."""
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parent.parent)}
    program = (sys.executable, str(PROGRAM), url, name, str(APPENDS))
    return await asyncio.create_subprocess_exec(*program, stdout=PIPE, env=environment)


async def words(process: Process, killed_after: int | None = None) -> list[bytes]:
    """All lines of a writer, which is killed when it has written so many."""
    assert process.stdout is not None
    lines = []
    async for line in process.stdout:
        lines.append(line)
        if len(lines) == killed_after:
            process.kill()
    await process.wait()
    return lines


async def follow(log: PostgresLog, seen: list[Event]) -> None:
    """Read the shard as it grows, for ever."""
    at = 0
    while True:
        await log.wait(0, after=at, timeout=1)
        page = await log.read_shard(0, after=at)
        seen += page.events
        at = page.looked_to


async def terminate_one(database: Database, log: PostgresLog, seen: list[Event]) -> None:
    """When there are some events, end the server's side of a connection in the midst of an append."""
    calls = f"query LIKE '%{log.place.schema}.append(%' AND pid <> pg_backend_pid() AND state = 'active'"
    one = f"SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE {calls} LIMIT 1) one"
    async with database.connected() as connection:

        async def terminated() -> bool:
            return len(seen) >= 50 and bool(await connection.fetchval(one))

        await until(terminated)


async def test_writers_die_and_nothing_acknowledged_is_lost(database: Database) -> None:
    """One is killed, one loses its connection: every acknowledged event is there once, in order, without holes."""
    history = History()
    seen: list[Event] = []
    async with database.new() as log:
        url = database.place_url(log.place.schema)
        following = asyncio.create_task(follow(log, seen))
        writers = [await start(url, name) for name in ("one", "two", "killed")]
        lines = await asyncio.gather(
            *(words(writer, kill) for writer, kill in zip(writers, (None, None, 150), strict=True)),
            terminate_one(database, log, seen),
        )
        for told_by in lines[:3]:
            history.appends += told(told_by or [])
        stored = await everything(log)

        async def caught_up() -> bool:
            return len(seen) >= len(stored)

        await until(caught_up)
        following.cancel()
        assert seen == stored
        for thread in {event.thread_id for event in stored}:
            page = await log.read_thread("acme", thread, limit=1000)
            history.see(thread, page.events)
    assert [writer.returncode for writer in writers] == [0, 0, -9]
    check_dense(stored)
    history.confirm(stored)
    assert sum(done.outcome is not None for done in history.appends) >= 2 * TASKS * APPENDS
