"""Feeds of what another process writes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from following import Reader
from gates import library_tasks
from threadlog.log import Feeds, open_log

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys
from threadlog.log import Append, Committer, Expect, NewEvent, open_log

async def main(url, name, count):
    async with open_log(url) as log, Committer(log) as committer:
        async def write(thread):
            for number in range(count):
                outcome = await committer.append(Append(
                    tenant="acme", thread_id=thread, append_id=f"{name}.{number}", expected=Expect.ANY,
                    events=(NewEvent("note", b"{}"),) * (number % 3 + 1),
                ))
                print(thread, outcome.events[-1].seq, flush=True)
        await asyncio.gather(*(write(f"thr_{number}") for number in range(4)))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@asynccontextmanager
async def writer(url: str, name: str, count: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that writes four threads at once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, name, f"{count}", stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def acknowledged(process: asyncio.subprocess.Process, lines: int | None = None) -> dict[str, int]:
    """The last seq of each thread that the writer has told of, after so many lines or at its end."""
    told: dict[str, int] = {}
    assert process.stdout is not None
    while lines is None or lines > 0:
        line = (await process.stdout.readline()).decode()
        if not line:
            break
        thread, seq = line.split()
        told[thread] = int(seq)
        lines = lines and lines - 1
    return told


async def caught_up(readers: dict[str, Reader], told: dict[str, int]) -> None:
    """Wait until readers have seen what was acknowledged."""
    for thread, seq in told.items():
        while len(readers[thread].events) < seq:
            assert not readers[thread].task.done()
            await asyncio.sleep(0.005)


async def test_what_another_process_writes_is_followed_to_the_end(tmp_path: Path) -> None:
    """Readers beside a writer of the file log see each event once, in order, without asking."""
    url = f"file:{tmp_path}/log"
    async with writer(url, "first", 1) as process:
        await acknowledged(process)
    async with open_log(url, read_only=True) as log, Feeds(log) as feeds:
        readers = {f"thr_{number}": Reader(feeds.thread("acme", f"thr_{number}")) for number in range(4)}
        async with writer(url, "second", 150) as process:
            await caught_up(readers, await acknowledged(process))
        for thread, reader in readers.items():
            page = await log.read_thread("acme", thread, limit=1000)
            assert tuple(reader.events) == page.events
            await reader.stop()
    assert library_tasks() == set()


async def test_a_writer_that_is_killed_and_followed_by_another_leaves_no_gap(tmp_path: Path) -> None:
    """After a SIGKILL readers have what was acknowledged, and go on with what the next writer adds."""
    url = f"file:{tmp_path}/log"
    async with writer(url, "first", 1) as process:
        await acknowledged(process)
    async with open_log(url, read_only=True) as log, Feeds(log) as feeds:
        readers = {f"thr_{number}": Reader(feeds.thread("acme", f"thr_{number}")) for number in range(4)}
        for kill in range(3):
            async with writer(url, f"killed {kill}", 10_000) as process:
                told = await acknowledged(process, 100)
                process.send_signal(signal.SIGKILL)
                await process.wait()
            await caught_up(readers, told)
        async with writer(url, "last", 5) as process:
            await caught_up(readers, await acknowledged(process))
        for thread, reader in readers.items():
            page = await log.read_thread("acme", thread, limit=1000)
            assert tuple(reader.events)[: len(page.events)] == page.events
            assert [event.seq for event in reader.events] == list(range(1, len(reader.events) + 1))
            await reader.stop()
