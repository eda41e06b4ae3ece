"""Spans and metrics of HTTP requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.trace import StatusCode, get_current_span
from starlette.responses import StreamingResponse

from telemetry import Taken, attributes
from threadlog_server.spans import HTTPSpans

pytestmark = pytest.mark.anyio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@pytest.fixture
def taken() -> Iterator[Taken]:
    """What the middleware tells."""
    taken = Taken()
    yield taken
    taken.close()


@pytest.fixture
def go_on() -> asyncio.Event:
    """Lets the stream of the application end."""
    return asyncio.Event()


@pytest.fixture
def app(taken: Taken, go_on: asyncio.Event) -> HTTPSpans:
    """A small application that is traced."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False})

    @app.get("/threads/{thread_id}")
    async def thread(thread_id: str) -> str:
        if thread_id == "bad":
            raise RuntimeError("password is hunter2")
        return f"{get_current_span().get_span_context().span_id:016x}"

    @app.get("/threads/{thread_id}/events")
    async def events(thread_id: str) -> StreamingResponse:
        async def frames() -> AsyncIterator[bytes]:
            yield b":\n\n"
            await go_on.wait()

        return StreamingResponse(frames(), media_type="text/event-stream")

    @app.get("/livez")
    async def livez() -> str:
        return "yes"

    return HTTPSpans(app, taken.tracers, taken.meters)


async def test_a_request_is_a_span_named_by_its_route(serve: Any, app: HTTPSpans, taken: Taken) -> None:
    """The route and not the path, so that names are few; below the caller's span, and current while it is served."""
    async with serve(app) as url, httpx.AsyncClient() as client:
        answer = await client.get(
            f"{url}/threads/thr_1?token=secret", headers={"traceparent": f"00-{TRACE}-{CALLER}-01"}
        )
    span = taken.one("GET /threads/{thread_id}")
    assert answer.json() == f"{span.context.span_id:016x}"
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == CALLER
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/threads/{thread_id}",
        "url.path": "/threads/thr_1",
        "url.scheme": "http",
    }
    (duration,) = taken.points("http.server.request.duration")
    assert (duration.count, duration.attributes["http.route"]) == (1, "/threads/{thread_id}")
    (active,) = taken.points("http.server.active_requests")
    assert active.value == 0


async def test_a_fault_is_marked_and_its_words_are_kept_back(serve: Any, app: HTTPSpans, taken: Taken) -> None:
    """An exception's message may hold what no trace may tell."""
    async with serve(app) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/threads/bad")).status_code == 500
    span = taken.one("GET /threads/{thread_id}")
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "500"
    assert "hunter2" not in span.to_json()


async def test_a_method_that_nobody_knows_makes_no_new_name(serve: Any, app: HTTPSpans, taken: Taken) -> None:
    """Callers cannot fill a metrics store with names of their own making."""
    async with serve(app) as url, httpx.AsyncClient() as client:
        await client.request("PROPFIND", f"{url}/nowhere")
    (span,) = taken.spans
    assert span.name.startswith("_OTHER")


async def test_the_span_of_a_stream_ends_when_the_stream_begins(
    serve: Any, app: HTTPSpans, taken: Taken, go_on: asyncio.Event
) -> None:
    """A viewer may stay for days; how long it stayed is a metric, once it is known."""
    path = "/threads/{thread_id}/events"
    async with serve(app) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", f"{url}/threads/thr_1/events") as response:
            async for _ in response.aiter_raw():
                break
            assert attributes(taken.one(f"GET {path}"))["http.response.status_code"] == 200
            (active,) = taken.points("http.server.active_requests")
            assert active.value == 1
            assert not taken.points("threadlog.stream.duration")
        go_on.set()
    (lasted,) = taken.points("threadlog.stream.duration")
    assert (lasted.count, lasted.attributes["http.route"]) == (1, path)
    assert len(taken.spans) == 1


async def test_probes_are_not_traced(serve: Any, app: HTTPSpans, taken: Taken) -> None:
    """They come every few seconds and would drown the rest."""
    async with serve(app) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/livez")).status_code == 200
    assert not taken.spans
    assert not taken.points("http.server.request.duration")
