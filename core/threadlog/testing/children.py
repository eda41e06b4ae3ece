"""Child processes of a test, each with a record of what it has told."""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from threadlog.testing.child import REQUEST_BYTES, Job
from threadlog.testing.failures import ClauseBroken

Record = tuple[Any, ...]

_PROGRAM = Path(__file__).with_name("child.py")
_STARTING = 60.0
"""Seconds in which a process must have started and opened the log, on however busy a machine."""


class Nursery:
    """A process that has imported the plugin and forks children; leaving the block ends it."""

    async def __aenter__(self) -> Self:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._requests = ours
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - starts at once, and is our own program
                [sys.executable, "-P", str(_PROGRAM), *sys.path], stdin=theirs.fileno()
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.close()
        await asyncio.to_thread(self._process.wait)

    async def start(self, job: Job, files: Sequence[int]) -> int:
        """Start a process that has these files as its standard input, output and error; gives its number."""
        return await asyncio.to_thread(self._ask, job, files)

    async def kill(self, pid: int) -> None:
        """Kill a process with SIGKILL."""
        await asyncio.to_thread(self._ask, pid)

    def _ask(self, request: Job | int, files: Sequence[int] = ()) -> int:
        socket.send_fds(self._requests, [pickle.dumps(request)], files)
        answer = self._requests.recv(REQUEST_BYTES)
        assert answer, "the process that starts others has ended: see its complaint on the standard error"
        return int(pickle.loads(answer))  # noqa: S301 - our own program wrote it


class Child:
    """A process that does a job; leaving the block kills it with SIGKILL."""

    def __init__(self, nursery: Nursery, job: Job) -> None:
        self.job = job
        self.records: list[Record] = []
        self._nursery = nursery
        self._told = threading.Condition()
        self._ended = False

    async def __aenter__(self) -> Self:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `kill` closes it
        theirs_in, self._input = os.pipe()
        output, theirs_out = os.pipe()
        self._output = open(output, "rb")  # noqa: SIM115 - a pipe; `kill` closes it
        try:
            self._pid = await self._nursery.start(self.job, (theirs_in, theirs_out, self._errors.fileno()))
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()
        try:
            await self.wait_for("open", 1, _STARTING)
        except AssertionError as error:
            await self.kill()
            how = "for reading" if self.job.read_only else "for writing"
            raise ClauseBroken("L1", f"another process cannot open the log {how}. {error}") from error
        except BaseException:
            await self.kill()
            raise
        self.records.clear()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    def begin(self) -> None:
        """Let it begin: it has opened the log and waits for this."""
        with suppress(BrokenPipeError):
            os.write(self._input, b"!")

    async def wait_for(self, kind: str, count: int, patience: float) -> None:
        """Wait until it has told so many records of a kind.

        Raises:
            AssertionError: it ended, or time is up, before that.
        """
        await self.wait_until(lambda records: sum(it[0] == kind for it in records) >= count, patience)

    async def wait_until(self, reached: Callable[[list[Record]], bool], patience: float) -> None:
        """Wait until its records are as wanted.

        Raises:
            AssertionError: it ended, or time is up, before that.
        """
        await asyncio.to_thread(self._wait, reached, patience)
        if not reached(self.records):
            state = "ended" if self._ended else "hangs"
            raise AssertionError(f"A process that was to {self.job.work} {state}. {self._complaint()}")

    async def kill(self) -> list[Record]:
        """Kill it, and give all that it has told."""
        if self._pid:
            await self._nursery.kill(self._pid)
            await asyncio.to_thread(self._collector.join)
            os.close(self._input)
            self._output.close()
            self._errors.close()
            self._pid = 0
        return self.records

    def _wait(self, reached: Callable[[list[Record]], bool], patience: float) -> None:
        with self._told:
            self._told.wait_for(lambda: self._ended or reached(self.records), patience)

    def _collect(self) -> None:
        with suppress(EOFError, pickle.UnpicklingError):
            while True:
                record = pickle.load(self._output)  # noqa: S301 - our own program wrote it
                with self._told:
                    self.records.append(record)
                    self._told.notify_all()
        with self._told:
            self._ended = True
            self._told.notify_all()

    def _complaint(self) -> str:
        """What it wrote to its standard error, the end of it."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 3000))
        return self._errors.read().decode(errors="replace")
