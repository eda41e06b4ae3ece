"""The thread store: commands in, events out, for a principal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from threadlog.log import START, Appended, Cursor, Duplicate, EventLog, Expected, NewEvent
from threadlog.model import Attachment, Item, Page, ThreadEvent, ThreadMetadata
from threadlog.projection import ThreadState
from threadlog.store.access import Principal
from threadlog.store.values import Decision, EventPage, ItemVersion, VisibleBatch

Order: TypeAlias = Literal["asc", "desc"]
Decider: TypeAlias = Callable[[ThreadState], Sequence[ThreadEvent | NewEvent]]


class ThreadStore:
    """Threads over an event log, for principals."""

    def __init__(self, log: EventLog) -> None:
        self.log = log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def create_thread(
        self,
        principal: Principal,
        *,
        thread_id: str | None = None,
        title: str | None = None,
        metadata: dict[str, Any] | None = None,
        append_id: str | None = None,
    ) -> ThreadMetadata:
        raise NotImplementedError

    async def load_thread(self, principal: Principal, thread_id: str) -> ThreadMetadata:
        raise NotImplementedError

    async def save_thread(self, principal: Principal, thread: ThreadMetadata) -> None:
        raise NotImplementedError

    async def load_threads(
        self,
        principal: Principal,
        *,
        limit: int = 20,
        after: str | None = None,
        order: Order = "desc",
        everyone: bool = False,
    ) -> Page[ThreadMetadata]:
        raise NotImplementedError

    async def delete_thread(self, principal: Principal, thread_id: str) -> None:
        raise NotImplementedError

    async def load_thread_items(
        self, principal: Principal, thread_id: str, *, after: str | None = None, limit: int = 20, order: Order = "asc"
    ) -> Page[Item]:
        raise NotImplementedError

    async def add_thread_item(self, principal: Principal, thread_id: str, item: Item) -> None:
        raise NotImplementedError

    async def save_item(self, principal: Principal, thread_id: str, item: Item) -> None:
        raise NotImplementedError

    async def load_item(self, principal: Principal, thread_id: str, item_id: str) -> Item:
        raise NotImplementedError

    async def delete_thread_item(self, principal: Principal, thread_id: str, item_id: str) -> None:
        raise NotImplementedError

    async def save_attachment(self, principal: Principal, attachment: Attachment) -> None:
        raise NotImplementedError

    async def load_attachment(self, principal: Principal, attachment_id: str) -> Attachment:
        raise NotImplementedError

    async def delete_attachment(self, principal: Principal, attachment_id: str) -> None:
        raise NotImplementedError

    async def state(self, principal: Principal, thread_id: str, *, at: int | None = None) -> ThreadState:
        raise NotImplementedError

    async def item_history(self, principal: Principal, thread_id: str, item_id: str) -> list[ItemVersion]:
        raise NotImplementedError

    async def append(
        self,
        principal: Principal,
        thread_id: str,
        events: Sequence[ThreadEvent | NewEvent],
        *,
        expected: Expected,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> Appended | Duplicate:
        raise NotImplementedError

    async def decide(
        self,
        principal: Principal,
        thread_id: str,
        decider: Decider,
        *,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> Decision:
        raise NotImplementedError

    async def read_events(
        self, principal: Principal, thread_id: str, *, after: Cursor = START, limit: int = 100
    ) -> EventPage:
        raise NotImplementedError

    def follow(
        self, principal: Principal, thread_id: str, *, after: Cursor | None = START
    ) -> AsyncGenerator[VisibleBatch, None]:
        raise NotImplementedError
