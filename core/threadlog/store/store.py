"""The thread store: commands in, events out, for a principal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeAlias

from msgspec import Struct
from pydantic import ValidationError

from threadlog.log import (
    START,
    Appended,
    Committer,
    CommitterBounds,
    Conflict,
    Cursor,
    Duplicate,
    Event,
    EventLog,
    Expect,
    Expected,
    FeedBounds,
    Feeds,
    IdReused,
    NewEvent,
    ThreadPage,
)
from threadlog.model import (
    Attachment,
    Item,
    Page,
    Registry,
    Thread,
    ThreadCreatedEvent,
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
from threadlog.projection import CacheBounds, StateCache, ThreadState, lifted
from threadlog.store.access import (
    Principal,
    Right,
    check_audit,
    check_create,
    check_tenant_audit,
    check_thread,
    note_audit,
    right_of,
)
from threadlog.store.attachments import Attachments
from threadlog.store.drafts import Drafts, check_known_thread_id, check_new_thread_id, metadata_of, right_for
from threadlog.store.errors import (
    InvalidPage,
    InvalidThread,
    ItemExists,
    ItemNotFound,
    SeqNotFound,
    StoreConflict,
    StoreError,
    ThreadDeleted,
    ThreadExists,
    ThreadNotFound,
)
from threadlog.store.history import concerns, versions
from threadlog.store.pages import Order, check_page
from threadlog.store.values import Decision, EventPage, ItemVersion, VisibleBatch
from threadlog.store.visibility import Showing, check_cursor, cursor_after, visible
from threadlog.store.writing import WriteBounds, Writer

Decider: TypeAlias = Callable[[ThreadState], Sequence[ThreadEvent | NewEvent]]
"""Decides what is to be appended to a thread as it is: a pure function, as it may be asked again. Its own errors reach
the caller."""

Events: TypeAlias = Sequence[ThreadEvent | NewEvent]


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
    """

    def __init__(
        self,
        log: EventLog,
        *,
        registry: Registry | None = None,
        bounds: StoreBounds | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        bounds = bounds or StoreBounds()
        self.log = log
        self.registry = registry or default_registry()
        self.committer = Committer(log, bounds=bounds.committer, on_commit=self._committed)
        self.feeds = Feeds(log, bounds=bounds.feeds)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._cache = StateCache(log, self.registry, bounds=bounds.cache)
        self._drafts = Drafts(self.registry)
        self._writer = Writer(log, self.committer, self._cache, bounds.writes)
        self._showing = Showing(self.registry, self._cache)
        self._attachments = Attachments(self._cache, self._drafts, self._writer)
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
            raise InvalidThread(f"thread: {error}") from None
        return await self._create(principal, thread, append_id or new_id("append"))

    async def load_thread(self, principal: Principal, thread_id: str) -> ThreadMetadata:
        """The thread's metadata."""
        state = await self._readable(principal, thread_id)
        assert state.metadata is not None
        return state.metadata

    async def save_thread(self, principal: Principal, thread: ThreadMetadata) -> None:
        """Store a thread's metadata, be the thread new or known. Nothing is written where nothing changed.

        Raises:
            AccessDenied: the principal may only read it; or is no member and it is new.
            InvalidThread: the id or the metadata cannot be stored.
        """
        check_known_thread_id(thread.id)
        state = await self._cache.load(principal.tenant, thread.id)
        if state.seq == 0:
            await self._create(principal, thread, new_id("append"))
            return
        event = ThreadUpdatedEvent(thread=_whole(thread))
        await self._write(principal, thread.id, lambda state: () if _same(state.metadata, thread) else (event,))

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
        await self._write(principal, thread_id, lambda state: (ThreadDeletedEvent(),))

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
        state = await self._readable(principal, thread_id)
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

        await self._write(principal, thread_id, decide)

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

        await self._write(principal, thread_id, decide)

    async def load_item(self, principal: Principal, thread_id: str, item_id: str) -> Item:
        """One item.

        Raises:
            ItemNotFound: the thread has none of this id (any more).
        """
        item = (await self._readable(principal, thread_id)).item(item_id)
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

        await self._write(principal, thread_id, decide)

    async def item_history(self, principal: Principal, thread_id: str, item_id: str) -> list[ItemVersion]:
        """An item as each event left it, oldest first; a row of text deltas makes one version.

        Auditors read the history of deleted threads, too.

        Raises:
            ItemNotFound: the thread never had an item of this id.
        """
        state = await self._auditable(principal, thread_id)
        item_type = state.item_type(item_id)
        if item_type is None or principal.audience not in self.registry.item_visibility(item_type):
            raise ItemNotFound(thread_id, item_id)
        events = [event async for event in self._events(state) if concerns(event, item_id)]
        empty = ThreadState.empty(principal.tenant, thread_id, self.registry)
        return versions(empty, lifted(self.registry, events), item_id)

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
        state = await self._auditable(principal, thread_id)
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
        check_known_thread_id(thread_id)
        page = await self._page(principal, thread_id, after, limit)
        state = await self._auditable(principal, thread_id)  # after the page, so that it knows all of its items
        check_cursor(after, page)
        events = [event for event in page.events if event.seq > after.seq][:limit]
        cursor = cursor_after(events, after)
        shown = self._showing.shown(events, state)
        return EventPage(shown.to(principal.audience), cursor, has_more=cursor.seq < page.last_seq)

    async def follow(
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
        state = await self._readable(principal, thread_id)
        start = state.cursor if after is None else after
        async with aclosing(self.feeds.thread(principal.tenant, thread_id, after=start)) as batches:
            async for batch in batches:
                shown = await self._showing.batch(batch)
                if shown.changes_access:
                    now = await self._cache.load(principal.tenant, thread_id)
                    if right_of(principal, now) < Right.READ:
                        check_thread(principal, now, Right.READ)
                yield visible(batch, shown, principal.audience)
                if shown.deletes:
                    raise ThreadDeleted(thread_id)

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
        check_known_thread_id(thread_id)
        append_id = append_id or new_id("append")
        if expected == 0 or expected is Expect.NO_THREAD:
            new = await self._beginning(principal, thread_id, events)
        else:
            state = await self._state_for(principal, thread_id, expected)
            check_thread(principal, state, right_for(events))
            new = self._drafts.go_on(state, events)
        outcome = await self._writer.send(principal, thread_id, new, expected, append_id, run_id)
        if isinstance(outcome, Appended | Duplicate):
            return outcome
        if isinstance(outcome, IdReused):
            raise await self._writer.reused(principal, thread_id, append_id, outcome)
        raise _conflict(thread_id, outcome)

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
        events, state = await self._write(
            principal,
            thread_id,
            lambda state: decider(state.seen_by(principal.audience)),
            append_id=append_id,
            run_id=run_id,
        )
        return Decision(events, state.seen_by(principal.audience))

    async def _write(
        self,
        principal: Principal,
        thread_id: str,
        decider: Decider,
        *,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[tuple[Event, ...], ThreadState]:
        def draft(state: ThreadState) -> Sequence[NewEvent]:
            check_thread(principal, state, Right.READ)
            events = decider(state)
            if events:
                check_thread(principal, state, right_for(events))
            return self._drafts.go_on(state, events)

        check_known_thread_id(thread_id)
        return await self._writer.decide(principal, thread_id, draft, append_id, run_id)

    async def _create(self, principal: Principal, thread: ThreadMetadata, append_id: str) -> ThreadMetadata:
        check_create(principal)
        check_new_thread_id(thread.id)
        events = self._drafts.begin(thread.id, [ThreadCreatedEvent(thread=_whole(thread))], principal.user)
        outcome = await self._writer.send(principal, thread.id, events, Expect.NO_THREAD, append_id)
        if isinstance(outcome, Appended | Duplicate):
            return thread
        return await self._created_before(principal, thread, append_id)

    async def _created_before(self, principal: Principal, thread: ThreadMetadata, append_id: str) -> ThreadMetadata:
        """The thread that an earlier call with the same append id made.

        Raises:
            ThreadExists: it was another call that made it.
        """
        state = await self._cache.load(principal.tenant, thread.id)
        first = (await self.log.read_thread(principal.tenant, thread.id, limit=1)).events[0]
        made = ThreadState.empty(principal.tenant, thread.id, self.registry).apply(first).metadata
        ours = right_of(principal, state) >= Right.WRITE and not state.deleted and first.append_id == append_id
        if not ours or made is None or (made.title, made.metadata) != (thread.title, thread.metadata):
            raise ThreadExists(thread.id)
        assert state.metadata is not None
        return state.metadata

    async def _beginning(self, principal: Principal, thread_id: str, events: Events) -> tuple[NewEvent, ...]:
        """The events of an append that is to begin a thread; it may be a retry, so that the thread may be there."""
        check_create(principal)
        state = await self._cache.load(principal.tenant, thread_id)
        if state.seq == 0:
            check_new_thread_id(thread_id)
        elif right_of(principal, state) < Right.WRITE:
            raise ThreadExists(thread_id)
        return self._drafts.begin(thread_id, events, principal.user)

    async def _state_for(self, principal: Principal, thread_id: str, expected: Expected) -> ThreadState:
        """The state by which an append is judged. One that is at hand at the exact seq will do: if it is not the last
        one any more, nothing is written.
        """
        state = self._cache.at_hand(principal.tenant, thread_id)
        if state is not None and state.seq == expected:
            return state
        return await self._cache.load(principal.tenant, thread_id)

    # Reading

    async def _readable(self, principal: Principal, thread_id: str) -> ThreadState:
        check_known_thread_id(thread_id)
        state = await self._cache.load(principal.tenant, thread_id)
        check_thread(principal, state, Right.READ)
        note_audit(principal, state)
        return state.seen_by(principal.audience)

    async def _auditable(self, principal: Principal, thread_id: str) -> ThreadState:
        check_known_thread_id(thread_id)
        state = await self._cache.load(principal.tenant, thread_id)
        check_audit(principal, state)
        return state

    async def _page(self, principal: Principal, thread_id: str, after: Cursor, limit: int) -> ThreadPage:
        """A page with the event on which the cursor stands before it."""
        return await self.log.read_thread(principal.tenant, thread_id, after=max(after.seq - 1, 0), limit=limit + 1)

    async def _events(self, state: ThreadState) -> AsyncGenerator[Event, None]:
        """All events up to a state."""
        seq = 0
        while seq < state.seq:
            page = await self.log.read_thread(
                state.tenant, state.thread_id, after=seq, limit=self.log.info.limits.page_events
            )
            for event in page.events:
                yield event
            seq = page.events[-1].seq

    async def _check_after(self, principal: Principal, after: str) -> None:
        state = await self._cache.load(principal.tenant, after)
        if right_of(principal, state) is Right.NONE:
            raise InvalidPage(
                f"after is {after[:80]!r}, which is no thread of yours; use the `after` of the page before."
            )

    def _committed(self, events: Sequence[Event]) -> None:
        self._cache.committed(events)
        self.feeds.publish(events)


def _whole(thread: ThreadMetadata) -> Thread:
    """Metadata as events carry it: a thread without items."""
    fields = {name: getattr(thread, name) for name in thread.model_fields_set if name != "items"}
    return Thread.model_construct(_fields_set={*fields, "items"}, **fields, **(thread.model_extra or {}), items=Page())


def _same(known: ThreadMetadata | None, thread: ThreadMetadata) -> bool:
    exclude = {"items"}
    return known is not None and known.model_dump(exclude=exclude) == thread.model_dump(exclude=exclude)


def _conflict(thread_id: str, conflict: Conflict) -> StoreError:
    if conflict.deleted:
        return ThreadDeleted(thread_id)
    if conflict.current_seq == 0:
        return ThreadNotFound(thread_id)
    return StoreConflict(
        f"thread {thread_id!r} is at seq {conflict.current_seq} and not as you expected; catch up and decide again.",
        conflict.current_seq,
    )
