"""Writing to threads: rights asked for, events made ready, sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from threadlog.log import (
    Appended,
    Conflict,
    Duplicate,
    Event,
    EventLog,
    Expect,
    Expected,
    IdReused,
    NewEvent,
    Outcome,
)
from threadlog.model import Page, Thread, ThreadCreatedEvent, ThreadEvent, ThreadMetadata
from threadlog.projection import StateCache, ThreadState
from threadlog.store.access import Principal, Right, check_create, check_thread, right_of
from threadlog.store.drafts import Drafts, check_known_thread_id, check_new_thread_id, right_for
from threadlog.store.errors import StoreConflict, StoreError, ThreadDeleted, ThreadExists, ThreadNotFound
from threadlog.store.sending import Sender

Events: TypeAlias = "Sequence[ThreadEvent | NewEvent]"

Decider: TypeAlias = Callable[[ThreadState], Events]
"""Decides what is to be appended to a thread as it is: a pure function, as it may be asked again. Its own errors reach
the caller."""


class _Write(Struct, frozen=True):
    """What somebody wants to write."""

    principal: Principal
    thread_id: str
    events: Events
    append_id: str
    run_id: str | None


class Writer:
    """Writes to threads for principals. See the methods of `ThreadStore` of the same names for the errors."""

    def __init__(self, log: EventLog, cache: StateCache, drafts: Drafts, sender: Sender) -> None:
        self._log, self._cache, self._drafts, self._sender = log, cache, drafts, sender
        self._under_way: set[tuple[str, str]] = set()
        """Threads to which an append is under way that was judged by what was at hand."""

    async def append(
        self,
        principal: Principal,
        thread_id: str,
        events: Events,
        expected: Expected,
        append_id: str,
        run_id: str | None,
    ) -> Appended | Duplicate:
        """Append events to a thread, all or none."""
        check_known_thread_id(thread_id)
        write = _Write(principal, thread_id, events, append_id, run_id)
        if expected == 0 or expected is Expect.NO_THREAD:
            outcome = await self._send(write, await self._beginning(principal, thread_id, events), expected)
        elif isinstance(expected, int):
            state = self._at_hand_up_to(write, expected) or await self._cache.load_for_judging(
                principal.tenant, thread_id, at_least=expected
            )
            outcome = await self._send(write, self._judged(write, state), expected)
        else:
            outcome = await self._go_on_at_hand(write) or await self._go_on(write, expected)
        if isinstance(outcome, Appended | Duplicate):
            return outcome
        if isinstance(outcome, IdReused):
            raise await self._sender.reused(principal, thread_id, append_id, outcome)
        raise _refusal(thread_id, outcome)

    async def decide(
        self,
        principal: Principal,
        thread_id: str,
        decider: Decider,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[tuple[Event, ...], ThreadState]:
        """Append what `decider` decides for the whole state; gives the stored events and the state with them."""

        def draft(state: ThreadState) -> Sequence[NewEvent]:
            check_thread(principal, state, Right.READ)
            events = decider(state)
            if events:
                check_thread(principal, state, right_for(events))
            return self._drafts.go_on(state, events)

        check_known_thread_id(thread_id)
        return await self._sender.decide(principal, thread_id, draft, append_id, run_id)

    async def create(self, principal: Principal, thread: ThreadMetadata, append_id: str) -> ThreadMetadata:
        """Begin a thread; give the one that an earlier call with the same append id began."""
        check_create(principal)
        check_new_thread_id(thread.id)
        events = self._drafts.begin(thread.id, [ThreadCreatedEvent(thread=whole(thread))], principal.user)
        outcome = await self._sender.send(principal, thread.id, events, Expect.NO_THREAD, append_id)
        if isinstance(outcome, Appended | Duplicate):
            return thread
        return await self._created_before(principal, thread, append_id)

    async def _created_before(self, principal: Principal, thread: ThreadMetadata, append_id: str) -> ThreadMetadata:
        state = await self._cache.load(principal.tenant, thread.id)
        metadata = state.metadata
        if metadata is None or state.deleted or right_of(principal, state) < Right.WRITE:
            raise ThreadExists(thread.id)
        first = (await self._log.read_thread(principal.tenant, thread.id, limit=1)).events[0]
        begun = ThreadState.fold([first]).metadata
        same = begun is not None and (begun.title, begun.metadata) == (thread.title, thread.metadata)
        if first.append_id != append_id or not same:
            raise ThreadExists(thread.id)
        return metadata

    def _at_hand_up_to(self, write: _Write, seq: int) -> ThreadState | None:
        """The thread as this process knows it, if it knows it up to `seq`.

        For an append that expects just this seq that will do: if the thread has gone on since, nothing is written.
        """
        known = self._cache.judge_at_hand(write.principal.tenant, write.thread_id)
        return None if known is None or known[1] < seq else known[0]

    async def _go_on(self, write: _Write, expected: Expected) -> Outcome:
        state = await self._cache.load_for_judging(write.principal.tenant, write.thread_id)
        return await self._send(write, self._judged(write, state), expected)

    async def _go_on_at_hand(self, write: _Write) -> Outcome | None:
        """Append to a thread as this process knows it, without a look at what others may have written.

        None: that is not enough, for the thread has gone on, or looks as if it would refuse this; look first.
        """
        known = self._cache.judge_at_hand(write.principal.tenant, write.thread_id)
        key = (write.principal.tenant, write.thread_id)
        if known is None or key in self._under_way:  # with another append under way, the thread will have gone on
            return None
        state, seq = known
        try:
            new = self._judged(write, state)
        except StoreError:
            return None
        self._under_way.add(key)
        try:
            outcome = await self._send(write, new, seq)
        finally:
            self._under_way.discard(key)
        return None if isinstance(outcome, Conflict) else outcome

    def _judged(self, write: _Write, state: ThreadState) -> tuple[NewEvent, ...]:
        check_thread(write.principal, state, right_for(write.events))
        return self._drafts.go_on(state, write.events)

    def _send(self, write: _Write, new: Sequence[NewEvent], expected: Expected) -> Awaitable[Outcome]:
        return self._sender.send(write.principal, write.thread_id, new, expected, write.append_id, write.run_id)

    async def _beginning(self, principal: Principal, thread_id: str, events: Events) -> tuple[NewEvent, ...]:
        """The events that are to begin a thread. It may be a retry, so that the thread may be there."""
        check_create(principal)
        state = await self._cache.load(principal.tenant, thread_id)
        if state.seq == 0:
            check_new_thread_id(thread_id)
        elif right_of(principal, state) < Right.WRITE:
            raise ThreadExists(thread_id)
        return self._drafts.begin(thread_id, events, principal.user)


def whole(thread: ThreadMetadata) -> Thread:
    """Metadata as events carry it: a thread without items. All fields, for one may have been changed in place."""
    fields = {name: getattr(thread, name) for name in ThreadMetadata.model_fields} | (thread.model_extra or {})
    return Thread.model_construct({*thread.model_fields_set, "items"}, **{**fields, "items": Page()})


def _refusal(thread_id: str, conflict: Conflict) -> StoreError:
    if conflict.deleted:
        return ThreadDeleted(thread_id)
    if conflict.current_seq == 0:
        return ThreadNotFound(thread_id)
    return StoreConflict(
        f"thread {thread_id!r} is at seq {conflict.current_seq} and not as you expected; catch up and decide again.",
        conflict.current_seq,
    )
