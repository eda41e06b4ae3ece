"""A process that opens a large log, says how long that took and what memory it takes, and then writes until killed.

Run with the log's URL and how many events it is to hold: 0 opens what is there.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path
from time import perf_counter

from raw import DATA

from threadlog.log import Append, Appended, EventLog, Expect, HeadChange, NewEvent, open_log

TENANTS = 100
AT_ONCE = 5
"""Events of one append: each thread gets its events in two appends that lie far apart."""

CALL = 200
"""Appends of one call."""


def append(thread: int, visit: int) -> Append:
    """One append of one thread; the first makes its head."""
    head = HeadChange(owner=f"user{thread % 1000}", title=f"Thread {thread}") if visit == 0 else None
    return Append(
        tenant=f"tenant{thread % TENANTS}",
        thread_id=f"thr_{thread:020}",
        append_id=f"apd_{thread:016}{visit:04}",
        expected=Expect.ANY,
        events=(
            NewEvent("thread.item.updated", DATA, head=head),
            *[NewEvent("thread.item.updated", DATA)] * (AT_ONCE - 1),
        ),
        actor="user:alice",
    )


async def store(log: EventLog, threads: range, visit: int) -> None:
    """Append to some threads, in as large calls as they come."""
    for start in range(threads.start, threads.stop, CALL):
        part = range(start, min(start + CALL, threads.stop))
        for outcome in await log.append(0, [append(thread, visit) for thread in part]):
            assert isinstance(outcome, Appended)


async def make(url: str, events: int) -> None:
    """Make the log, then go on writing."""
    threads = events // (2 * AT_ONCE)
    began = perf_counter()
    async with open_log(url, shards=1) as log:
        for visit in range(2):
            await store(log, range(threads), visit)
        tell(seconds=perf_counter() - began)
        await go_on(log)


async def reopen(url: str) -> None:
    """Open the log and read from it, then go on writing."""
    before = memory()
    began = perf_counter()
    async with open_log(url) as log:
        opened = perf_counter() - began
        page = await log.read_thread("tenant0", f"thr_{0:020}")
        heads = await log.list_heads("tenant1")
        read = perf_counter() - began
        assert page.last_seq >= 2 * AT_ONCE, page.last_seq
        assert heads.heads, "no thread is listed"
        last = await log.wait(0, after=0, timeout=0)
        tell(opened=opened, read=read, memory=memory(), more_memory=memory() - before, peak=peak(), last=last)
        await go_on(log)


async def go_on(log: EventLog) -> None:
    """Write for ever."""
    tell(writing=True)
    visit = 2 + await log.wait(0, after=0, timeout=0)
    while True:
        await store(log, range(50), visit)
        visit += 1


def tell(**what: object) -> None:
    """Say something to whoever started this."""
    print(json.dumps(what), flush=True)


def memory() -> int:
    """Resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak() -> int:
    """The most of them so far. (`getrusage` would tell of whoever started this process as well.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


if __name__ == "__main__":
    asyncio.run(make(sys.argv[1], int(sys.argv[2])) if int(sys.argv[2]) else reopen(sys.argv[1]))
