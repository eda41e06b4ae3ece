"""Reading threads and their events: rights asked for, hidden things left out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from threadlog.log import Cursor, Diverged, Event, EventLog, Feeds
from threadlog.model import Registry
from threadlog.projection import StateCache, ThreadState, lifted
from threadlog.store.access import Principal, Right, check_audit, check_thread, note_audit
from threadlog.store.drafts import check_known_thread_id
from threadlog.store.errors import ItemNotFound, ThreadDeleted
from threadlog.store.history import concerns, versions
from threadlog.store.values import EventPage, ItemVersion, VisibleBatch
from threadlog.store.visibility import Showing, visible


class Reader:
    """Reads threads for principals. See the methods of `ThreadStore` of the same names for the errors."""

    def __init__(self, log: EventLog, registry: Registry, cache: StateCache, feeds: Feeds) -> None:
        self._log, self._registry, self._cache, self._feeds = log, registry, cache, feeds
        self._showing = Showing(registry, cache)

    async def state(self, principal: Principal, thread_id: str) -> ThreadState:
        """The state of a live thread, as the principal's audience sees it."""
        check_known_thread_id(thread_id)
        state = await self._cache.load(principal.tenant, thread_id)
        check_thread(principal, state, Right.READ)
        note_audit(principal, state)
        return state.seen_by(principal.audience)

    async def audited(self, principal: Principal, thread_id: str) -> ThreadState:
        """The whole state of a thread, for looking into its past; auditors are given that of a deleted one, too."""
        check_known_thread_id(thread_id)
        state = await self._cache.load(principal.tenant, thread_id)
        check_audit(principal, state)
        return state

    async def history(self, principal: Principal, thread_id: str, item_id: str) -> list[ItemVersion]:
        """An item as each event left it."""
        state = await self.audited(principal, thread_id)
        item_type = state.item_type(item_id)
        if item_type is None or principal.audience not in self._registry.item_visibility(item_type):
            raise ItemNotFound(thread_id, item_id)
        events = [event async for event in self._events(state) if concerns(event, item_id)]
        empty = ThreadState.empty(principal.tenant, thread_id, self._registry)
        return versions(empty, lifted(self._registry, events), item_id)

    async def page(self, principal: Principal, thread_id: str, after: Cursor, limit: int) -> EventPage:
        """A page of events."""
        check_known_thread_id(thread_id)
        page = await self._log.read_thread(principal.tenant, thread_id, after=after.seq, limit=limit)
        state = await self.audited(principal, thread_id)  # after the page, so that it knows all items in it
        await self._check_cursor(state, after)
        cursor = Cursor.of(page.events[-1]) if page.events else after
        shown = self._showing.shown(page.events, state)
        return EventPage(shown.to(principal.audience), cursor, cursor.seq < page.last_seq)

    async def follow(
        self, principal: Principal, thread_id: str, after: Cursor | None
    ) -> AsyncGenerator[VisibleBatch, None]:
        """Events from a cursor on, then live."""
        start = await self.begin(principal, thread_id, after)
        async with aclosing(self._feeds.thread(principal.tenant, thread_id, after=start)) as batches:
            async for batch in batches:
                shown = await self._showing.batch(batch)
                if shown.changes_access:
                    await self._check_still(principal, thread_id)
                yield visible(batch, shown, principal.audience)
                if shown.deletes:
                    raise ThreadDeleted(thread_id)

    async def begin(self, principal: Principal, thread_id: str, after: Cursor | None) -> Cursor:
        """Where a principal who may follow a thread begins."""
        state = await self.state(principal, thread_id)
        return state.cursor if after is None else after  # not "from now": what came since the check must be looked at

    async def _check_still(self, principal: Principal, thread_id: str) -> None:
        """Refuse going on to those who may not read the thread any more. (That it was deleted, its event is to say.)"""
        state = await self._cache.load(principal.tenant, thread_id)
        if not state.deleted:
            check_thread(principal, state, Right.READ)

    async def _check_cursor(self, state: ThreadState, cursor: Cursor) -> None:
        """Make sure that the thread holds the event on which a cursor stands (F4).

        Raises:
            Diverged: it does not.
        """
        if cursor.seq > state.seq:
            raise Diverged(f"cursor {cursor} lies beyond the end of the thread; read again from the start.")
        if cursor.check is None or cursor.seq == 0 or cursor == state.cursor:
            return
        page = await self._log.read_thread(state.tenant, state.thread_id, after=cursor.seq - 1, limit=1)
        if page.events[0].check != cursor.check:
            raise Diverged(f"cursor {cursor} is of another history than this log's; read again from the start.")

    async def _events(self, state: ThreadState) -> AsyncGenerator[Event, None]:
        """All events up to a state."""
        seq, limit = 0, self._log.info.limits.page_events
        while seq < state.seq:
            page = await self._log.read_thread(state.tenant, state.thread_id, after=seq, limit=limit)
            for event in page.events:
                yield event
            seq = page.events[-1].seq
