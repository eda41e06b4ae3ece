"""Events of a thread, as JSON pages and as streams: what is shown is what the log holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.log import START, Cursor, Event
from threadlog.model import ThreadlogError
from threadlog.store import EventPage, ThreadDeleted, ThreadNotFound, VisibleBatch
from threadlog.store.wire import encode_event
from threadlog_server.call import Call, CurrentCall
from threadlog_server.parameters import AfterCursor, LastEventId, Limit, ThreadId
from threadlog_server.problems import detail_of, documented
from threadlog_server.runwatch import RunWatch
from threadlog_server.sse import STREAMED, Chunk, EventStream, end, message

CHUNK_BYTES = 64 * 1024
"""How much is given to a connection at once: what a viewer who does not read holds in memory, beside the web
server's own buffer of the same size."""

Until = Annotated[
    Literal["run-end"] | None,
    Query(
        description="For streams: `run-end` ends the stream once you have everything and no run is active; coming "
        "back with the cursor of its `end` is answered 204."
    ),
]


class ShownEvent(BaseModel):
    """One event of a thread."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int = Field(ge=1)
    """Its number in the thread. Seqs rise and may skip: not every event is for you."""
    cursor: str
    """Come back with it to get what follows."""
    id: str
    type: str
    version: int = Field(ge=1)
    """Of the payload's schema."""
    time: datetime
    actor: str | None
    """Who did it: `user:alice`, `agent:folder`."""
    run_id: str | None
    data: dict[str, Any]
    """The payload; its `type` says what else it has."""


class ShownEvents(BaseModel):
    """Some events of a thread."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    data: list[ShownEvent]
    cursor: str
    """How far this page has looked: ask for what comes after it."""
    has_more: bool


async def read_events(
    call: CurrentCall,
    thread_id: ThreadId,
    after: AfterCursor = None,
    last_event_id: LastEventId = None,
    limit: Limit = 100,
    until: Until = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "*/*",
) -> Response:
    """Read a page of a thread's events; or, with `Accept: text/event-stream`, follow them as they happen.

    In a stream every event has its cursor as `id:` and its JSON, the same as in pages, as `data:`. Comments keep the
    connection alive. A stream that ends says so with `event: end`, whose data has the `reason`: `completed`, `failed`,
    `cancelled`, `interrupted` or `idle` (with `until=run-end`), `deleted`, `shutdown` (come back), or `error`.
    """
    cursor = await _cursor(call, thread_id, last_event_id or after)
    if wants_stream(accept):
        return await _stream(call, thread_id, cursor, until)
    limit = min(limit, call.service.limits.page)
    page = await call.store.read_events(call.principal, thread_id, after=cursor, limit=limit)
    return Response(_page(page), media_type="application/json")


def add_routes(router: APIRouter) -> None:
    """Add the routes of events."""
    router.add_api_route(
        "/threads/{thread_id}/events",
        read_events,
        response_model=ShownEvents,
        response_description="A page of events, or a stream of them.",
        responses={
            200: {"content": STREAMED},
            204: {"description": "For a stream: the run has ended and you have everything; do not come back."},
            **documented(404, 409, 410, 429),
        },
    )


def wants_stream(accept: str) -> bool:
    """Whether an ``Accept`` header names event streams, and nothing that it likes better (RFC 9110, 12.5.1)."""
    liked = {"text/event-stream": 0.0, "application/json": 0.0}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in liked:
            liked[name] = next((_quality(piece) for piece in parameters if piece.startswith("q=")), 1.0)
    return liked["text/event-stream"] > 0 and liked["text/event-stream"] >= liked["application/json"]


def chunks(events: Sequence[Event], last: Cursor) -> list[Chunk]:
    """The frames of events in chunks of about `CHUNK_BYTES`; after the last of them a viewer stands at `last`."""
    found: list[Chunk] = []
    frames: list[bytes] = []
    size = 0
    for event in events:
        frame = message(encode_event(event), f"{event.seq}-{event.check}")
        frames.append(frame)
        size += len(frame)
        if size >= CHUNK_BYTES:
            found.append(Chunk(b"".join(frames), Cursor.of(event)))
            frames, size = [], 0
    if frames:
        found.append(Chunk(b"".join(frames), last))
    return found


async def _cursor(call: Call, thread_id: str, text: str | None) -> Cursor:
    if text is None:
        return START
    if text != "now":
        return Cursor.parse(text)
    state = await call.store.state(call.principal, thread_id)
    return state.cursor


async def _stream(call: Call, thread_id: str, cursor: Cursor, until: str | None) -> Response:
    # Whoever may not read, and whose cursor is of another history, is to learn it by the status.
    await call.store.read_events(call.principal, thread_id, after=cursor, limit=1)
    watch = None
    if until is not None:
        watch = RunWatch(await call.store.state(call.principal, thread_id))
        if watch.is_over(cursor.seq):
            return Response(status_code=204)
    return EventStream(_follow(call, thread_id, cursor, watch), call.service.streams, call.principal, cursor)


async def _follow(call: Call, thread_id: str, cursor: Cursor, watch: RunWatch | None) -> AsyncGenerator[Chunk, None]:
    try:
        async with aclosing(call.store.follow(call.principal, thread_id, after=cursor)) as batches:
            async for batch in batches:
                for chunk in _encoded(batch):
                    yield chunk
                cursor = batch.cursor
                if watch is not None and (ended := watch.see(batch)):
                    yield end(ended.reason, cursor, run_id=ended.run_id)
                    return
        yield end("shutdown", cursor)
    except (ThreadDeleted, ThreadNotFound) as error:
        yield end("deleted", cursor, detail=detail_of(error))
    except ThreadlogError as error:
        yield end("error", cursor, detail=detail_of(error))


def _encoded(batch: VisibleBatch) -> list[Chunk]:
    """A batch in chunks, encoded once for all its viewers."""
    found: list[Chunk] | None = batch.memo.get("sse")
    if found is None:
        found = batch.memo["sse"] = chunks(batch.events, batch.cursor)
    return found


def _page(page: EventPage) -> bytes:
    data = b",".join(encode_event(event) for event in page.events)
    more = b"true" if page.has_more else b"false"
    return b'{"data":[%b],"cursor":"%b","has_more":%b}' % (data, str(page.cursor).encode(), more)


def _quality(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0
