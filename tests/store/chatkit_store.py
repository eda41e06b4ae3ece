"""ChatKit's own `Store` on a thread store: its operations correspond one to one.

ChatKit's server hides hidden context itself and needs to load it, so that items are loaded as an agent for the user.
"""

# ruff: noqa: D102 - the operations are described by what they override

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter

from threadlog import Principal, ThreadStore
from threadlog.model import Attachment, OpenItem, Page, ThreadMetadata, new_id

with warnings.catch_warnings():  # ChatKit's own widget classes are deprecated in favour of its templates
    warnings.simplefilter("ignore", DeprecationWarning)
    import chatkit.types as chatkit
    from chatkit.store import Store

ours_item: TypeAdapter[Any] = TypeAdapter(OpenItem)
ours_attachment: TypeAdapter[Any] = TypeAdapter(Attachment)
their_item: TypeAdapter[Any] = TypeAdapter(chatkit.ThreadItem)
their_attachment: TypeAdapter[Any] = TypeAdapter(chatkit.Attachment)
their_thread: TypeAdapter[Any] = TypeAdapter(chatkit.ThreadMetadata)
our_thread: TypeAdapter[Any] = TypeAdapter(ThreadMetadata)


def convert(value: BaseModel, to: TypeAdapter[Any]) -> Any:
    """The same JSON as the other side's model."""
    return to.validate_json(value.model_dump_json())


def page(found: Page[Any], to: TypeAdapter[Any]) -> Any:
    """A page of the other side's models."""
    return chatkit.Page(data=[convert(one, to) for one in found.data], has_more=found.has_more, after=found.after)


class ThreadlogStore(Store[Principal]):
    """Keeps ChatKit's threads as events. The context of a request is the principal."""

    def __init__(self, store: ThreadStore) -> None:
        self.store = store

    def generate_thread_id(self, context: Principal) -> str:
        return new_id("thread")

    def generate_item_id(self, item_type: Any, thread: Any, context: Principal) -> str:
        return new_id(item_type)

    async def load_thread(self, thread_id: str, context: Principal) -> Any:
        return convert(await self.store.load_thread(context, thread_id), their_thread)

    async def save_thread(self, thread: Any, context: Principal) -> None:
        await self.store.save_thread(context, convert(thread, our_thread))

    async def load_threads(self, limit: int, after: str | None, order: Any, context: Principal) -> Any:
        return page(await self.store.load_threads(context, limit=limit, after=after, order=order), their_thread)

    async def delete_thread(self, thread_id: str, context: Principal) -> None:
        await self.store.delete_thread(context, thread_id)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: Any, context: Principal
    ) -> Any:
        agent = replace(context, agent="chatkit")
        found = await self.store.load_thread_items(agent, thread_id, after=after, limit=limit, order=order)
        return page(found, their_item)

    async def add_thread_item(self, thread_id: str, item: Any, context: Principal) -> None:
        await self.store.add_thread_item(context, thread_id, convert(item, ours_item))

    async def save_item(self, thread_id: str, item: Any, context: Principal) -> None:
        await self.store.save_item(context, thread_id, convert(item, ours_item))

    async def load_item(self, thread_id: str, item_id: str, context: Principal) -> Any:
        return convert(await self.store.load_item(replace(context, agent="chatkit"), thread_id, item_id), their_item)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Principal) -> None:
        await self.store.delete_thread_item(replace(context, agent="chatkit"), thread_id, item_id)

    async def save_attachment(self, attachment: Any, context: Principal) -> None:
        await self.store.save_attachment(context, convert(attachment, ours_attachment))

    async def load_attachment(self, attachment_id: str, context: Principal) -> Any:
        return convert(await self.store.load_attachment(context, attachment_id), their_attachment)

    async def delete_attachment(self, attachment_id: str, context: Principal) -> None:
        await self.store.delete_attachment(context, attachment_id)
