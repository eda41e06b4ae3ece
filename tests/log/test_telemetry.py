"""Spans and metrics around the log, taken by the real SDK."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from following import House, Reader, take
from gates import GatedLog, one, turns, until
from threadlog.log import Append, Appended, Committer, Expect, Feeds, LogStopped, NewEvent, OutcomeUnknown, Snapshot
from threadlog.log.telemetry import TracedLog, current_traceparent, note_events, observe

pytestmark = pytest.mark.anyio


@dataclass
class Measured:
    """A traced log and what was measured of it."""

    log: TracedLog
    inner: GatedLog
    tracers: TracerProvider
    meters: MeterProvider
    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader

    def span(self, name: str) -> ReadableSpan:
        """The only finished span of a name."""
        [span] = [span for span in self.spans.get_finished_spans() if span.name == name]
        return span

    def points(self, name: str) -> list[Any]:
        """The data points of a metric, collected now."""
        data = self.metrics.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]

    def value(self, name: str, **attributes: str) -> Any:
        """The value of a counter or gauge with these attributes; underscores stand for dots in their names."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        [point] = [point for point in self.points(name) if wanted.items() <= dict(point.attributes).items()]
        return point.value


@pytest.fixture
async def measured() -> AsyncIterator[Measured]:
    """An open traced log with exporters in memory."""
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([metrics])
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    inner = GatedLog()
    async with TracedLog(inner, tracers, meters) as log:
        yield Measured(log, inner, tracers, meters, spans, metrics)
    tracers.shutdown()
    meters.shutdown()


async def test_a_flush_is_a_client_span_with_its_positions(measured: Measured) -> None:
    """By the conventions for databases, with the numbers by which its events are found again."""
    await measured.log.append(0, [one("a", events=2), one("b", thread="thr_2")])
    span = measured.span("append threadlog")
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "db.system.name": "threadlog",
        "db.namespace": "memory:",
        "db.operation.name": "append",
        "db.operation.batch.size": 2,
        "threadlog.scheme": "memory",
        "threadlog.shard": 0,
        "threadlog.events": 3,
        "threadlog.outcomes.appended": 2,
        "threadlog.position.first": 1,
        "threadlog.position": 3,
    }


async def test_a_flush_links_to_the_traces_of_its_callers(measured: Measured) -> None:
    """It serves many and is the child of none; each caller's trace is in its event and in a link."""
    tracer = measured.tracers.get_tracer("test")

    async def write(committer: Committer, number: int) -> None:
        with tracer.start_as_current_span(f"caller {number}"):
            append = one(f"{number}", trace=current_traceparent())
            outcome = await committer.append(append)
            assert isinstance(outcome, Appended)
            note_events(outcome.events)

    async with Committer(measured.log) as committer:
        await asyncio.gather(*(write(committer, number) for number in range(3)))
    flush = measured.span("append threadlog")
    callers = [measured.span(f"caller {number}") for number in range(3)]
    assert flush.parent is None
    assert [link.context.span_id for link in flush.links] == [caller.context.span_id for caller in callers]
    events = (await measured.inner.read_thread("acme", "thr_1")).events
    for caller, event in zip(callers, events, strict=True):
        assert event.trace is not None
        assert event.trace.startswith(f"00-{caller.context.trace_id:032x}-{caller.context.span_id:016x}-")
        assert caller.attributes is not None
        assert caller.attributes["threadlog.thread.id"] == "thr_1"
        assert caller.attributes["threadlog.seq"] == event.seq
        assert caller.attributes["threadlog.position"] == event.position


@pytest.mark.parametrize("text", ["nonsense", "00-zz-zz-zz", "00-" + "0" * 32 + "-" + "0" * 16 + "-00"])
async def test_a_trace_that_is_none_is_stored_and_not_linked(measured: Measured, text: str) -> None:
    """Whatever a writer gives as its trace, the append is stored."""
    await measured.log.append(0, [one("a", trace=text)])
    assert measured.span("append threadlog").links == ()


