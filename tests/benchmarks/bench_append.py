"""Appends through the committer on the file log, beside a bare loop of write and fdatasync.

The bare loop writes as many bytes as the log's frames hold for the same events, already encoded, in one call, and
flushes them with one `fdatasync`: what the disk allows to whoever does nothing else.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from report import Contest, Row, measure

from threadlog.log import Append, Appended, Committer, EventLog, Expect, NewEvent, Outcome
from threadlog.log.loading import open_log
from threadlog.log.memory import MemoryLog
from threadlog.log.telemetry import TracedLog, current_traceparent

SECONDS = 0.25
"""Length of one round of one contest."""

ROUNDS = 15

DATA = b'{"type":"thread.item.updated","item_id":"msg_0123456789abcdef","update":{"delta":"' + b"x" * 110 + b'"}}'

LIMIT = "write + fdatasync"

OVERHEAD = 420
"""Bytes of one event in the log beside its payload: its envelope, and its part of a frame's."""


@dataclass(frozen=True)
class Load:
    """So many writers, each of which appends so many events at a time and awaits the answer."""

    name: str
    writers: int
    events: int


LOADS = (
    Load("1 writer, 1 event", 1, 1),
    Load("1 writer, 20 events", 1, 20),
    Load("200 writers, 1 event", 200, 1),
    Load("200 writers, 20 events", 200, 20),
)


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: object) -> SpanExportResult:
        """Say that it worked."""
        return SpanExportResult.SUCCESS


async def run() -> list[Row]:
    """Measure all loads, then the crowd with telemetry, and with less and less of a log."""
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as folder:
        async with open_log(f"file:{folder}/log") as log, traced(log) as traced_log, MemoryLog() as memory:

            def beside_bare(name: str, log: EventLog, load: Load) -> Contest:
                return Contest(name, "events/s", writing(name, log, load), bare(Path(folder), load), LIMIT)

            crowd = LOADS[2]
            return await measure(
                [
                    *(beside_bare(load.name, log, load) for load in LOADS),
                    beside_bare(f"{crowd.name}, telemetry on", traced_log, crowd),
                    Contest(f"{crowd.name}, memory log", "events/s", writing("memory", memory, crowd)),
                    Contest(f"{crowd.name}, no log", "events/s", writing("none", Answering(), crowd)),
                ],
                ROUNDS,
            )


class Answering(MemoryLog):
    """Answers each append with the same outcome: what is left is the committer's own cost."""

    def __init__(self) -> None:
        super().__init__()
        self._open = True

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Answer at once."""
        return [Appended(())] * len(appends)


@asynccontextmanager
async def traced(log: EventLog) -> AsyncIterator[EventLog]:
    """The log with spans and metrics as in production, sent nowhere."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(Nowhere()))
    meters = MeterProvider([InMemoryMetricReader()])
    yield TracedLog(log, tracers, meters)
    tracers.shutdown()
    meters.shutdown()


def writing(label: str, log: EventLog, load: Load) -> Callable[[], Awaitable[float]]:
    """A round of appends through a committer, in events a second."""
    rounds = count()

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
        this = next(rounds)
        async with Committer(log) as committer:
            began = perf_counter()
            names = (f"{label} {this} {writer}" for writer in range(load.writers))
            written = await asyncio.gather(*(write(committer, name, began + SECONDS) for name in names))
            return sum(written) / (perf_counter() - began)

    return one_round


def bare(folder: Path, load: Load) -> Callable[[], Awaitable[float]]:
    """A round of writing the same bytes and flushing them, in events a second."""
    block = (DATA + b" " * OVERHEAD) * (load.writers * load.events)

    async def one_round() -> float:
        path = folder / "bare"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            began = perf_counter()
            blocks = 0
            while perf_counter() < began + SECONDS:
                os.write(file, block)
                os.fdatasync(file)
                blocks += 1
            return blocks * load.writers * load.events / (perf_counter() - began)
        finally:
            os.close(file)
            path.unlink()

    return one_round
