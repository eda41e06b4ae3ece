"""Sending appends to the log: conflicts decided again, lost answers asked for again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from threadlog.log import (
    Append,
    Appended,
    Committer,
    Duplicate,
    Event,
    EventLog,
    Expected,
    IdReused,
    NewEvent,
    Outcome,
    OutcomeUnknown,
)
from threadlog.log.telemetry import current_traceparent
from threadlog.model import new_id
from threadlog.projection import StateCache, ThreadState
from threadlog.store.access import Principal
from threadlog.store.errors import AppendIdReused, StoreConflict

_log = logging.getLogger("threadlog.store")

Draft: TypeAlias = Callable[[ThreadState], Sequence[NewEvent]]
"""Decides what is to be appended to a thread as it is; none means that there is nothing to do."""


class WriteBounds(Struct, frozen=True, kw_only=True):
    """How often a write is tried."""

    conflicts: int = 20
    """Times that a decider is asked again because another writer was first."""
    unknown: int = 3
    """Times that an append is sent again because its answer was lost."""
    pause_seconds: float = 0.02
    """Wait before the first of those; each later one waits twice as long."""


class Sender:
    """Writes to streams, for principals whose rights are checked by whoever asks for it."""

    def __init__(self, log: EventLog, committer: Committer, cache: StateCache, bounds: WriteBounds) -> None:
        self._log, self._committer, self._cache, self._bounds = log, committer, cache, bounds

    async def send(
        self,
        principal: Principal,
        thread_id: str,
        events: Sequence[NewEvent],
        expected: Expected,
        append_id: str,
        run_id: str | None = None,
    ) -> Outcome:
        """Append, asking again under the same append id where an answer was lost.

        Raises:
            LogError: see `Committer.append`.
        """
        append = Append(
            tenant=principal.tenant,
            thread_id=thread_id,
            append_id=append_id,
            expected=expected,
            events=tuple(events),
            actor=principal.actor,
            run_id=run_id,
            trace=current_traceparent(),
        )
        for failures in range(self._bounds.unknown):
            try:
                return await self._committer.append(append)
            except OutcomeUnknown as error:
                _log.warning("the outcome of append %s is asked for again: %s", append_id, error)
                await asyncio.sleep(self._bounds.pause_seconds * 2**failures)
        return await self._committer.append(append)

    async def decide(
        self,
        principal: Principal,
        thread_id: str,
        draft: Draft,
        append_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[tuple[Event, ...], ThreadState]:
        """Append what `draft` decides for the thread as it is; on a conflict it decides again.

        Returns:
            The stored events, and the thread's state with them.

        Raises:
            StoreConflict: other writers were first again and again.
            AppendIdReused: the append id names another append.
            LogError: see `Committer.append`.
        """
        append_id = append_id or new_id("append")
        conflicts = 0
        while True:
            state = await self._cache.load(principal.tenant, thread_id)
            events = draft(state)
            if not events:
                return (), state
            outcome = await self.send(principal, thread_id, events, state.seq, append_id, run_id)
            if isinstance(outcome, Appended | Duplicate):
                return outcome.events, await self.state_with(state, outcome)
            if isinstance(outcome, IdReused):
                raise await self.reused(principal, thread_id, append_id, outcome)
            conflicts += 1
            if conflicts > self._bounds.conflicts:
                raise StoreConflict(
                    f"other writers keep changing thread {thread_id!r}; try again.", outcome.current_seq
                )

    async def state_with(self, before: ThreadState, outcome: Appended | Duplicate) -> ThreadState:
        """The thread's state with an append, and with what may have come after it."""
        state = self._cache.at_hand(before.tenant, before.thread_id)
        if state is not None and state.seq >= outcome.events[-1].seq:
            return state
        return await self._cache.load(before.tenant, before.thread_id)

    async def reused(self, principal: Principal, thread_id: str, append_id: str, outcome: IdReused) -> AppendIdReused:
        """The error for an append id that names another append."""
        page = await self._log.read_thread(
            principal.tenant,
            thread_id,
            after=outcome.first_seq - 1,
            limit=self._log.info.limits.append_events,
        )
        return AppendIdReused(append_id, tuple(event for event in page.events if event.append_id == append_id))
