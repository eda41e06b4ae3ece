"""A span and a duration for every HTTP request, by OpenTelemetry's conventions for HTTP servers.

https://opentelemetry.io/docs/specs/semconv/http/

FastAPI's own telemetry keeps the span of an event stream open for as long as the stream, which may be days, and puts
the query on it. Here the span of a stream ends when the stream begins: by then is known what the request led to. How
long streams last is a metric.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.propagate import extract
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer, use_span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadlog_server.sse import MEDIA_TYPE

SCOPE = "threadlog.server"
"""Name of the instrumentation scope."""

UNTRACED = frozenset({"/livez", "/readyz"})
"""Paths of probes, which come every few seconds and say nothing of the work."""

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class HTTPSpans:
    """Traces requests; what is done for a request is traced below it, and it below its caller's ``traceparent``.

    Nothing of a query, a header or a body is put on a span.

    Args:
        app: what is traced.
        tracer_provider: None: the process's.
        meter_provider: None: the process's.
    """

    def __init__(
        self,
        app: ASGIApp,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._app = app
        self._tracer = get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = get_meter(SCOPE, meter_provider=meter_provider)
        self._active = meter.create_up_down_counter(
            "http.server.active_requests", "{request}", "HTTP requests that are being answered, streams included."
        )
        self._requests = meter.create_histogram(
            "http.server.request.duration", "s", "Duration of HTTP requests; of streams, until they begin."
        )
        self._streams = meter.create_histogram("threadlog.stream.duration", "s", "How long event streams last.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and measure it."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            return await self._app(scope, receive, send)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        found = {"http.request.method": method, "url.scheme": scope["scheme"]}
        span = self._tracer.start_span(
            method,
            context=extract(scope, getter=_HEADERS),
            kind=SpanKind.SERVER,
            attributes={**found, "url.path": scope["path"]},
        )
        answer = _Answer(scope, send, span, found)
        self._active.add(1, found)
        try:
            with use_span(span, record_exception=False, set_status_on_exception=False):
                return await self._app(scope, receive, answer.send)
        finally:
            answer.finish()
            self._active.add(-1, found)
            self._requests.record(answer.seconds, answer.found)
            if answer.streams:
                self._streams.record(perf_counter() - answer.began, answer.found)


class _Answer:
    """What is learned of a request while it is answered.

    An exception's message is not looked at: it may hold what no trace may tell.
    """

    def __init__(self, scope: Scope, send: Send, span: Span, found: dict[str, Any]) -> None:
        self._scope, self._send, self._span = scope, send, span
        self.found = dict(found)
        self.began = perf_counter()
        self.seconds = 0.0
        """How long the request took, once it is finished."""
        self.streams = False
        self._finished = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.found["http.response.status_code"] = message["status"]
            self.streams = _is_stream(message)
        await self._send(message)
        if self.streams:
            self.finish()

    def finish(self) -> None:
        """End the span, if it has not ended."""
        if self._finished:
            return
        self._finished = True
        self.seconds = perf_counter() - self.began
        route = getattr(self._scope.get("route"), "path", None)
        if route is not None:
            self.found["http.route"] = route
            self._span.update_name(f"{self.found['http.request.method']} {route}")
        status = self.found.setdefault("http.response.status_code", 500)
        if status >= 500:
            self.found["error.type"] = str(status)
            self._span.set_status(StatusCode.ERROR)
        self._span.set_attributes(self.found)
        self._span.end()


class _Headers(Getter[Scope]):
    """Reads the headers of a request for OpenTelemetry, which asks for two or three by name."""

    def get(self, carrier: Scope, key: str) -> list[str] | None:
        wanted = key.lower().encode()
        return [value.decode("latin-1") for name, value in carrier["headers"] if name == wanted] or None

    def keys(self, carrier: Scope) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier["headers"]]


_HEADERS = _Headers()


def _is_stream(start: Message) -> bool:
    headers: Iterable[tuple[bytes, bytes]] = start.get("headers", ())
    return any(name == b"content-type" and value.startswith(MEDIA_TYPE.encode()) for name, value in headers)
