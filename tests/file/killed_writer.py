"""Processes that write to a log until they are killed, and tell what was acknowledged.

Run as a program it reads lines ``PATH START SYNC LAST``, forks a writer for each, and writes ``pid PID``; the writer
writes ``start NUMBER`` before it gives appends to the log, ``ack NUMBER SEQ SEQ`` when they are acknowledged; when
it has been killed, the program writes ``dead``. (Forking saves starting Python for each of hundreds of kills.)

With LAST over 0 the writer kills itself at that change of its files, counted from before the log is opened: just before
it, or in the middle if it is a write.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any

from file.logs import append
from threadlog.log import Appended
from threadlog_file import FileLog, Files
from threadlog_file.options import options_of


def tell(line: str) -> None:
    """Write one line in one call, so that a kill does not cut it."""
    os.write(1, f"{line}\n".encode())


class LastFiles(Files):
    """File operations, one of which is the last of this process.

    Args:
        last: number of the change; 0 for none.
    """

    def __init__(self, last: int) -> None:
        self._left = last

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write, or half of it and then nothing any more."""
        if self._left == 1:
            super().pwrite(fd, data[: len(data) // 2], offset)
        self._count()
        return super().pwrite(fd, data, offset)

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _counted(name: str) -> Callable[..., Any]:
    def call(self: LastFiles, *arguments: Any) -> Any:
        self._count()
        return getattr(Files, name)(self, *arguments)

    return call


for _name in ("flush", "flush_dir", "truncate", "rename", "link", "unlink", "mkdir"):
    setattr(LastFiles, _name, _counted(_name))


async def write(path: str, start: int, sync: str, last: int) -> None:
    """Append for ever, a few events at a time."""
    rng = random.Random(start)
    how = options_of({"sync": sync, "segment_bytes": "65536", "prefill_bytes": "8192", "reserve_bytes": "0"})
    async with FileLog(path, None, how, files=LastFiles(last)) as log:
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
        path, start, sync, last = line.split()
        pid = os.fork()
        if pid == 0:
            tell(f"pid {os.getpid()}")
            asyncio.run(write(path, int(start), sync, int(last)))
        os.waitpid(pid, 0)
        tell("dead")


if __name__ == "__main__":
    main()
