"""Recent states of threads, kept at hand and caught up from the log."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from threadlog.log import Event, EventLog, LogCorrupt, ThreadPage
from threadlog.model import Registry
from threadlog.projection.lifting import lifted
from threadlog.projection.snapshots import Snapshots
from threadlog.projection.state import ThreadState

_OVERHEAD = 2_000  # bytes that a state takes beside its content
_EVENT = 500  # bytes that an event takes beside its payload
_PENDING_BYTES = 256 * 1024

Key: TypeAlias = "tuple[str, str]"
"""Tenant and thread."""


class CacheBounds(Struct, frozen=True, kw_only=True):
    """How much is kept at hand."""

    bytes: int = 64 * 1024 * 1024
    """Memory for states, approximately. The one used last is always kept."""
    pending_events: int = 32
    """Committed events of a thread that may wait to be folded until somebody reads it. More of them save folding, but
    take the memory of whole events, and then the time of memory that the processor does not have at hand."""
    snapshot_events: int = 500
    """A snapshot is saved after this many events, or more for a large state (see `Snapshots`)."""


class CacheStats(Struct, frozen=True):
    """What a cache holds."""

    states: int
    """Threads at hand."""
    bytes: int
    """Their memory, approximately."""
    pending: int
    """Committed events that wait to be folded into them."""


class StateCache:
    """Gives the current state of any thread.

    A thread that is at hand costs one read of the log (others may have written); a cold one its snapshot and the events
    after it; a cold one that many ask for is folded once. What this process commits is folded without being read.

    Args:
        log: an open log; it is not closed.
        registry: lifts payloads and makes models.
    """

    def __init__(self, log: EventLog, registry: Registry, *, bounds: CacheBounds | None = None) -> None:
        self._log, self._registry = log, registry
        self._bounds = bounds or CacheBounds()
        self.snapshots = Snapshots(log, registry, every=self._bounds.snapshot_events)
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._size = 0
        self._loading: dict[Key, asyncio.Task[ThreadState]] = {}

    @property
    def stats(self) -> CacheStats:
        """What is held now."""
        kept = list(self._kept.values())  # others may ask from their thread
        return CacheStats(len(kept), self._size, sum(len(one.pending) for one in kept))

    def committed(self, events: Sequence[Event]) -> None:
        """Learn of events that this process has committed, in order of their positions."""
        for event in events:
            kept = self._kept.get((event.tenant, event.thread_id))
            if kept is not None:
                self._size += kept.wait(event)
                if len(kept.pending) >= self._bounds.pending_events or kept.pending_bytes > _PENDING_BYTES:
                    self._fold_pending(kept)
        self._make_room()

    def at_hand(self, tenant: str, thread_id: str) -> ThreadState | None:
        """The state as this process knows it, without looking for what others have written."""
        key = (tenant, thread_id)
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        if kept.pending:
            self._fold_pending(kept)
        return kept.state

    async def load_for_judging(self, tenant: str, thread_id: str, *, at_least: int | None = None) -> ThreadState:
        """A state that can say who may do what with the thread and what type an item has.

        It may lack updates of items, which change neither: so a stream of them is not folded one by one.

        Args:
            at_least: the seq up to which the state must reach: if this process knows the thread so far, the log is not
                read. None: as far as was acknowledged before this call.

        Raises:
            LogError: the log cannot be read.
        """
        known = self.judge_at_hand(tenant, thread_id)
        if known is None:
            return await self.load(tenant, thread_id)
        state, seq = known
        if at_least is not None and at_least <= seq:
            return state
        page = await self._log.read_thread(tenant, thread_id, after=seq, limit=1)
        return state if page.last_seq == seq else await self.load(tenant, thread_id)

    def judge_at_hand(self, tenant: str, thread_id: str) -> tuple[ThreadState, int] | None:
        """Such a state as this process knows it, and the seq up to which it can judge; None for a thread not at hand.

        Others may have written since: it holds for an append that expects exactly this seq.
        """
        key = (tenant, thread_id)
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        if kept.pending and not kept.differs_by_updates():
            self._fold_pending(kept)
        return kept.state, kept.state.seq + len(kept.pending)

    async def load(self, tenant: str, thread_id: str) -> ThreadState:
        """The state with everything that was acknowledged before this call; an empty one where there is no thread.

        Raises:
            LogError: the log cannot be read.
        """
        key = (tenant, thread_id)
        while (state := self.at_hand(*key)) is None:
            task = self._loading.get(key)
            if task is None:
                return await asyncio.shield(self._begin(key))
            await asyncio.shield(task)  # it may have read before this call, so look again
        return await self._catch_up(key, state)

    async def load_at(self, tenant: str, thread_id: str, seq: int) -> ThreadState:
        """The state at a seq that the thread has. Nothing is kept of it.

        Raises:
            LogError: the log cannot be read.
        """
        state = await self.snapshots.load(tenant, thread_id, at_most=seq)
        while state.seq < seq:
            page = await self._log.read_thread(tenant, thread_id, after=state.seq, limit=self._limit(seq - state.seq))
            state = self._applied(state, page.events, seq)
        return state

    async def close(self) -> None:
        """Stop what is under way; snapshots that are not saved yet are given up."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loading.clear()  # of those that were cancelled before they began
        await self.snapshots.close()
        self._kept.clear()
        self._size = 0

    def _begin(self, key: Key) -> asyncio.Task[ThreadState]:
        task = self._loading[key] = asyncio.create_task(self._load(key))
        task.add_done_callback(_seen)
        return task

    async def _load(self, key: Key) -> ThreadState:
        """Fold a thread that is not at hand, and keep it."""
        try:
            state, saved_seq = await self._fold(key)
            if state.seq:
                self._keep(key, _Kept(state, saved_seq))
            return state
        finally:
            del self._loading[key]  # here and not in a callback, before which others could join what has ended

    async def _fold(self, key: Key) -> tuple[ThreadState, int]:
        """A state made from the log alone, and the seq of the snapshot that it was begun with."""
        start = await self.snapshots.load(*key)
        return await self._read_on(start), start.seq

    async def _read_on(self, state: ThreadState) -> ThreadState:
        """Fold page after page; while one is folded, the next is being read."""
        page = await self._next_page(state.tenant, state.thread_id, state.seq)
        while page.events and page.events[-1].seq < page.last_seq:
            ahead = asyncio.create_task(self._next_page(state.tenant, state.thread_id, page.events[-1].seq))
            try:
                await asyncio.sleep(0)  # let it be sent
                state = self._applied(state, page.events, page.last_seq)
                page = await ahead
            except BaseException:
                ahead.cancel()
                raise
        return self._applied(state, page.events, page.last_seq)

    async def _next_page(self, tenant: str, thread_id: str, after: int) -> ThreadPage:
        return await self._log.read_thread(tenant, thread_id, after=after, limit=self._limit())

    async def _catch_up(self, key: Key, state: ThreadState) -> ThreadState:
        page = await self._log.read_thread(*key, after=state.seq, limit=self._limit())
        if page.last_seq < state.seq:  # not the history that was folded
            self._forget(key)
            return await self.load(*key)
        if not page.events:
            return state
        state = self._applied(state, page.events, page.last_seq)
        if state.seq < page.last_seq:
            state = await self._read_on(state)
        kept = self._kept.get(key)
        if kept is None:
            self._keep(key, _Kept(state, state.seq))
        elif kept.state.seq < state.seq:
            kept.state = state
            self._account(kept)
        return state

    def _applied(self, state: ThreadState, events: Sequence[Event], last_seq: int) -> ThreadState:
        """The state after events that were read from the log, where it goes on to `last_seq`.

        Raises:
            LogCorrupt: they do not follow on the state.
        """
        if not events and last_seq <= state.seq:
            return state
        if not events or events[0].seq != state.seq + 1 or events[-1].seq != state.seq + len(events):
            raise LogCorrupt(
                f"thread {state.thread_id!r} does not go on with seq {state.seq + 1}; verify the log.",
                f"thread {state.thread_id!r} after seq {state.seq}",
            )
        return state.apply_all(lifted(self._registry, events))

    def _fold_pending(self, kept: _Kept) -> None:
        following = _following(kept.take_pending(), kept.state.seq)
        kept.state = kept.state.apply_all(lifted(self._registry, following))
        self._account(kept)

    def _keep(self, key: Key, kept: _Kept) -> None:
        self._kept[key] = kept
        self._account(kept)

    def _forget(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size -= kept.size

    def _account(self, kept: _Kept) -> None:
        """Reckon with a state that has changed: its memory, and whether a snapshot is due."""
        size = kept.state.size + kept.pending_bytes + _OVERHEAD
        self._size += size - kept.size
        kept.size = size
        if self.snapshots.offer(kept.state, kept.saved_seq):
            kept.saved_seq = kept.state.seq
        self._make_room()

    def _make_room(self) -> None:
        """Give up the states that were not used for longest."""
        while self._size > self._bounds.bytes and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _limit(self, most: int | None = None) -> int:
        limit = self._log.info.limits.page_events
        return limit if most is None else min(most, limit)


def _seen(task: asyncio.Task[ThreadState]) -> None:
    """Look at the outcome of a task, should all who asked for it have gone."""
    if not task.cancelled():
        task.exception()


def _following(events: Sequence[Event], seq: int) -> list[Event]:
    """Those of `events` that follow on `seq` without a gap. Where others wrote in between, a read brings the rest."""
    following: list[Event] = []
    for event in events:
        if event.seq == seq + 1:
            following.append(event)
            seq = event.seq
    return following


class _Kept:
    """A state at hand, and what was committed since."""

    __slots__ = ("only_updates", "pending", "pending_bytes", "saved_seq", "size", "state")

    def __init__(self, state: ThreadState, saved_seq: int) -> None:
        self.state = state
        self.saved_seq = saved_seq
        """Where its last snapshot is, as far as known."""
        self.size = 0
        self.pending: list[Event] = []
        self.pending_bytes = 0
        self.only_updates = True

    def wait(self, event: Event) -> int:
        """Put a committed event to those that are not folded yet; gives the memory that it takes."""
        self.pending.append(event)
        self.only_updates = self.only_updates and event.type == "thread.item.updated"
        size = len(event.data) + _EVENT
        self.pending_bytes += size
        self.size += size
        return size

    def take_pending(self) -> list[Event]:
        """Give the waiting events away."""
        pending, self.pending, self.pending_bytes, self.only_updates = self.pending, [], 0, True
        return pending

    def differs_by_updates(self) -> bool:
        """Whether what waits follows on the state, and is nothing but updates of items."""
        first, last = self.pending[0].seq, self.pending[-1].seq
        follows = first == self.state.seq + 1 and last == self.state.seq + len(self.pending)
        return follows and self.only_updates
