"""A stored thread played back as if it were live. Nothing is appended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import anyio
from fastapi import APIRouter, Query
from starlette.responses import Response

from threadlog.exchange import replay
from threadlog.log import START, Cursor, Event
from threadlog.model import ThreadlogError
from threadlog_server.call import Call, CurrentCall
from threadlog_server.events import chunks
from threadlog_server.parameters import LastEventId, ThreadId
from threadlog_server.problems import detail_of, documented
from threadlog_server.sse import STREAMED, Chunk, EventStream, end

_PAGE = 200

Speed = Annotated[float, Query(gt=0, le=1000, description="How many times faster than it happened.")]
Natural = Annotated[
    bool, Query(description="Play at a pace to read along, whatever the recorded times. So is played what has none.")
]
MaxPause = Annotated[float | None, Query(ge=0, le=3600, description="Longest pause, in seconds of playing.")]


async def replay_thread(
    call: CurrentCall,
    thread_id: ThreadId,
    speed: Speed = 1,
    natural: Natural = False,
    max_pause: MaxPause = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Play a thread back: an event stream as of a live thread, in the timing in which it happened.

    It ends with `event: end` and the reason `replayed`; coming back with the cursor of that is answered 204.
    """
    cursor = Cursor.parse(last_event_id) if last_event_id else START
    page = await call.store.read_events(call.principal, thread_id, after=cursor, limit=1)
    if last_event_id and not page.events and not page.has_more:
        return Response(status_code=204)
    playing = replay(_events(call, thread_id, cursor), speed=speed, natural=natural, max_pause=max_pause)
    return EventStream(_play(playing, cursor), call.service.streams, call.principal, cursor)


def add_routes(router: APIRouter) -> None:
    """Add the routes of replay."""
    router.add_api_route(
        "/threads/{thread_id}/replay",
        replay_thread,
        response_class=Response,
        responses={
            200: {"description": "The thread, played.", "content": STREAMED},
            204: {"description": "All of it has been played; do not come back."},
            **documented(404, 409, 410, 429),
        },
    )


async def _events(call: Call, thread_id: str, cursor: Cursor) -> AsyncGenerator[Event, None]:
    more = True
    while more:
        page = await call.store.read_events(call.principal, thread_id, after=cursor, limit=_PAGE)
        for event in page.events:
            yield event
        cursor, more = page.cursor, page.has_more


async def _play(playing: AsyncGenerator[tuple[float, Event], None], cursor: Cursor) -> AsyncGenerator[Chunk, None]:
    try:
        async with aclosing(playing):
            async for delay, event in playing:
                await anyio.sleep(delay)
                cursor = Cursor.of(event)
                for chunk in chunks((event,), cursor):
                    yield chunk
        yield end("replayed", cursor)
    except ThreadlogError as error:
        yield end("error", cursor, detail=detail_of(error))
