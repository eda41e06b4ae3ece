"""The thread store: commands in, events out, for a principal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from msgspec import Struct
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider
from pydantic import ValidationError

from threadlog.log import (
    START,
    Appended,
    Committer,
    CommitterBounds,
    Cursor,
    Duplicate,
    Event,
    EventLog,
    Expected,
    FeedBounds,
    Feeds,
    NewEvent,
)
from threadlog.model import (
    Attachment,
    Item,
    Page,
    Registry,
    ThreadDeletedEvent,
    ThreadEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadUpdatedEvent,
    default_registry,
    derived_id,
    new_id,
)
from threadlog.projection import CacheBounds, ThreadState
from threadlog.store.access import Principal, Right, check_tenant_audit, right_of
from threadlog.store.attachments import Attachments
from threadlog.store.drafts import Drafts, check_known_thread_id, explained, metadata_of
from threadlog.store.errors import InvalidPage, InvalidThread, ItemExists, ItemNotFound, SeqNotFound
from threadlog.store.pages import Order, check_page
from threadlog.store.sending import WriteBounds
from threadlog.store.telemetry import StoreTelemetry, TracedCache, TracedReader, TracedSender
from threadlog.store.values import Decision, EventPage, ItemVersion, VisibleBatch
from threadlog.store.writing import Decider, Events, Writer, whole


class StoreBounds(Struct, frozen=True, kw_only=True):
    """What a store may hold in memory, and how often it tries."""

    committer: CommitterBounds = CommitterBounds()
    feeds: FeedBounds = FeedBounds()
    cache: CacheBounds = CacheBounds()
    writes: WriteBounds = WriteBounds()


class ThreadStore:
    """Threads over an event log, for principals.

    ``async with`` starts its committer, feeds and cache, and stops them; the log stays open. All methods may be called
    from many tasks at once, and another store may work on the same log where the log allows it.

    Every method first asks who may do what (`threadlog.store.access`): a thread that the principal may not know of is
    `ThreadNotFound`, one that was deleted `ThreadDeleted`. What is not for the principal's audience (hidden context,
    who has access) is in no item, page, state, history or stream that it is given. Reading raises `LogError` where the
    log cannot be read, writing what `Committer.append` raises.

    Cancelling a call that writes leaves all of its events stored or none.

    Args:
        log: an open log.
        registry: the types of events and items; those of this version by default.
        bounds: what it may hold in memory.
        clock: gives the time for what is made here (`ThreadMetadata.created_at`); events get theirs from the log.
        tracer_provider: where spans go; None: the process's.
        meter_provider: where metrics go; None: the process's.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        registry: Registry | None = None,
        bounds: StoreBounds | None = None,
        clock: Callable[[], datetime] | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        bounds = bounds or StoreBounds()
        telemetry = StoreTelemetry(tracer_provider, meter_provider)
        self.log = log
        self.registry = registry or default_registry()
        self.committer = Committer(
            log, bounds=bounds.committer, on_commit=self._committed, on_answered=telemetry.answered
        )
        self.feeds = Feeds(log, bounds=bounds.feeds)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._cache = TracedCache(log, self.registry, bounds.cache, telemetry)
        self._drafts = Drafts(self.registry)
        sender = TracedSender(log, self.committer, self._cache, bounds.writes, telemetry)
        self._writer = Writer(log, self._cache, self._drafts, sender)
        self._reader = TracedReader(log, self.registry, self._cache, self.feeds, telemetry)
        self._attachments = Attachments(self._cache, self._drafts, sender)
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._cache.close)
            await stack.enter_async_context(self.feeds)
            await stack.enter_async_context(self.committer)
            self._running = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    # Threads

    async def create_thread(
        self,
        principal: Principal,
        *,
        thread_id: str | None = None,
        title: str | None = None,
        metadata: dict[str, Any] | None = None,
        append_id: str | None = None,
    ) -> ThreadMetadata:
        """Begin a thread of the principal's user.

        Args:
            thread_id: a new one is made if it is left out.
            append_id: makes the call repeatable: with the same one, the same thread is given back.

        Raises:
            AccessDenied: the principal is no member of the tenant.
            InvalidThread: the id or the metadata cannot be stored.
            ThreadExists: the id is taken.
        """
        if thread_id is None:
            names = (principal.tenant, principal.user, append_id)
            thread_id = new_id("thread") if append_id is None else derived_id("thread", *map(str, names))
        try:
            thread = ThreadMetadata(id=thread_id, title=title, created_at=self._clock(), metadata=metadata or {})
        except ValidationError as error:
            raise InvalidThread(f"thread: {explained(error)}") from None
        return await self._writer.create(principal, thread, append_id or new_id("append"))

    async def load_thread(self, principal: Principal, thread_id: str) -> ThreadMetadata:
        """The thread's metadata."""
        metadata = (await self._reader.state(principal, thread_id)).metadata
        assert metadata is not None
        return metadata

    async def save_thread(self, principal: Principal, thread: ThreadMetadata) -> None:
        """Store a thread's metadata, be the thread new or known. Nothing is written where nothing changed.

        Raises:
            AccessDenied: the principal may only read it; or is no member and it is new.
            InvalidThread: the id or the metadata cannot be stored.
        """
        check_known_thread_id(thread.id)
        state = await self._cache.load(principal.tenant, thread.id)
        if state.seq == 0:
            await self._writer.create(principal, thread, new_id("append"))
            return
        event = ThreadUpdatedEvent(thread=whole(thread))
        await self._writer.decide(principal, thread.id, lambda state: () if _same(state.metadata, thread) else (event,))

    async def load_threads(
        self,
        principal: Principal,
        *,
        limit: int = 20,
        after: str | None = None,
        order: Order = "desc",
        everyone: bool = False,
    ) -> Page[ThreadMetadata]:
        """The threads of the principal's user, in order of creation, newest first.

        Args:
            limit: at most this many, 1 to 1000.
            after: id of a thread; the page begins behind it. A deleted one still marks its place.
            order: ``desc`` for newest first.
            everyone: all threads of the tenant, for auditors.

        Raises:
            InvalidPage: limit or order is out of range, or there is no thread `after`.
            AccessDenied: `everyone` is for auditors.
        """
        check_page(limit, order)
        if everyone:
            check_tenant_audit(principal)
        if after is not None:
            await self._check_after(principal, after)
        page = await self.log.list_heads(
            principal.tenant,
            owner=None if everyone else principal.user,
            after=after,
            limit=limit,
            newest_first=order == "desc",
        )
        data = [metadata_of(head) for head in page.heads]
        return Page[ThreadMetadata](
            data=data, has_more=page.has_more, after=data[-1].id if page.has_more and data else None
        )

    async def delete_thread(self, principal: Principal, thread_id: str) -> None:
        """Delete a thread with all that is in it, for everybody. Its events stay in the log for auditors.

        Raises:
            AccessDenied: the principal does not own it.
        """
        await self._writer.decide(principal, thread_id, lambda state: (ThreadDeletedEvent(),))

    # Items

    async def load_thread_items(
        self, principal: Principal, thread_id: str, *, after: str | None = None, limit: int = 20, order: Order = "asc"
    ) -> Page[Item]:
        """A page of a thread's items, in the order in which they appeared.

        Args:
            after: id of an item; the page begins behind it. A removed one still marks its place.
            limit: at most this many, 1 to 1000.
            order: ``asc`` for oldest first.

        Raises:
            InvalidPage: limit or order is out of range, or there is no item `after`.
        """
        check_page(limit, order)
        state = await self._reader.state(principal, thread_id)
        try:
            return state.page_items(after, limit, order)
        except KeyError:
            raise InvalidPage(
                f"after is {str(after)[:80]!r}, which is no item of the thread; use the `after` of the page before."
            ) from None

    async def add_thread_item(self, principal: Principal, thread_id: str, item: Item) -> None:
        """Add an item, or complete one that is being made. Nothing is written where it is there already.

        Raises:
            ItemExists: another item of this id is there.
            InvalidItem: the item is not fit for this thread.
            AccessDenied: the principal may only read the thread.
        """
        event = ThreadItemDoneEvent(item=item)

        def decide(state: ThreadState) -> Events:
            known = state.item(item.id)
            if known is None or state.is_open(item.id):
                return (event,)
            if known != item:
                raise ItemExists(item.id, state.seq)
            return ()

        await self._writer.decide(principal, thread_id, decide)

    async def save_item(self, principal: Principal, thread_id: str, item: Item) -> None:
        """Store an item, in the place of the one of its id or at the end. Nothing is written where nothing changed.

        Raises:
            InvalidItem: the item is not fit for this thread.
            AccessDenied: the principal may only read the thread.
        """

        def decide(state: ThreadState) -> Events:
            known = state.item(item.id)
            if known is None:
                return (ThreadItemDoneEvent(item=item),)
            return () if known == item else (ThreadItemReplacedEvent(item=item),)

        await self._writer.decide(principal, thread_id, decide)

    async def load_item(self, principal: Principal, thread_id: str, item_id: str) -> Item:
        """One item.

        Raises:
            ItemNotFound: the thread has none of this id (any more).
        """
        item = (await self._reader.state(principal, thread_id)).item(item_id)
        if item is None:
            raise ItemNotFound(thread_id, item_id)
        return item

    async def delete_thread_item(self, principal: Principal, thread_id: str, item_id: str) -> None:
        """Remove an item; its history stays in the log.

        Raises:
            ItemNotFound: the thread has none of this id (any more).
            AccessDenied: the principal may only read the thread.
        """

        def decide(state: ThreadState) -> Events:
            if state.seen_by(principal.audience).item_data(item_id) is None:
                raise ItemNotFound(thread_id, item_id)
            return (ThreadItemRemovedEvent(item_id=item_id),)

        await self._writer.decide(principal, thread_id, decide)

    async def item_history(self, principal: Principal, thread_id: str, item_id: str) -> list[ItemVersion]:
        """An item as each event left it, oldest first; a row of text deltas makes one version.

        Auditors read the history of deleted threads, too.

        Raises:
            ItemNotFound: the thread never had an item of this id.
        """
        return await self._reader.history(principal, thread_id, item_id)

    # Attachments

    async def save_attachment(self, principal: Principal, attachment: Attachment) -> None:
        """Store what is known of an attachment, be it new or known.

        Raises:
            AttachmentNotFound: it is somebody else's.
            InvalidItem: its id cannot be one.
            AccessDenied: it is new and the principal is no member of the tenant.
        """
        await self._attachments.save(principal, attachment)

    async def load_attachment(self, principal: Principal, attachment_id: str) -> Attachment:
        """What is known of an attachment, for its owner and for those who read its thread.

        Raises:
            AttachmentNotFound: there is none that the principal may know of.
        """
        return await self._attachments.load(principal, attachment_id)

    async def delete_attachment(self, principal: Principal, attachment_id: str) -> None:
        """Forget an attachment.

        Raises:
            AttachmentNotFound: there is none that the principal may delete.
        """
        await self._attachments.delete(principal, attachment_id)

    # States and events

    async def state(self, principal: Principal, thread_id: str, *, at: int | None = None) -> ThreadState:
        """The thread's state now, or as it was after an earlier event, as the principal's audience sees it.

        Auditors read deleted threads, too.

        Args:
            at: a seq of the thread.

        Raises:
            SeqNotFound: the thread has no event `at`.
        """
        state = await self._reader.audited(principal, thread_id)
        if at is not None and not 1 <= at <= state.seq:
            raise SeqNotFound(at, state.seq)
        if at is not None and at < state.seq:
            state = await self._cache.load_at(principal.tenant, thread_id, at)
        return state.seen_by(principal.audience)

    async def read_events(
        self, principal: Principal, thread_id: str, *, after: Cursor = START, limit: int = 100
    ) -> EventPage:
        """A page of the thread's events that are for the principal's audience; it may be empty and still have more.

        Auditors read deleted threads, too.

        Args:
            after: begin behind this cursor.
            limit: look at no more events than this, 1 to 1000.

        Raises:
            InvalidPage: the limit is out of range.
            Diverged: the thread does not hold the event on which the cursor stands.
        """
        check_page(limit)
        return await self._reader.page(principal, thread_id, after, limit)

    def follow(
        self, principal: Principal, thread_id: str, *, after: Cursor | None = START
    ) -> AsyncGenerator[VisibleBatch, None]:
        """The thread's events from a cursor on, then live, without gap or repetition, until the store is closed.

        A batch holds only what is for the principal's audience, maybe nothing. Closing the generator ends it.

        Args:
            after: begin behind this cursor; None: with what comes from now on.

        Raises:
            ThreadDeleted: the thread was deleted; the event that says so has been given before.
            ThreadNotFound: the principal may not read the thread (any more).
            Diverged: the thread does not hold the event on which the cursor stands.
        """
        return self._reader.follow(principal, thread_id, after)

    # Writing

    def dump(self, event: ThreadEvent) -> NewEvent:
        """Serialise an event once, for those who queue events before they `append` them.

        Raises:
            NotRegistered, InvalidPayload: see `Registry.dump_event`.
        """
        return self._drafts.dump(event)

    async def append(
        self,
        principal: Principal,
        thread_id: str,
        events: Events,
        *,
        expected: Expected,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> Appended | Duplicate:
        """Append events to a thread, all or none. A thread begins with ``thread.created`` and `Expect.NO_THREAD`.

        Models are dumped as they are, without being validated again; `NewEvent` carries payload bytes, which are kept
        exactly. Sharing (``access.*``) and deleting take the owner.

        Args:
            expected: what the writer believes about the thread (see `threadlog.log.Expected`).
            append_id: the writer's name for this append. A retry under the same one is stored once.
            run_id: the run in whose name this is written.

        Raises:
            StoreConflict: the thread is not as expected; nothing was written.
            AppendIdReused: the append id names another append; nothing was written.
            InvalidItem, InvalidThread: an event is not fit for this thread.
            AccessDenied: the principal may only read the thread, or does not own it.
        """
        return await self._writer.append(principal, thread_id, events, expected, append_id or new_id("append"), run_id)

    async def decide(
        self,
        principal: Principal,
        thread_id: str,
        decider: Decider,
        *,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> Decision:
        """Append what `decider` decides for the thread as it is, as the principal's audience sees it.

        Where another writer was first, the state is caught up and the decision made again, under the same append id,
        so that what is stored was decided for exactly the thread that it was added to.

        Raises:
            StoreConflict: other writers were first again and again.
            AppendIdReused: the append id names an earlier append, which was another decision.
            InvalidItem, InvalidThread, AccessDenied: see `append`.
        """
        events, state = await self._writer.decide(
            principal,
            thread_id,
            lambda state: decider(state.seen_by(principal.audience)),
            append_id,
            run_id,
        )
        return Decision(events, state.seen_by(principal.audience))

    async def _check_after(self, principal: Principal, after: str) -> None:
        state = await self._cache.load(principal.tenant, after)
        if right_of(principal, state) is Right.NONE:
            raise InvalidPage(
                f"after is {after[:80]!r}, which is no thread of yours; use the `after` of the page before."
            )

    def _committed(self, events: Sequence[Event]) -> None:
        self._cache.committed(events)
        self.feeds.publish(events)


def _same(known: ThreadMetadata | None, thread: ThreadMetadata) -> bool:
    items = {"items"}  # of a whole thread; they are stored one by one
    return known is not None and known.model_dump(exclude=items) == thread.model_dump(exclude=items)
