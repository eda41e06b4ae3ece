"""A log that measures another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import Link, Span, TracerProvider, get_tracer

from threadlog.log.contract import EventLog, LogInfo, LogStatus
from threadlog.log.envelope import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    HeadPage,
    IdReused,
    Outcome,
    ShardPage,
    Snapshot,
    ThreadPage,
)
from threadlog.log.telemetry.operation import Operation
from threadlog.log.telemetry.trace import SCOPE, link_to

_OUTCOMES: dict[type[Any], str] = {
    Appended: "appended",
    Duplicate: "duplicate",
    Conflict: "conflict",
    IdReused: "id_reused",
}

_COUNTED = {kind: {"threadlog.outcome": name} for kind, name in _OUTCOMES.items()}

_SENT = {"messaging.system": "threadlog", "messaging.operation.name": "append"}

_LINKS_AT_MOST = 16
"""Links of one flush, each of which costs some microseconds; every event carries its own trace anyway."""


class TracedLog(EventLog):
    """An event log that passes every call on to another one and measures it.

    Each call is a client span by the conventions for databases, but `status` and `wait`, which say nothing about work.
    A flush serves many callers, so its span is no child of theirs: it links to the traces that its appends carry, and
    tells the shard and the positions that it has filled.

    Metrics: ``db.client.operation.duration``; ``threadlog.append.batch.size``, appends of one flush;
    ``threadlog.append.outcomes`` by ``threadlog.outcome`` (appended, duplicate, conflict, id_reused); and
    ``messaging.client.sent.messages``, events stored.

    Args:
        log: the log to measure. Opening and closing go through to it.
        tracer_provider: None: the process's.
        meter_provider: None: the process's.
    """

    def __init__(
        self, log: EventLog, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._log = log
        self._tracer = get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = get_meter(SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "db.client.operation.duration", "s", "Duration of one operation of the event log."
        )
        self._batch_size = meter.create_histogram("threadlog.append.batch.size", "{append}", "Appends of one flush.")
        self._outcomes = meter.create_counter("threadlog.append.outcomes", "{append}", "What became of appends.")
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Events stored.")
        self._attributes: dict[str, dict[str, str]] = {}

    @property
    def info(self) -> LogInfo:
        return self._log.info

    async def open(self) -> None:
        await self._log.open()

    async def close(self) -> None:
        await self._log.close()

    async def status(self) -> LogStatus:
        return await self._log.status()

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        return await self._log.wait(shard, after=after, timeout=timeout)

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        with self._operation("append") as span:
            if span.is_recording():
                _describe_appends(span, shard, appends)
            outcomes = await self._log.append(shard, appends)
            kinds = Counter(map(type, outcomes))
            stored = [outcome.events for outcome in outcomes if type(outcome) is Appended]
            if span.is_recording():
                _describe_outcomes(span, kinds, stored)
        self._count(kinds, sum(map(len, stored)))
        return outcomes

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        with self._operation("read_thread") as span:
            page = await self._log.read_thread(tenant, thread_id, after=after, limit=limit, backward=backward)
            if span.is_recording():
                span.set_attribute("threadlog.thread.id", thread_id)
                _describe_page(span, page.events)
            return page

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        with self._operation("read_shard") as span:
            page = await self._log.read_shard(shard, after=after, limit=limit, tenant=tenant)
            if span.is_recording():
                span.set_attribute("threadlog.shard", shard)
                _describe_page(span, page.events)
            return page

    async def list_heads(
        self,
        tenant: str,
        *,
        owner: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
    ) -> HeadPage:
        with self._operation("list_heads") as span:
            page = await self._log.list_heads(tenant, owner=owner, after=after, limit=limit, newest_first=newest_first)
            span.set_attribute("db.response.returned_rows", len(page.heads))
            return page

    async def load_snapshot(self, tenant: str, thread_id: str, projection: str, version: int) -> Snapshot | None:
        with self._operation("load_snapshot") as span:
            span.set_attribute("threadlog.thread.id", thread_id)
            return await self._log.load_snapshot(tenant, thread_id, projection, version)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        with self._operation("save_snapshot") as span:
            span.set_attribute("threadlog.thread.id", snapshot.thread_id)
            span.set_attribute("threadlog.seq", snapshot.seq)
            await self._log.save_snapshot(snapshot)

    async def restore(self, shard: int, events: Sequence[Event]) -> int:
        with self._operation("restore") as span:
            span.set_attribute("threadlog.shard", shard)
            position = await self._log.restore(shard, events)
            span.set_attribute("threadlog.position", position)
            return position

    def _operation(self, name: str) -> Operation:
        attributes = self._attributes.get(name)
        if attributes is None:
            info = self._log.info
            attributes = self._attributes[name] = {
                "db.system.name": "threadlog",
                "db.namespace": info.location,
                "db.operation.name": name,
                "threadlog.scheme": info.scheme,
            }
        return Operation(f"{name} threadlog", self._tracer, self._duration, attributes)

    def _count(self, kinds: Mapping[type[Outcome], int], events: int) -> None:
        self._batch_size.record(sum(kinds.values()))
        for kind, count in kinds.items():
            self._outcomes.add(count, _COUNTED[kind])
        self._sent.add(events, _SENT)


def _describe_appends(span: Span, shard: int, appends: Sequence[Append]) -> None:
    span.set_attribute("threadlog.shard", shard)
    span.set_attribute("threadlog.events", sum([len(append.events) for append in appends]))
    if len(appends) > 1:  # by the convention, one is no batch
        span.set_attribute("db.operation.batch.size", len(appends))
    for link in _links([append.trace for append in appends]):
        span.add_link(link.context)


def _links(traces: Iterable[str | None]) -> Iterable[Link]:
    """Links to the first of the different traces."""
    different = dict.fromkeys(trace for trace in traces if trace is not None)
    links = (link_to(trace) for trace in islice(different, _LINKS_AT_MOST))
    return (link for link in links if link is not None)


def _describe_outcomes(span: Span, kinds: Mapping[type[Outcome], int], stored: Sequence[Sequence[Event]]) -> None:
    span.set_attributes({f"threadlog.outcomes.{_OUTCOMES[kind]}": count for kind, count in kinds.items()})
    if stored:
        first, last = min(events[0].position for events in stored), max(events[-1].position for events in stored)
        span.set_attributes({"threadlog.position.first": first, "threadlog.position": last})


def _describe_page(span: Span, events: Sequence[Event]) -> None:
    span.set_attribute("db.response.returned_rows", len(events))
    if events:
        span.set_attribute("threadlog.position", events[-1].position)
