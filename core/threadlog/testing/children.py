"""Child processes of a test, each with a record of what it has told."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from threadlog.testing.child import Job

Record = tuple[Any, ...]

_PROGRAM = Path(__file__).with_name("child.py")
_STARTING = 60.0
"""Seconds in which a process must have started and opened the log, on however busy a machine."""


class Child:
    """A process that does a job; leaving the block kills it with SIGKILL."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.records: list[Record] = []
        self._told = threading.Condition()
        self._ended = False

    async def __aenter__(self) -> Self:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `kill` closes it
        self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - starts at once, and is our own program
            [sys.executable, "-P", str(_PROGRAM), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()
        job = pickle.dumps(self.job)
        self._send(len(job).to_bytes(4, "big") + job)
        try:
            await self.wait_for("open", 1, _STARTING)
        except BaseException:
            await self.kill()
            raise
        self.records.clear()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    def start(self) -> None:
        """Let it begin: it has opened the log and waits for this."""
        self._send(b"!")

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
        self._process.kill()
        await asyncio.to_thread(self._collector.join)
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            if file is not None:
                with suppress(OSError):
                    file.close()
        return self.records

    def _wait(self, reached: Callable[[list[Record]], bool], patience: float) -> None:
        with self._told:
            self._told.wait_for(lambda: self._ended or reached(self.records), patience)

    def _collect(self) -> None:
        assert self._process.stdout is not None
        with suppress(EOFError, pickle.UnpicklingError):
            while True:
                record = pickle.load(self._process.stdout)  # noqa: S301 - our own program wrote it
                with self._told:
                    self.records.append(record)
                    self._told.notify_all()
        with self._told:
            self._ended = True
            self._told.notify_all()

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _complaint(self) -> str:
        """What it wrote to its standard error, the end of it."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 3000))
        return self._errors.read().decode(errors="replace")
