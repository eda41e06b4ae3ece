"""Processes that work on a log until they are killed, for the kit's tests of crashes and of many processes.

Run as a program, by path, so that it need not import pytest. It has imported all that its processes need, and forks
one for each pickled `Job` that comes, which takes milliseconds. The process writes what it does as pickled records to
its output, each in one write. A record that a kill has cut is one that was never written.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import pickle
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from threadlog.log import Append, EventLog, Expect, HeadChange, LogBusy, LogURL, NewEvent, OpenOptions, find_plugin

TENANT = "tenant"

REQUEST_BYTES = 65536
"""A request has fewer bytes than this; the next one comes after the answer."""

find = cache(find_plugin)
"""Reads the metadata of every installed distribution, once."""


@dataclass(frozen=True)
class Job:
    """What a child does.

    Args:
        address: where the log is: a URL or, with a `factory`, what that understands.
        factory: ``module:function``, called with `address` and `OpenOptions`; it gives an unopened log, which it may
            be waited for.
        work: ``write`` (appends for ever), ``race`` (some appends that compete) or ``follow`` (reads for ever).
        name: tells its append ids from those of other children.
        threads: the threads that it works on.
    """

    address: str
    factory: str | None
    work: str
    name: str
    threads: tuple[str, ...]
    read_only: bool = False


def tell(*record: Any) -> None:
    """Write one record."""
    data = memoryview(pickle.dumps(record))
    while data:
        data = data[os.write(1, data) :]


async def make_log(job: Job) -> EventLog:
    """The log of a job, unopened."""
    options = OpenOptions(read_only=job.read_only)
    if job.factory is None:
        url = LogURL(job.address)
        return find(url.scheme).make_log(url, options)
    module, _, name = job.factory.partition(":")
    made = getattr(importlib.import_module(module), name)(job.address, options)
    log: EventLog = made if isinstance(made, EventLog) else await made
    return log


def numbered(job: Job, number: int, thread: str, expected: int | Expect = Expect.ANY) -> Append:
    """An append of a few events, each of which tells its place, and the last one the append in the head's title."""
    size = 1 + number % 5
    last = HeadChange(title=f"{job.name}-{number}")
    events = tuple(NewEvent("number", b"%d" % part, head=last if part == size - 1 else None) for part in range(size))
    return Append(tenant=TENANT, thread_id=thread, append_id=f"{job.name}-{number}", expected=expected, events=events)


async def write(log: EventLog, job: Job) -> None:
    """Append for ever, to two threads with each call: ``sent`` before and ``answered`` after each."""
    shard = log.shard_of(TENANT)
    for number in itertools.count(step=2):
        appends = [numbered(job, number + at, thread) for at, thread in enumerate(job.threads[:2])]
        tell("sent", appends)
        tell("answered", await log.append(shard, appends))


async def race(log: EventLog, job: Job) -> None:
    """Append what competes with other children: at the seq that was just read, anywhere, and again."""
    chance, sent = random.Random(job.name), list[Append]()
    for number in range(25):
        thread = chance.choice(job.threads)
        invoked = time.monotonic()
        page = await log.read_thread(TENANT, thread, limit=1_000)
        tell("read", thread, 0, page, invoked, time.monotonic())
        await asyncio.sleep(chance.uniform(0, 0.002))  # so that others write between the reading and the appending
        again = sent and chance.random() < 0.2
        append = chance.choice(sent) if again else _competing(job, number, thread, page.last_seq, chance)
        sent.append(append)
        await _tell_append(log, append)


def _competing(job: Job, number: int, thread: str, last_seq: int, chance: random.Random) -> Append:
    return numbered(job, number, thread, chance.choice((last_seq, last_seq, Expect.ANY)))


async def _tell_append(log: EventLog, append: Append) -> None:
    invoked = time.monotonic()
    tell("sent", append, invoked)
    try:
        (outcome,) = await log.append(log.shard_of(append.tenant), [append])
    except LogBusy:
        tell("refused")
        return
    tell("answered", outcome, time.monotonic())


async def follow(log: EventLog, job: Job) -> None:
    """Read the shard and each thread from its start on as they grow, and wait; for ever."""
    shard, after = log.shard_of(TENANT), 0
    seqs = dict.fromkeys(job.threads, 0)
    while True:
        page = await log.read_shard(shard, after=after, limit=50)
        tell("shard", page.events, page.looked_to)
        for thread in job.threads:
            seqs[thread] = await _tell_page(log, thread, seqs[thread])
        after = page.looked_to
        await log.wait(shard, after=after, timeout=0.05)


async def _tell_page(log: EventLog, thread: str, after: int) -> int:
    invoked = time.monotonic()
    page = await log.read_thread(TENANT, thread, after=after, limit=1_000)
    tell("read", thread, after, page, invoked, time.monotonic())
    return page.events[-1].seq if page.events else after


WORKS = {"write": write, "race": race, "follow": follow}


async def work(job: Job) -> None:
    """Open the log, tell so, and do the work when a byte comes."""
    async with await make_log(job) as log:
        tell("open")
        await asyncio.to_thread(os.read, 0, 1)
        await WORKS[job.work](log, job)
    tell("done")


def main() -> None:
    """Answer requests on the socket that is the standard input, until its other end is closed."""
    with socket.socket(fileno=os.dup(0)) as requests:
        while True:
            data, files, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 3)
            if not data:
                return
            request = pickle.loads(data)  # noqa: S301 - the kit wrote it
            pid = start(request, files) if isinstance(request, Job) else kill(request)
            requests.send(pickle.dumps(pid))


def start(job: Job, files: Sequence[int]) -> int:
    """Fork a process that does a job; returns its number.

    Args:
        job: what to do.
        files: its standard input, output and error; closed here.
    """
    load_plugin(job)
    pid = os.fork()
    if pid == 0:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, 256)
        status = 1
        try:
            asyncio.run(work(job))
            status = 0
        except BaseException:  # noqa: BLE001 - it is told, and the process ends
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    for file in files:
        os.close(file)
    return pid


def kill(pid: int) -> int:
    """Kill a process with SIGKILL, if it has not ended by itself."""
    os.kill(pid, signal.SIGKILL)  # it is not reaped before, so that the number cannot be another's
    os.waitpid(pid, 0)
    return pid


def load_plugin(job: Job) -> None:
    """Import what the job needs, so that the processes need not."""
    if job.factory is None:
        find(LogURL(job.address).scheme)
    else:
        importlib.import_module(job.factory.partition(":")[0])


if __name__ == "__main__":
    sys.modules["threadlog.testing.child"] = sys.modules["__main__"]  # as what the job is pickled
    sys.path[:] = sys.argv[1:]
    main()
