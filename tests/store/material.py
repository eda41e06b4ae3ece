"""Items and events for threads."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from threadlog.log import Event
from threadlog.model import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    HiddenContextItem,
    InferenceOptions,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemUpdatedEvent,
    UserMessageItem,
    UserMessageTextContent,
)
from threadlog.store import VisibleBatch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def user(thread_id: str, item_id: str = "msg_1", text: str = "hello") -> UserMessageItem:
    """What a user says."""
    return UserMessageItem(
        id=item_id,
        thread_id=thread_id,
        created_at=NOW,
        content=[UserMessageTextContent(text=text)],
        inference_options=InferenceOptions(),
    )


def assistant(thread_id: str, item_id: str = "msg_2") -> AssistantMessageItem:
    """What an agent begins to say."""
    return AssistantMessageItem(id=item_id, thread_id=thread_id, created_at=NOW, content=[])


def hidden(thread_id: str, item_id: str = "hcx_1", content: str = "secret") -> HiddenContextItem:
    """What viewers do not see."""
    return HiddenContextItem(id=item_id, thread_id=thread_id, created_at=NOW, content=content)


def delta(item_id: str, text: str) -> ThreadItemUpdatedEvent:
    """The next characters."""
    update = AssistantMessageContentPartTextDelta(content_index=0, delta=text)
    return ThreadItemUpdatedEvent(item_id=item_id, update=update)


def answer(thread_id: str, *texts: str, item_id: str = "msg_2") -> list[ThreadEvent]:
    """A message that streams."""
    return [ThreadItemAddedEvent(item=assistant(thread_id, item_id)), *(delta(item_id, text) for text in texts)]


async def gather(feed: AsyncGenerator[VisibleBatch, None], count: int) -> list[Event]:
    """The first events of a feed."""
    found: list[Event] = []
    async with aclosing(feed) as batches:
        async for batch in batches:
            found.extend(batch.events)
            if len(found) >= count:
                break
    return found
