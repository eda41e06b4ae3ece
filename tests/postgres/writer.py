"""A process that appends to threads that others write to as well, and tells what it did and what it was answered.

Run as a program with a URL, a name and a number of appends. It writes a line of JSON when it sends an append and a line
when it has the answer; both hold the append, for `told` to make a history of.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from postgres.logs import make
from threadlog.log import Append, Appended, Conflict, Duplicate, Event, EventLog, LogBusy, Outcome, OutcomeUnknown
from threadlog.log.loading import open_log
from threadlog.testing.history import AppendDone

TASKS = 4


class Line(Struct):
    """What a writer tells of one call."""

    call: int
    append: Append
    invoked: float
    returned: float | None = None
    kind: Literal["appended", "duplicate", "conflict", "refused", "unknown"] = "unknown"
    events: tuple[Event, ...] = ()
    current: int = 0

    @property
    def outcome(self) -> Outcome | None:
        """The answer, if there was one."""
        if self.kind == "appended":
            return Appended(self.events)
        if self.kind == "duplicate":
            return Duplicate(self.events)
        return Conflict(self.current) if self.kind == "conflict" else None


def told(lines: Iterable[bytes]) -> list[AppendDone]:
    """The calls of one writer; the last word on a call counts."""
    calls = {line.call: line for line in map(msgspec.json.Decoder(Line).decode, lines)}
    return [
        AppendDone(line.append, line.invoked, line.returned or float("inf"), line.outcome, line.kind == "refused")
        for line in calls.values()
    ]


def tell(line: Line) -> None:
    """Write one line in one call, so that a kill does not cut it."""
    os.write(1, msgspec.json.encode(line) + b"\n")


class Writer:
    """Appends by turns to a few threads that all writers share."""

    def __init__(self, log: EventLog, name: str) -> None:
        self._log, self._name, self._calls = log, name, 0

    async def write(self, task: int, appends: int) -> None:
        """Append so many times; what ends without an answer is sent again."""
        seq = 0
        for number in range(appends):
            thread = f"t{number % 3}"
            expected = make(thread).expected if number % 4 else seq
            append = make(thread, name=f"{self._name}-{task}-{number}", expected=expected, events=1 + number % 3)
            line = await self.send(append)
            while line.kind in ("unknown", "refused"):
                line = await self.send(append)
            seq = line.events[-1].seq if line.events else line.current

    async def send(self, append: Append) -> Line:
        """One call, told before and after."""
        self._calls += 1
        line = Line(self._calls, append, time.monotonic())
        tell(line)
        try:
            (outcome,) = await self._log.append(0, [append])
        except OutcomeUnknown:
            return line
        except LogBusy:
            line.kind = "refused"
        else:
            line.kind, line.events, line.current = _of(outcome)
        line.returned = time.monotonic()
        tell(line)
        return line


def _of(outcome: Outcome) -> tuple[Literal["appended", "duplicate", "conflict"], tuple[Event, ...], int]:
    match outcome:
        case Appended(events):
            return "appended", events, 0
        case Duplicate(events):
            return "duplicate", events, 0
        case Conflict(seq):
            return "conflict", (), seq
    raise AssertionError(outcome)


async def main(url: str, name: str, appends: int) -> None:
    """Write with a few tasks at once."""
    async with open_log(url, create=False) as log:
        writer = Writer(log, name)
        await asyncio.gather(*(writer.write(task, appends) for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
