"""An agent for `threadlog serve` that writes at a steady pace, or as fast as it can, once all viewers are there.

Its message is JSON: how many viewers to wait for, how many seconds to write, how many events a second (0: as many as it
can), and the file for what it saw: when each event was stored, by the machine's monotonic clock, and what the server's
process spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import msgspec
from msgspec import Struct

from threadlog.log import Append, Appended, EventLog, Expect, Outcome
from threadlog.model import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemUpdatedEvent,
    UserMessageItem,
)
from threadlog.runs import AgentContext

AT_ONCE = 20
"""Events of one append when it writes as fast as it can."""

LONGEST = 4_000
"""Deltas of one message."""


class Task(Struct):
    """What is asked of it."""

    viewers: int
    seconds: float
    rate: int
    report: str


class Report(Struct):
    """What it saw."""

    stored: dict[int, float]
    """When each seq was on stable storage."""
    seconds: float
    """How long it wrote."""
    spent: float
    """CPU seconds of the server's process meanwhile."""


async def write(context: AgentContext[Any], message: UserMessageItem) -> None:
    """Do what the message asks."""
    task = msgspec.json.decode(message.content[0].text, type=Task)
    while context.store.feeds.stats.subscribers < task.viewers:  # noqa: ASYNC110 (of this nothing else tells)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    stored = watch(context.store.log)
    writer = Writer(context)
    began, spent = monotonic(), process_time()
    if task.rate:
        await steadily(writer, task)
    else:
        while monotonic() < began + task.seconds:
            await writer.write(AT_ONCE)
    report = Report(stored, monotonic() - began, process_time() - spent)
    Path(task.report).write_bytes(msgspec.json.encode(report))


async def steadily(writer: Writer, task: Task) -> None:
    """One event at each of the times when one is due; late ones follow at once, so that the pace is kept."""
    began = monotonic()
    for number in range(int(task.seconds * task.rate)):
        await asyncio.sleep(began + number / task.rate - monotonic())
        await writer.write(1)


class Writer:
    """Writes text deltas of one message after the other."""

    def __init__(self, context: AgentContext[Any]) -> None:
        self._context = context
        self._left = 0
        self._item = ""

    async def write(self, events: int) -> None:
        """Append so many deltas at once."""
        if self._left < events:
            await self._begin()
        self._left -= events
        delta = ThreadItemUpdatedEvent(
            item_id=self._item, update=AssistantMessageContentPartTextDelta(content_index=0, delta=" and so many words")
        )
        context = self._context
        await context.store.append(
            context.principal, context.thread.id, [delta] * events, expected=Expect.THREAD_EXISTS
        )

    async def _begin(self) -> None:
        context = self._context
        self._item, self._left = context.generate_id("message"), LONGEST
        item = AssistantMessageItem(
            id=self._item, thread_id=context.thread.id, created_at=datetime.now(UTC), content=[]
        )
        await context.stream(ThreadItemAddedEvent(item=item))
        await context.flush()


def watch(log: EventLog) -> dict[int, float]:
    """Note from now on when the log has stored each event."""
    stored: dict[int, float] = {}
    append = log.append

    async def noted(shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        outcomes = await append(shard, appends)
        now = monotonic()
        for outcome in outcomes:
            if isinstance(outcome, Appended):
                stored.update((event.seq, now) for event in outcome.events)
        return outcomes

    log.append = noted  # type: ignore[method-assign]
    return stored
