"""Appends in the name of one run, as long as the thread's log says that it is the active one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from threadlog.log import LogBusy, NewEvent, OutcomeUnknown
from threadlog.model import ThreadEvent, new_id
from threadlog.projection import ThreadState
from threadlog.runs.errors import RunFenced
from threadlog.store import Principal, StoreConflict, ThreadDeleted, ThreadNotFound, ThreadStore

T = TypeVar("T")

_log = logging.getLogger("threadlog.runs")


class Fence:
    """Appends to a thread in the name of one run, each time on the exact seq that the run knows.

    A legitimate second writer (a title, a comment, a request to cancel) costs a look at the thread and another try
    under the same append id. Once the run is not the active one any more, it appends nothing.

    Args:
        expected: the thread's last seq as the run knows it.
        on_catch_up: told of the thread's state whenever another writer was first.
    """

    def __init__(
        self,
        store: ThreadStore,
        principal: Principal,
        thread_id: str,
        run_id: str,
        *,
        expected: int,
        retries: int,
        on_catch_up: Callable[[ThreadState], None],
    ) -> None:
        self._store, self._principal = store, principal
        self._thread_id, self._run_id = thread_id, run_id
        self._expected, self._retries, self._on_catch_up = expected, retries, on_catch_up

    async def append(self, events: Sequence[NewEvent | ThreadEvent]) -> None:
        """Store events, all or none.

        Raises:
            RunFenced: the run is not the thread's active one.
            LogError: the log cannot store them.
        """
        append_id = new_id("append")
        while not await persist(lambda: self._try(events, append_id), self._retries):
            await self.catch_up()

    async def catch_up(self) -> ThreadState:
        """Look at the thread as it is.

        Raises:
            RunFenced: the run is not its active one.
        """
        try:
            state = await self._store.state(self._principal, self._thread_id)
        except (ThreadNotFound, ThreadDeleted) as error:
            raise self._fenced() from error
        if state.active_run is None or state.active_run.id != self._run_id:
            raise self._fenced()
        self._expected = state.seq
        self._on_catch_up(state)
        return state

    async def _try(self, events: Sequence[NewEvent | ThreadEvent], append_id: str) -> bool:
        try:
            outcome = await self._store.append(
                self._principal,
                self._thread_id,
                events,
                expected=self._expected,
                append_id=append_id,
                run_id=self._run_id,
            )
        except StoreConflict:
            return False
        except (ThreadNotFound, ThreadDeleted) as error:
            raise self._fenced() from error
        self._expected = outcome.next_expected
        return True

    def _fenced(self) -> RunFenced:
        return RunFenced(f"{self._run_id} is not the thread's active run any more; its output is refused.")


async def persist(attempt: Callable[[], Awaitable[T]], retries: int) -> T:
    """Try again what found the log busy, died without an answer, or came second to other writers too often.

    Args:
        attempt: must use one append id throughout.
        retries: how often it is tried again.

    Raises:
        OutcomeUnknown, LogBusy, StoreConflict: also the last of the retries did.
    """
    for failures in range(1, retries + 1):
        try:
            return await attempt()
        except (OutcomeUnknown, LogBusy, StoreConflict) as error:
            _log.warning("an append is tried again: %s", error)
            await asyncio.sleep(min(2.0, 0.02 * 2**failures))
    return await attempt()
