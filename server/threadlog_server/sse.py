"""Server-sent events: their frames, and the response that streams them.

The format is that of the `HTML standard <https://html.spec.whatwg.org/multipage/server-sent-events.html>`_. An event
of the log has its cursor as ``id:`` and no ``event:``, so that an `EventSource` gives it to ``onmessage``; the last
frame of a stream is an ``event: end`` that says why it ends.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

import anyio
import msgspec
from msgspec import Struct
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from threadlog.log import Cursor
from threadlog.store.access import Principal
from threadlog_server import problems
from threadlog_server.errors import TooManyStreams
from threadlog_server.streams import Streams

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"
OPENING = b":\n\n"
"""The first bytes of every stream: a comment, which makes proxies pass the headers on."""

STREAMED: dict[str, Any] = {
    MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "title": "StreamedEvent",
            "description": "One event of the stream.",
            "required": ["data"],
            "properties": {
                "id": {"type": "string", "description": "A cursor: send it as `Last-Event-ID` when you come back."},
                "event": {"type": "string", "enum": ["message", "end"], "description": "`end` for the last one."},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "description": "The event as pages show it; with `end`, the `reason`, the `cursor`, and what else "
                    "there is to say: `run_id`, `detail`.",
                },
            },
        }
    }
}
"""How the API's description calls a stream."""

LAST_WORDS = 2.0
"""Seconds that a viewer has to take the end of a stream that the server ends."""

Reason: TypeAlias = Literal[
    "completed", "failed", "cancelled", "interrupted", "idle", "deleted", "replayed", "shutdown", "error"
]
"""Why a stream ends: how the awaited run ended, or ``idle`` where there is none; the thread was ``deleted``; the
replay is over; the server's ``shutdown``, after which one comes back; or an ``error``, which coming back will name."""


class Chunk(Struct, frozen=True):
    """Some whole frames, and where a viewer stands who has got them."""

    data: bytes
    cursor: Cursor


class End(Struct, frozen=True, omit_defaults=True):
    """The payload of the last frame."""

    reason: Reason
    cursor: str
    run_id: str | None = None
    detail: str | None = None


def message(data: bytes, cursor: str) -> bytes:
    """The frame of one event of the log; `data` is JSON on one line."""
    return b"id: %b\ndata: %b\n\n" % (cursor.encode(), data)


def end(reason: Reason, cursor: Cursor, *, run_id: str | None = None, detail: str | None = None) -> Chunk:
    """The last frame of a stream."""
    data = msgspec.json.encode(End(reason, str(cursor), run_id, detail))
    return Chunk(b"id: %b\nevent: end\ndata: %b\n\n" % (str(cursor).encode(), data), cursor)


class EventStream(Response):
    """Streams chunks to one viewer, with heartbeats, until they end, the viewer leaves or the server stops.

    A viewer that does not read holds up its own chunks and nobody else's: sending waits for it, and while it waits
    the generator is not asked for more.

    Args:
        chunks: what to send; closed in the end, whatever happens.
        streams: the server's open streams, of which this will be one.
        principal: who watches.
        start: where the viewer stands before the first chunk.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, chunks: AsyncGenerator[Chunk, None], streams: Streams, principal: Principal, start: Cursor
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._chunks, self._streams, self._principal, self._cursor = chunks, streams, principal, start
        self._quiet = True
        self._gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        async with aclosing(self._chunks):
            try:
                with self._streams.taken(self._principal) as leaving:
                    await self._stream(receive, send, leaving)
            except TooManyStreams as error:
                refusal = problems.of_error(error)
                assert refusal is not None
                await refusal(scope, receive, send)

    async def _stream(self, receive: Receive, send: Send, leaving: anyio.CancelScope) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_body(OPENING))
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen, receive, group.cancel_scope)
            group.start_soon(self._beat, send)
            with leaving:
                await self._pump(send)
            group.cancel_scope.cancel()
        if self._gone:
            return
        with anyio.move_on_after(LAST_WORDS):
            if leaving.cancelled_caught:
                await send(_body(end("shutdown", self._cursor).data))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        async for chunk in self._chunks:
            await send(_body(chunk.data))
            self._cursor = chunk.cursor
            self._quiet = False

    async def _listen(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        scope.cancel()

    async def _beat(self, send: Send) -> None:
        while True:
            await anyio.sleep(self._streams.heartbeat)
            if self._quiet:
                await send(_body(HEARTBEAT))
            self._quiet = True


def _body(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}
