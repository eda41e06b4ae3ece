"""A collector of OTLP over HTTP with protobuf, behind a real web server, that keeps what it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Sent:
    """One span as it was sent."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: set[str]
    """Ids of the spans that it links to."""


@dataclass
class Collector:
    """Everything that was sent."""

    spans: list[Sent] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    resource: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    bodies: bytes = b""

    @property
    def app(self) -> Starlette:
        """The collector's application."""
        return Starlette(
            routes=[
                Route("/v1/traces", self._traces, methods=["POST"]),
                Route("/v1/metrics", self._metrics, methods=["POST"]),
            ]
        )

    def named(self, name: str) -> list[Sent]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    async def _traces(self, request: Request) -> Response:
        for resource in ExportTraceServiceRequest.FromString(await self._body(request)).resource_spans:
            self.resource = _plain(resource.resource.attributes)
            self.spans += [_sent(span) for scope in resource.scope_spans for span in scope.spans]
        return Response(media_type="application/x-protobuf")

    async def _metrics(self, request: Request) -> Response:
        for resource in ExportMetricsServiceRequest.FromString(await self._body(request)).resource_metrics:
            self.metrics |= {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
        return Response(media_type="application/x-protobuf")

    async def _body(self, request: Request) -> bytes:
        body = await request.body()
        self.bodies += body
        self.headers |= dict(request.headers)
        return body


def _sent(span: Span) -> Sent:
    return Sent(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _plain(span.attributes),
        {link.span_id.hex() for link in span.links},
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
