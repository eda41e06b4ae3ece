"""A store that is measured: what it writes, reads and folds, each with a span and a duration.

These classes do what those do from which they are made, in a span. On spans are the thread and its numbers, and
nothing of what is in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import Span, SpanKind, TracerProvider, get_tracer

from threadlog.log import Appended, Committer, Cursor, Duplicate, Event, EventLog, Expected, Feeds, NewEvent, Outcome
from threadlog.log.telemetry import Operation, current, gauge, note_events
from threadlog.model import Registry
from threadlog.projection import CacheBounds, StateCache, ThreadState
from threadlog.store.access import Principal
from threadlog.store.reading import Reader
from threadlog.store.sending import Draft, Sender, WriteBounds
from threadlog.store.values import EventPage, ItemVersion

SCOPE = "threadlog.store"
"""Name of the instrumentation scope."""


_APPEND = {"threadlog.operation": "append"}


class StoreTelemetry:
    """The instruments of one store.

    Args:
        tracer_provider: None: the process's.
        meter_provider: None: the process's.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer = get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._meter = get_meter(SCOPE, meter_provider=meter_provider)
        self._duration = self._meter.create_histogram(
            "threadlog.store.operation.duration", "s", "Duration of one operation of the thread store."
        )
        self._append_duration = self._meter.create_histogram(
            "threadlog.append.duration", "s", "From acceptance to answer, of the append of a flush that waited longest."
        )

    def operation(self, name: str) -> Operation:
        """Measures what is done in its ``with`` block."""
        attributes = {"threadlog.operation": name}
        return Operation(f"store.{name}", self._tracer, self._duration, attributes, SpanKind.INTERNAL)

    def start_append(self) -> Span:
        """The span of one append. Of its duration `answered` is told; to record each costs more than the append."""
        return self._tracer.start_span("store.append", attributes=_APPEND)

    def answered(self, seconds: float) -> None:
        """A flush has been answered; `seconds`: what its slowest append took."""
        self._append_duration.record(seconds)

    def observe(self, cache: StateCache) -> None:
        """Let what a cache holds be collected for as long as it lives."""
        gauge(self._meter, "threadlog.projection.lag", "{event}", cache, lambda c: c.stats.pending)
        gauge(self._meter, "threadlog.projection.states", "{thread}", cache, lambda c: c.stats.states)
        gauge(self._meter, "threadlog.projection.bytes", "By", cache, lambda c: c.stats.bytes)


class TracedSender(Sender):
    """Spans ``store.append`` and ``store.decide``; events carry the trace of the former."""

    def __init__(
        self, log: EventLog, committer: Committer, cache: StateCache, bounds: WriteBounds, telemetry: StoreTelemetry
    ) -> None:
        super().__init__(log, committer, cache, bounds)
        self._telemetry = telemetry

    def send(
        self,
        principal: Principal,
        thread_id: str,
        events: Sequence[NewEvent],
        expected: Expected,
        append_id: str,
        run_id: str | None = None,
    ) -> Coroutine[Any, Any, Outcome]:
        """See `Sender.send`."""
        sending = partial(super().send, principal, thread_id, events, expected, append_id, run_id)
        span = self._telemetry.start_append()
        return self._send_in(span, thread_id, sending) if span.is_recording() else sending()

    async def _send_in(self, span: Span, thread_id: str, sending: Callable[[], Awaitable[Outcome]]) -> Outcome:
        with current(span):
            outcome = await sending()
            _note_outcome(span, thread_id, outcome)
            return outcome

    async def decide(
        self,
        principal: Principal,
        thread_id: str,
        draft: Draft,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[tuple[Event, ...], ThreadState]:
        """See `Sender.decide`."""
        with self._telemetry.operation("decide") as span:
            events, state = await super().decide(principal, thread_id, draft, append_id, run_id)
            _note_state(span, state)
            return events, state


class TracedCache(StateCache):
    """Spans ``store.load``, and ``store.fold`` where a state is made from the log and not merely caught up."""

    def __init__(self, log: EventLog, registry: Registry, bounds: CacheBounds, telemetry: StoreTelemetry) -> None:
        super().__init__(log, registry, bounds=bounds)
        self._telemetry = telemetry
        telemetry.observe(self)

    async def load(self, tenant: str, thread_id: str) -> ThreadState:
        """See `StateCache.load`."""
        with self._telemetry.operation("load") as span:
            state = await super().load(tenant, thread_id)
            _note_state(span, state)
            return state

    async def load_at(self, tenant: str, thread_id: str, seq: int) -> ThreadState:
        """See `StateCache.load_at`."""
        with self._telemetry.operation("fold") as span:
            state = await super().load_at(tenant, thread_id, seq)
            _note_state(span, state)
            return state

    async def _fold(self, key: tuple[str, str]) -> tuple[ThreadState, int]:
        with self._telemetry.operation("fold") as span:
            state, saved_seq = await super()._fold(key)
            _note_state(span, state)
            span.set_attribute("threadlog.snapshot.seq", saved_seq)
            return state, saved_seq


class TracedReader(Reader):
    """Spans ``store.read_events``, ``store.item_history``, and ``store.follow`` for the beginning of a feed."""

    def __init__(
        self, log: EventLog, registry: Registry, cache: StateCache, feeds: Feeds, telemetry: StoreTelemetry
    ) -> None:
        super().__init__(log, registry, cache, feeds)
        self._telemetry = telemetry

    async def history(self, principal: Principal, thread_id: str, item_id: str) -> list[ItemVersion]:
        """See `Reader.history`."""
        with self._telemetry.operation("item_history") as span:
            versions = await super().history(principal, thread_id, item_id)
            span.set_attribute("threadlog.thread.id", thread_id)
            return versions

    async def page(self, principal: Principal, thread_id: str, after: Cursor, limit: int) -> EventPage:
        """See `Reader.page`."""
        with self._telemetry.operation("read_events") as span:
            page = await super().page(principal, thread_id, after, limit)
            _note_seq(span, thread_id, page.cursor.seq)
            return page

    async def begin(self, principal: Principal, thread_id: str, after: Cursor | None) -> Cursor:
        """See `Reader.begin`."""
        with self._telemetry.operation("follow") as span:
            start = await super().begin(principal, thread_id, after)
            _note_seq(span, thread_id, start.seq)
            return start


def _note_outcome(span: Span, thread_id: str, outcome: Outcome) -> None:
    span.set_attribute("threadlog.outcome", type(outcome).__name__.lower())
    if isinstance(outcome, Appended | Duplicate):
        span.set_attribute("threadlog.events", len(outcome.events))
        note_events(outcome.events, span)
    else:
        span.set_attribute("threadlog.thread.id", thread_id)


def _note_state(span: Span, state: ThreadState) -> None:
    _note_seq(span, state.thread_id, state.seq)


def _note_seq(span: Span, thread_id: str, seq: int) -> None:
    if span.is_recording():
        span.set_attributes({"threadlog.thread.id": thread_id, "threadlog.seq": seq})
