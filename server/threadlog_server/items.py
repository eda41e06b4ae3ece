"""Items of a thread: pages of them, one of them, and what one has been."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.model import OpenItem, Page
from threadlog.store import ItemVersion
from threadlog_server.call import CurrentCall
from threadlog_server.parameters import MAX_SEQ, AfterId, ItemId, Limit, Order, ThreadId
from threadlog_server.problems import documented
from threadlog_server.routes import json_response

AfterSeq = Annotated[int, Query(ge=0, le=MAX_SEQ, description="Give what comes after this seq.")]


class Version(BaseModel):
    """An item as one event left it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int = Field(ge=1)
    """The event."""
    time: datetime
    actor: str | None
    """Who did it."""
    event_type: str
    item: OpenItem | None
    """null once it is removed."""

    @classmethod
    def of(cls, version: ItemVersion) -> Version:
        """A version as it is shown."""
        return cls(
            seq=version.seq,
            time=version.time,
            actor=version.actor,
            event_type=version.event_type,
            item=version.item,
        )


class History(BaseModel):
    """What an item has been, oldest version first."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    data: list[Version]
    has_more: bool
    """Whether there are later versions than these."""


async def list_items(
    call: CurrentCall, thread_id: ThreadId, limit: Limit = 20, after: AfterId = None, order: Order = "asc"
) -> Response:
    """List a thread's items in their order. Text that is being streamed is there as far as it has come."""
    limit = min(limit, call.service.limits.page)
    page = await call.store.load_thread_items(call.principal, thread_id, limit=limit, after=after, order=order)
    return json_response(page)


async def read_item(call: CurrentCall, thread_id: ThreadId, item_id: ItemId) -> Response:
    """Read one item."""
    return json_response(await call.store.load_item(call.principal, thread_id, item_id))


async def read_history(
    call: CurrentCall, thread_id: ThreadId, item_id: ItemId, limit: Limit = 20, after: AfterSeq = 0
) -> Response:
    """Read what an item has been, oldest version first; text that was streamed in one go is one version."""
    versions = await call.store.item_history(call.principal, thread_id, item_id)
    rest = [version for version in versions if version.seq > after]
    limit = min(limit, call.service.limits.page)
    history = History(data=[Version.of(version) for version in rest[:limit]], has_more=len(rest) > limit)
    return json_response(history)


def add_routes(router: APIRouter) -> None:
    """Add the routes of items."""
    path = "/threads/{thread_id}/items"
    router.add_api_route(path, list_items, response_model=Page[OpenItem], responses=documented(404, 410))
    one = f"{path}/{{item_id}}"
    router.add_api_route(one, read_item, response_model=OpenItem, responses=documented(404, 410))
    router.add_api_route(f"{one}/history", read_history, response_model=History, responses=documented(404, 410))
