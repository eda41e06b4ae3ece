"""Event streams: their frames, their heartbeats, their ends, and viewers who do not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from threadlog.log import START, Cursor
from threadlog.store import Principal
from threadlog_server.sse import HEARTBEAT, OPENING, Chunk, EventStream, end, message
from threadlog_server.streams import Streams

pytestmark = pytest.mark.anyio

ALICE, BOB = Principal("acme", "alice"), Principal("acme", "bob")


def _streams(most: int = 10, most_of_one: int = 10, heartbeat: float = 60) -> Streams:
    return Streams(most, most_of_one, heartbeat)


def _app(streams: Streams, source: Any, principal: Principal = ALICE) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await EventStream(source(), streams, principal, START)(scope, receive, send)

    return app


def _chunk(seq: int) -> Chunk:
    return Chunk(message(b'{"n":%d}' % seq, f"{seq}-0000000{seq}"), Cursor(seq, f"0000000{seq}"))


async def _endless() -> AsyncGenerator[Chunk, None]:
    yield _chunk(1)
    await asyncio.Event().wait()


async def _first(response: httpx.Response) -> bytes:
    """The first piece of a body. The connection stays open: an iterator that is dropped would close it."""
    response.extensions["pieces"] = pieces = response.aiter_raw()
    return await anext(pieces)


async def test_a_stream_is_frames_that_an_event_source_reads(serve: Any) -> None:
    """Each event has its cursor as id and its JSON as data; the last frame says why the stream ends."""

    async def two() -> AsyncGenerator[Chunk, None]:
        yield _chunk(1)
        yield _chunk(2)
        yield end("completed", Cursor(2, "00000002"), run_id="run_a")

    async with serve(_app(_streams(), two)) as url, httpx.AsyncClient() as client:
        response = await client.get(url)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-store"
    assert response.text == (
        ":\n\n"
        'id: 1-00000001\ndata: {"n":1}\n\n'
        'id: 2-00000002\ndata: {"n":2}\n\n'
        'id: 2-00000002\nevent: end\ndata: {"reason":"completed","cursor":"2-00000002","run_id":"run_a"}\n\n'
    )


async def test_silence_is_filled_with_comments(serve: Any) -> None:
    """Proxies and clients see that the stream lives, and an event source takes no notice of it."""
    async with (
        serve(_app(streams := _streams(heartbeat=0.05), _endless)) as url,
        httpx.AsyncClient() as client,
        client.stream("GET", url) as response,
    ):
        received = b""
        async for piece in response.aiter_raw():
            received += piece
            if received.count(HEARTBEAT) >= 3:
                break
        assert received.startswith(OPENING + _chunk(1).data + HEARTBEAT)
        streams.end()


async def test_a_stopping_server_says_so_and_ends(serve: Any) -> None:
    """Every open stream gets a last frame with the place from which to go on; so does one that comes too late."""
    streams = _streams()
    async with serve(_app(streams, _endless)) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", url) as response:
            pieces = response.aiter_text()
            received = await anext(pieces)
            while "data" not in received:
                received += await anext(pieces)
            streams.end()
            received += "".join([piece async for piece in pieces])
        assert received.endswith('event: end\ndata: {"reason":"shutdown","cursor":"1-00000001"}\n\n')
        late = await client.get(url)
        assert '"reason":"shutdown"' in late.text.splitlines()[-2]
    assert len(streams) == 0


async def test_a_viewer_who_leaves_ends_the_source(serve: Any, until: Any) -> None:
    """Nothing goes on for a viewer who is gone: the generator is closed and the place is free."""
    closed = asyncio.Event()
    streams = _streams()

    async def source() -> AsyncGenerator[Chunk, None]:
        try:
            yield _chunk(1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with serve(_app(streams, source)) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", url) as response:
            await _first(response)
            assert len(streams) == 1
        await asyncio.wait_for(closed.wait(), 20)
        await until(lambda: not len(streams))


async def test_a_viewer_who_does_not_read_is_waited_for(serve: Any) -> None:
    """The source is asked for no more than the connection takes, and goes on where it stood."""
    asked = 0
    chunk = message(b'"' + b"x" * 65_000 + b'"', "1")
    total = 2_000

    async def source() -> AsyncGenerator[Chunk, None]:
        nonlocal asked
        for asked in range(1, total + 1):
            yield Chunk(chunk, Cursor(asked))

    async with serve(_app(_streams(), source)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        before = -1
        while asked != before or not asked:
            before = asked
            await asyncio.sleep(0.2)
        assert asked < total / 2, "what the kernel's buffers hold, and no more"
        received = 0
        while piece := await reader.read(1 << 20):
            received += piece.count(b"id: 1\n")
        writer.close()
        await writer.wait_closed()
    assert asked == total
    assert received >= total - 40, "ids may be cut between two reads, and are then not counted"


async def test_streams_are_bounded_in_all_and_for_each_user(serve: Any, until: Any) -> None:
    """One more than there may be is refused with a problem, and a place that was left can be taken."""
    streams = _streams(most=2, most_of_one=1)
    async with (
        serve(_app(streams, _endless, ALICE)) as alices,
        serve(_app(streams, _endless, BOB)) as bobs,
        serve(_app(streams, _endless, Principal("other", "alice"))) as others,
        httpx.AsyncClient() as client,
    ):
        async with client.stream("GET", alices) as response:
            await _first(response)
            refused = await client.get(alices)
            assert refused.status_code == 429
            assert refused.json()["type"] == "urn:threadlog:problem:too-many-streams"
            assert "retry-after" in refused.headers
            async with client.stream("GET", bobs) as second:
                await _first(second)
                assert (await client.get(others)).status_code == 429
        await until(lambda: not len(streams))
        async with client.stream("GET", alices) as response:
            assert response.status_code == 200
        streams.end()
