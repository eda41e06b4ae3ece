"""Traces and metrics of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from threadlog_server.spans import HTTPSpans

pytestmark = pytest.mark.anyio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Where spans go."""
    exporter = InMemorySpanExporter()
    yield exporter
    exporter.shutdown()


def _traced(app: Any, spans: InMemorySpanExporter, reader: InMemoryMetricReader | None = None) -> HTTPSpans:
    tracer = TracerProvider()
    tracer.add_span_processor(SimpleSpanProcessor(spans))
    return HTTPSpans(app, tracer, MeterProvider([reader] if reader else []))


def _app() -> Starlette:
    async def thread(request: Request) -> Response:
        if request.path_params["thread_id"] == "bad":
            raise RuntimeError("password is hunter2")
        return Response("fine")

    return Starlette(routes=[Route("/threads/{thread_id}", thread)])


def _one(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


async def test_a_request_is_a_span_named_by_its_route(serve: Any, spans: Any) -> None:
    """The route and not the path, so that names are few; below the caller's own span."""
    reader = InMemoryMetricReader()
    async with serve(_traced(_app(), spans, reader)) as url, httpx.AsyncClient() as client:
        await client.get(
            f"{url}/threads/thr_1?token=secret", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        )
        metrics = reader.get_metrics_data()
    span = _one(spans)
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.attributes is not None
    assert span.attributes["http.request.method"] == "GET"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["url.path"] == "/threads/thr_1"
    assert "secret" not in span.to_json()
    (metric,) = metrics.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == "http.server.request.duration"
    assert metric.data.data_points[0].count == 1


async def test_a_fault_is_marked_and_its_words_are_kept_back(serve: Any, spans: Any) -> None:
    """An exception's message may hold what no trace may tell."""
    async with serve(_traced(_app(), spans)) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/threads/bad")).status_code == 500
    span = _one(spans)
    assert span.status.status_code is StatusCode.ERROR
    assert "hunter2" not in span.to_json()


async def test_a_method_that_nobody_knows_makes_no_new_name(serve: Any, spans: Any) -> None:
    """Callers cannot fill a metrics store with names of their own making."""
    async with serve(_traced(_app(), spans)) as url, httpx.AsyncClient() as client:
        await client.request("PROPFIND", f"{url}/threads/x")
    assert _one(spans).name.startswith("_OTHER")


async def test_the_command_sends_its_traces_to_a_collector(serve: Any, launch: Any) -> None:
    """Requests, runs and what the log did arrive there, all that was left included when the server ends."""
    names: set[str] = set()

    async def receive(request: Request) -> Response:
        sent = ExportTraceServiceRequest.FromString(await request.body())
        for scope in (scope for resource in sent.resource_spans for scope in resource.scope_spans):
            names.update(span.name for span in scope.spans)
        return Response(media_type="application/x-protobuf")

    async def ignore(request: Request) -> Response:
        return Response(media_type="application/x-protobuf")

    routes = [Route("/v1/traces", receive, methods=["POST"]), Route("/v1/metrics", ignore, methods=["POST"])]
    async with serve(Starlette(routes=routes)) as collector:
        settings = ("telemetry.enabled=true", f"telemetry.endpoint={collector}")
        launched = await asyncio.to_thread(launch, *settings)
        async with httpx.AsyncClient(base_url=launched.url, timeout=30) as client:
            thread_id = (await client.post("/v1/threads", json={})).json()["id"]
            started = await client.post(f"/v1/threads/{thread_id}/messages", json={"text": "What is here?"})
            await client.get(started.headers["location"], headers={"accept": "text/event-stream"})
        assert await asyncio.to_thread(launched.stop) == 0
    assert {"POST /v1/threads", "POST /v1/threads/{thread_id}/messages", "append threadlog"} <= names
    assert any(name.startswith("invoke_agent") for name in names)
