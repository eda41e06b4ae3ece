"""How an event and its trace find each other: the trace in the event, the event's numbers on the span."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.trace import Link, Span, SpanContext, TraceFlags, get_current_span

from threadlog.log.envelope import Event

SCOPE = "threadlog.log"
"""Name of the instrumentation scope."""


def current_traceparent() -> str | None:
    """The current span as a W3C ``traceparent`` for `Append.trace`; None where no trace is recorded."""
    context = get_current_span().get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def note_events(events: Sequence[Event], span: Span | None = None) -> None:
    """Put the numbers of the last of some events of one thread on a span (None: the current one)."""
    span = span or get_current_span()
    if events and span.is_recording():
        last = events[-1]
        span.set_attributes(
            {
                "threadlog.thread.id": last.thread_id,
                "threadlog.seq": last.seq,
                "threadlog.shard": last.shard,
                "threadlog.position": last.position,
            }
        )


def link_to(traceparent: str) -> Link | None:
    """A link to the span that a ``traceparent`` names; None where it names none."""
    parts = traceparent.split("-")
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:  # whoever wrote the event may have put anything there
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return Link(context) if context.is_valid else None