async def test_links_of_a_flush_are_bounded_and_without_repetition(measured: Measured) -> None:
    """Many appends of one trace are one link; very many traces are linked in part."""
    same = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    await measured.log.append(0, [one(f"{number}", trace=same) for number in range(50)])
    assert len(measured.span("append threadlog").links) == 1
    measured.spans.clear()
    traces = [f"00-{'a' * 32}-{number:016x}-01" for number in range(1, 100)]
    await measured.log.append(0, [one(trace[36:52], trace=trace) for trace in traces])
    assert len(measured.span("append threadlog").links) == 16


async def test_what_became_of_appends_is_counted(measured: Measured) -> None:
    """Outcomes by kind, events stored, the size of batches, and how long flushes took."""
    stale = Append(
        tenant="acme", thread_id="thr_1", append_id="s", expected=Expect.NO_THREAD, events=(NewEvent("note", b"1"),)
    )
    await measured.log.append(0, [one("a", events=2), one("a", events=2), one("a"), stale, one("b")])
    await measured.log.append(0, [one("c")])
    kinds = {"appended": 3, "duplicate": 1, "id_reused": 1, "conflict": 1}
    for kind, count in kinds.items():
        assert measured.value("threadlog.append.outcomes", threadlog__outcome=kind) == count
    assert measured.value("messaging.client.sent.messages", messaging__system="threadlog") == 4
    [sizes] = measured.points("threadlog.append.batch.size")
    assert (sizes.count, sizes.sum, sizes.max) == (2, 6, 5)
    [durations] = measured.points("db.client.operation.duration")
    assert durations.count == 2
    assert dict(durations.attributes)["db.operation.name"] == "append"


async def test_reads_are_spans_that_tell_how_much_came_back(measured: Measured) -> None:
    """Of threads, shards, heads and snapshots."""
    log = measured.log
    await log.append(0, [one("a", events=3)])
    await log.read_thread("acme", "thr_1", limit=2)
    await log.read_shard(0)
    await log.list_heads("acme")
    await log.save_snapshot(
        Snapshot(tenant="acme", thread_id="thr_1", projection="p", version=1, seq=3, check="00000000", state=b"{}")
    )
    assert await log.load_snapshot("acme", "thr_1", "p", 1) is not None
    found = {span.name.split()[0]: dict(span.attributes or {}) for span in measured.spans.get_finished_spans()}
    assert found["read_thread"]["db.response.returned_rows"] == 2
    assert found["read_thread"]["threadlog.thread.id"] == "thr_1"
    assert found["read_thread"]["threadlog.position"] == 2
    assert found["read_shard"]["db.response.returned_rows"] == 3
    assert found["list_heads"]["db.response.returned_rows"] == 0
    assert found["save_snapshot"]["threadlog.seq"] == 3
    assert set(found) == {"append", "read_thread", "read_shard", "list_heads", "save_snapshot", "load_snapshot"}


async def test_waiting_is_not_measured(measured: Measured) -> None:
    """A long wait is no work; spans of it would drown the others."""
    await measured.log.wait(0, after=0, timeout=0)
    await measured.log.status()
    assert measured.spans.get_finished_spans() == ()


async def test_an_error_is_on_the_span_and_on_the_duration(measured: Measured) -> None:
    """With its type, and with its message where it is one of ours."""
    measured.inner.fail("append", LogStopped("the disk failed."))
    with pytest.raises(LogStopped):
        await measured.log.append(0, [one("a")])
    span = measured.span("append threadlog")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "the disk failed."
    assert span.attributes is not None
    assert span.attributes["error.type"] == "LogStopped"
    [durations] = measured.points("db.client.operation.duration")
    assert dict(durations.attributes)["error.type"] == "LogStopped"


async def test_a_drivers_error_message_stays_off_the_span(measured: Measured) -> None:
    """It might hold the secrets of a URL (L2)."""
    measured.inner.fail("append", OSError("connect postgresql://me:secret@db failed"))
    with pytest.raises(OSError, match="secret"):
        await measured.log.append(0, [one("a")])
    assert "secret" not in measured.span("append threadlog").to_json()


