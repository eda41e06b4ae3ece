"""Rounds of appends through a committer on any log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from time import perf_counter
from uuid import uuid4

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from raw import DATA, Load
from report import Run

from threadlog.log import Append, Appended, Committer, EventLog, Expect, MemoryLog, NewEvent, Outcome
from threadlog.log.telemetry import TracedLog, current_traceparent


def writing(log: EventLog, load: Load, seconds: float) -> Run:
    """Rounds of appends, in events/s: every writer has a thread of its own, an id for each append, and awaits it."""

    async def write(committer: Committer, name: str, until: float) -> int:
        for number in count():
            if perf_counter() >= until:
                return number * load.events
            append = Append(
                tenant="acme",
                thread_id=name,
                append_id=f"{name}-{number}",
                expected=Expect.ANY,
                events=tuple(NewEvent("thread.item.updated", DATA) for _ in range(load.events)),
                trace=current_traceparent(),
            )
            outcome = await committer.append(append)
            assert isinstance(outcome, Appended)
        raise AssertionError

    async def one_round() -> float:
        this = uuid4().hex[:8]
        async with Committer(log) as committer:
            began = perf_counter()
            names = (f"log {this} {writer}" for writer in range(load.writers))
            written = await asyncio.gather(*(write(committer, name, began + seconds) for name in names))
            return sum(written) / (perf_counter() - began)

    return one_round


class Answering(MemoryLog):
    """Answers each append with the same outcome: what is left is the committer's own cost."""

    def __init__(self) -> None:
        super().__init__()
        self._open = True

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Answer at once."""
        return [Appended(())] * len(appends)


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: object) -> SpanExportResult:
        """Say that it worked."""
        return SpanExportResult.SUCCESS


@asynccontextmanager
async def traced(log: EventLog) -> AsyncIterator[EventLog]:
    """The log with spans and metrics as in production, sent nowhere."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(Nowhere()))
    meters = MeterProvider([InMemoryMetricReader()])
    yield TracedLog(log, tracers, meters)
    tracers.shutdown()
    meters.shutdown()
