"""Items of a thread: pages of them, one of them, and what one has been."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.model import OpenItem, Page
from threadlog_server.call import CurrentCall
from threadlog_server.parameters import AfterId, ItemId, Limit, Order, ThreadId
from threadlog_server.problems import documented
from threadlog_server.routes import json_response


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


def add_routes(router: APIRouter) -> None:
    """Add the routes of items."""
    path = "/threads/{thread_id}/items"
    router.add_api_route(path, list_items, response_model=Page[OpenItem], responses=documented(404, 410))
    router.add_api_route(f"{path}/{{item_id}}", read_item, response_model=OpenItem, responses=documented(404, 410))
