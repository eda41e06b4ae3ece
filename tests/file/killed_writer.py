"""Processes that write to a log until they are killed, and tell what was acknowledged.

Run as a program it reads lines ``PATH START SYNC``, forks a writer for each, and writes ``pid PID``; the writer then
writes ``start NUMBER`` before it gives appends to the log, and ``ack NUMBER SEQ SEQ`` when they are acknowledged; when
it has been killed, the program writes ``dead``. (Forking saves starting Python for each of hundreds of kills.)
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys

from file.logs import append
from threadlog.log import Appended
from threadlog_file import FileLog
from threadlog_file.options import options_of


def tell(line: str) -> None:
    """Write one line in one call, so that a kill does not cut it."""
    os.write(1, f"{line}\n".encode())


async def write(path: str, start: int, sync: str) -> None:
    """Append for ever, a few events at a time."""
    rng = random.Random(start)
    how = options_of({"sync": sync, "segment_bytes": "65536", "prefill_bytes": "8192", "reserve_bytes": "0"})
    async with FileLog(path, None, how) as log:
        tell(f"pid {os.getpid()}")
        for number in itertools.count(start, 2):
            appends = [
                append(number, thread=f"t{number % 5}", count=rng.randint(1, 40)),
                append(number + 1, thread=f"t{(number + 1) % 5}", count=rng.randint(1, 40)),
            ]
            tell(f"start {number}")
            first, second = await log.append(0, appends)
            assert isinstance(first, Appended)
            assert isinstance(second, Appended)
            tell(f"ack {number} {first.events[-1].seq} {second.events[-1].seq}")


def main() -> None:
    """Fork a writer for each line of the input."""
    for line in sys.stdin:
        path, start, sync = line.split()
        pid = os.fork()
        if pid == 0:
            asyncio.run(write(path, int(start), sync))
        os.waitpid(pid, 0)
        tell("dead")


if __name__ == "__main__":
    main()
