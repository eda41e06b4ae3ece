"""Threads: made, listed, read, changed and deleted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.model import (
    ActiveStatus,
    Page,
    Thread,
    ThreadEvent,
    ThreadMetadata,
    ThreadStatus,
    ThreadUpdatedEvent,
    derived_id,
)
from threadlog.projection import ThreadState
from threadlog_server.call import CurrentCall
from threadlog_server.parameters import AfterId, IdempotencyKey, Limit, Order, ThreadId
from threadlog_server.problems import documented
from threadlog_server.routes import json_response

Title = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewThread(BaseModel):
    """A thread to be made."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    title: Title | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Your own data."""


class ThreadChange(BaseModel):
    """What is to change in a thread; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    title: Title | None = None
    """null takes it away."""
    status: ThreadStatus = Field(default_factory=ActiveStatus)
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Your own data, in place of what was there."""


async def create_thread(
    call: CurrentCall,
    request: Request,
    new: Annotated[NewThread | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Make a thread, which is yours."""
    new = new or NewThread()
    append_id = None if idempotency_key is None else derived_id("append", idempotency_key)
    thread = await call.store.create_thread(call.principal, title=new.title, metadata=new.metadata, append_id=append_id)
    return json_response(thread, 201, {"location": f"{request.url.path}/{thread.id}"})


async def list_threads(call: CurrentCall, limit: Limit = 20, after: AfterId = None, order: Order = "desc") -> Response:
    """List your threads, in the order in which they were made."""
    limit = min(limit, call.service.limits.page)
    return json_response(await call.store.load_threads(call.principal, limit=limit, after=after, order=order))


async def read_thread(call: CurrentCall, thread_id: ThreadId) -> Response:
    """Read what is known of a thread; its items have pages of their own."""
    return json_response(await call.store.load_thread(call.principal, thread_id))


async def update_thread(call: CurrentCall, thread_id: ThreadId, change: ThreadChange) -> Response:
    """Change a thread's title, status or metadata."""

    def decide(state: ThreadState) -> list[ThreadEvent]:
        assert state.metadata is not None
        thread = _changed(state.metadata, change)
        same = thread.model_dump(exclude={"items"}) == state.metadata.model_dump()
        return [] if same else [ThreadUpdatedEvent(thread=thread)]

    decision = await call.store.decide(call.principal, thread_id, decide)
    assert decision.state.metadata is not None
    return json_response(decision.state.metadata)


async def delete_thread(call: CurrentCall, thread_id: ThreadId) -> Response:
    """Delete a thread. Its events stay in the log, for auditors alone."""
    await call.store.delete_thread(call.principal, thread_id)
    return Response(status_code=204)


def add_routes(router: APIRouter) -> None:
    """Add the routes of threads."""
    one = {"model": ThreadMetadata, "description": "The thread."}
    router.add_api_route(
        "/threads",
        create_thread,
        methods=["POST"],
        status_code=201,
        response_model=ThreadMetadata,
        response_description="The new thread.",
        responses=documented(409),
    )
    router.add_api_route("/threads", list_threads, response_model=Page[ThreadMetadata], responses=documented(404))
    path = "/threads/{thread_id}"
    router.add_api_route(path, read_thread, responses={200: one, **documented(404, 410)})
    router.add_api_route(path, update_thread, methods=["PATCH"], responses={200: one, **documented(404, 409, 410)})
    router.add_api_route(path, delete_thread, methods=["DELETE"], status_code=204, responses=documented(404, 410))


def _changed(thread: ThreadMetadata, change: ThreadChange) -> Thread:
    """The thread as it is to be, in the form in which events carry it."""
    known = {name: getattr(thread, name) for name in thread.model_fields_set} | (thread.model_extra or {})
    new = {name: getattr(change, name) for name in change.model_fields_set}
    return Thread(**{**known, **new, "items": Page()})
