"""One operation: its span and its duration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token
from time import perf_counter
from types import TracebackType

from opentelemetry.context import Context, attach, detach
from opentelemetry.metrics import Histogram
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from threadlog.log.errors import LogError


class Operation:
    """Measures what happens in its ``with`` block; the span is the current one there.

    Args:
        attributes: few different ones, for they are on the span and on the duration.
    """

    __slots__ = ("_attributes", "_began", "_duration", "_kind", "_name", "_span", "_token", "_tracer")

    _span: Span
    _began: float

    def __init__(
        self,
        name: str,
        tracer: Tracer,
        duration: Histogram,
        attributes: dict[str, str],
        kind: SpanKind = SpanKind.CLIENT,
    ) -> None:
        self._name, self._tracer, self._duration, self._attributes = name, tracer, duration, attributes
        self._kind = kind
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        self._span = self._tracer.start_span(self._name, kind=self._kind, attributes=self._attributes)
        if self._span.is_recording():
            self._token = attach(set_span_in_context(self._span))
        self._began = perf_counter()
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._began
        attributes = self._attributes
        if kind is not None:
            attributes = {**attributes, "error.type": kind.__qualname__}
        self._duration.record(seconds, attributes)
        if self._token is not None:
            detach(self._token)
            _end(self._span, error)


@contextmanager
def current(span: Span) -> Iterator[None]:
    """Make a recording span the current one in a ``with`` block, and end it with that."""
    token = attach(set_span_in_context(span))
    failed: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failed = error
        raise
    finally:
        detach(token)
        _end(span, failed)


def _end(span: Span, error: BaseException | None) -> None:
    """End a span, telling what it failed with."""
    if error is not None:
        span.set_attribute("error.type", type(error).__qualname__)
        # Only our own errors are known to hold no secret.
        span.set_status(Status(StatusCode.ERROR, str(error) if isinstance(error, LogError) else None))
    span.end()
