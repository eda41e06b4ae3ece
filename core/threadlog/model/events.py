"""Thread stream events: what happens in a thread, in the words of ChatKit's stream."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from threadlog.model.base import Model, Sparse, Tagged
from threadlog.model.icons import Icon
from threadlog.model.items import OpenItem
from threadlog.model.threads import Thread
from threadlog.model.updates import OpenUpdate


class ThreadEvent(Tagged):
    """Any event of a thread. Derive from it to add an event type, and register it."""

    type: str


class UnknownEvent(ThreadEvent):
    """An event of a type or version that this version does not know, or whose payload it cannot read.

    It is kept and passed on untouched.
    """

    version: int
    """Version of the payload's schema."""
    data: bytes
    """The payload as it is stored."""


class ThreadCreatedEvent(ThreadEvent):
    """The thread begins."""

    type: Literal["thread.created"] = "thread.created"
    thread: Thread


class ThreadUpdatedEvent(ThreadEvent):
    """The thread's metadata changed."""

    type: Literal["thread.updated"] = "thread.updated"
    thread: Thread


class ThreadDeletedEvent(ThreadEvent):
    """The thread is gone for its users (not part of ChatKit's vocabulary)."""

    type: Literal["thread.deleted"] = "thread.deleted"


class ThreadItemAddedEvent(ThreadEvent):
    """An item begins."""

    type: Literal["thread.item.added"] = "thread.item.added"
    item: OpenItem


class ThreadItemUpdatedEvent(ThreadEvent):
    """An item changes while it is being made."""

    type: Literal["thread.item.updated"] = "thread.item.updated"
    item_id: str
    update: OpenUpdate


class ThreadItemDoneEvent(ThreadEvent):
    """An item is complete; it may be the first that is heard of it."""

    type: Literal["thread.item.done"] = "thread.item.done"
    item: OpenItem


class ThreadItemRemovedEvent(ThreadEvent):
    """An item is taken out of the thread."""

    type: Literal["thread.item.removed"] = "thread.item.removed"
    item_id: str


class ThreadItemReplacedEvent(ThreadEvent):
    """An item is another one from now on."""

    type: Literal["thread.item.replaced"] = "thread.item.replaced"
    item: OpenItem


class StreamOptions(Model):
    """What viewers may do while a run streams."""

    allow_cancel: bool


class StreamOptionsEvent(ThreadEvent):
    """The stream's options change."""

    type: Literal["stream_options"] = "stream_options"
    stream_options: StreamOptions


class ProgressUpdateEvent(Sparse, ThreadEvent):
    """A word on what the agent is doing, shown until something else happens."""

    type: Literal["progress_update"] = "progress_update"
    icon: Icon | None = None
    text: str


class ClientEffectEvent(ThreadEvent):
    """The viewer's client is to do something once, such as opening a page."""

    type: Literal["client_effect"] = "client_effect"
    name: str
    data: dict[str, Any] = Field(default_factory=dict)


class ErrorEvent(Sparse, ThreadEvent):
    """Something went wrong that the user should know."""

    type: Literal["error"] = "error"
    code: Literal["custom", "stream.error"] = "custom"
    """``stream.error`` is shown in the client's own words, ``custom`` by `message`."""
    message: str | None = None
    allow_retry: bool = False


class NoticeEvent(Sparse, ThreadEvent):
    """A notice to the user."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning", "danger"]
    message: str
    """Markdown."""
    title: str | None = None


STREAM_EVENT_TYPES: tuple[type[ThreadEvent], ...] = (
    ThreadCreatedEvent,
    ThreadUpdatedEvent,
    ThreadItemAddedEvent,
    ThreadItemUpdatedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    StreamOptionsEvent,
    ProgressUpdateEvent,
    ClientEffectEvent,
    ErrorEvent,
    NoticeEvent,
)
"""The event types of ChatKit's stream."""

ThreadStreamEvent: TypeAlias = Annotated[
    ThreadCreatedEvent
    | ThreadUpdatedEvent
    | ThreadItemAddedEvent
    | ThreadItemUpdatedEvent
    | ThreadItemDoneEvent
    | ThreadItemRemovedEvent
    | ThreadItemReplacedEvent
    | StreamOptionsEvent
    | ProgressUpdateEvent
    | ClientEffectEvent
    | ErrorEvent
    | NoticeEvent,
    Field(discriminator="type"),
]
"""Any event of ChatKit's stream."""