async def test_spans_of_the_log_are_children_of_their_readers(measured: Measured) -> None:
    """A read belongs to whoever reads, and what a driver does belongs to the read."""
    tracer = measured.tracers.get_tracer("test")
    within: list[trace.Span] = []

    class Looking(GatedLog):
        async def _at(self, point: str) -> None:
            within.append(trace.get_current_span())

    async with TracedLog(Looking(), measured.tracers, measured.meters) as log:
        with tracer.start_as_current_span("reader") as reader:
            await log.read_thread("acme", "thr_1")
            assert trace.get_current_span() is reader
    read = measured.span("read_thread threadlog")
    assert read.parent is not None
    assert read.parent.span_id == reader.get_span_context().span_id
    assert within[0].get_span_context().span_id == read.context.span_id


async def test_no_traceparent_is_given_where_nothing_is_recorded(measured: Measured) -> None:
    """Outside spans and in traces that were sampled out."""
    assert current_traceparent() is None
    off = TracerProvider(ALWAYS_OFF).get_tracer("test")
    with off.start_as_current_span("unsampled"):
        assert current_traceparent() is None
    with measured.tracers.get_tracer("test").start_as_current_span("sampled"):
        assert current_traceparent() is not None


async def test_queue_and_feeds_are_observed_when_metrics_are_collected(measured: Measured) -> None:
    """Queue depth, subscribers, channels, resumed subscriptions and deliveries."""
    async with Feeds(measured.log) as feeds, Committer(measured.log, on_commit=feeds.publish) as committer:
        observe(committer, feeds, meter_provider=measured.meters, attributes={"db.namespace": "memory:"})
        house = House(measured.inner, committer, feeds)
        reader = Reader(feeds.thread("acme", "thr_1"))
        await house.add(3)
        await until(lambda: len(reader.events) == 3)
        gate = measured.inner.hold("append")
        callers = [asyncio.create_task(committer.append(one(f"{number}"))) for number in range(3)]
        await gate.reached.wait()
        callers += [asyncio.create_task(committer.append(one("more", events=4)))]
        await turns(3)
        assert measured.value("threadlog.committer.queue.events", db__namespace="memory:") == 4
        assert measured.value("threadlog.committer.queue.bytes") == 8
        assert measured.value("threadlog.committer.queue.callers") == 0
        assert measured.value("threadlog.feeds.subscribers") == 1
        assert measured.value("threadlog.feeds.channels") == 1
        assert measured.value("threadlog.feeds.resumed") == 0
        assert measured.value("messaging.client.consumed.messages", messaging__system="threadlog") == 3
        gate.open()
        await asyncio.gather(*callers)
        await reader.stop()


async def test_observing_keeps_nothing_alive(measured: Measured) -> None:
    """Meters never forget whom they call; a store that is gone is gone."""
    committer, feeds = Committer(measured.log), Feeds(measured.log)
    observe(committer, feeds, meter_provider=measured.meters)
    assert measured.points("threadlog.feeds.subscribers")
    del committer, feeds
    gc.collect()
    assert not measured.points("threadlog.feeds.subscribers")


async def test_without_an_sdk_everything_works_as_ever() -> None:
    """Nothing is configured and nothing is missing."""
    async with (
        TracedLog(GatedLog()) as log,
        Feeds(log) as feeds,
        Committer(log, on_commit=feeds.publish) as committer,
    ):
        observe(committer, feeds)
        outcome = await committer.append(one("a", trace=current_traceparent()))
        assert isinstance(outcome, Appended)
        note_events(outcome.events)
        assert outcome.events[0].trace is None
        feed = feeds.thread("acme", "thr_1")
        assert await take(feed, 1) == list(outcome.events)
        await feed.aclose()


async def test_an_unknown_outcome_is_measured_as_an_error(measured: Measured) -> None:
    """A lost answer shows in the trace of the flush, while the committer tells its callers."""
    measured.inner.fail("appended", ConnectionError("lost"))
    async with Committer(measured.log) as committer:
        with pytest.raises(OutcomeUnknown):
            await committer.append(one("a"))
    span = measured.span("append threadlog")
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ConnectionError"
