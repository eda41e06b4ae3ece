"""A span and a duration for every HTTP request, by OpenTelemetry's conventions for HTTP servers.

https://opentelemetry.io/docs/specs/semconv/http/
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCOPE = "threadlog.server"
"""Name of the instrumentation scope."""

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class HTTPSpans:
    """Traces requests; what is done for a request is traced below it, and it below its caller's ``traceparent``.

    The span of an event stream is as long as the stream. Nothing of a query, a header or a body is put on a span.

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
        self._duration = get_meter(SCOPE, meter_provider=meter_provider).create_histogram(
            "http.server.request.duration", "s", "Duration of HTTP requests."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and measure it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        found: dict[str, Any] = {"http.request.method": method, "url.scheme": scope["scheme"]}

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                found["http.response.status_code"] = message["status"]
            await send(message)

        began = perf_counter()
        with self._tracer.start_as_current_span(
            method,
            context=extract(dict(Headers(scope=scope))),
            kind=SpanKind.SERVER,
            attributes={**found, "url.path": scope["path"]},
            record_exception=False,  # its message may hold what no trace may tell
            set_status_on_exception=False,
        ) as span:
            try:
                return await self._app(scope, receive, watched)
            finally:
                self._end(scope, span, found, perf_counter() - began)

    def _end(self, scope: Scope, span: Span, found: dict[str, Any], seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None)
        if route is not None:
            found["http.route"] = route
            span.update_name(f"{found['http.request.method']} {route}")
        status = found.setdefault("http.response.status_code", 500)
        span.set_attributes(found)
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        self._duration.record(seconds, found)
