"""Snapshots of thread states: stored beside the log, never the truth."""

from __future__ import annotations

import asyncio
import logging

from threadlog.log import EventLog, LogError, Snapshot
from threadlog.model import Registry
from threadlog.projection.state import ThreadState
from threadlog.projection.stored import PROJECTION, VERSION

_log = logging.getLogger("threadlog.projection")

_MEGABYTE = 1_000_000
_AT_ONCE = 4
_PAUSE = 0.005
"""Seconds before a state is encoded, which takes some: whoever loaded it is to have it first."""


class Snapshots:
    """Saves states in the background and finds them again.

    A snapshot that cannot be saved or read, or that is of another history than the log's, is as good as none.

    Args:
        every: a snapshot is due after so many events, and as many again for each megabyte of the state, so that
            writing snapshots stays a small part of the work.
    """

    def __init__(self, log: EventLog, registry: Registry, *, every: int) -> None:
        self._log, self._registry, self._every = log, registry, every
        self._saving: set[asyncio.Task[None]] = set()

    async def load(self, tenant: str, thread_id: str, *, at_most: int | None = None) -> ThreadState:
        """The state of the newest snapshot, not beyond the seq `at_most`; the empty state if there is none.

        Raises:
            LogError: the log cannot be read.
        """
        empty = ThreadState.empty(tenant, thread_id, self._registry)
        snapshot = await self._find(tenant, thread_id)
        if snapshot is None or (at_most is not None and snapshot.seq > at_most):
            return empty
        page = await self._log.read_thread(tenant, thread_id, after=snapshot.seq - 1, limit=1)
        if not page.events or page.events[0].seq != snapshot.seq or page.events[0].check != snapshot.check:
            _log.warning(
                "the snapshot of thread %s at %d is of another history; it is not used", thread_id, snapshot.seq
            )
            return empty
        return self._read(snapshot) or empty

    def offer(self, state: ThreadState, since: int) -> bool:
        """Save a state in the background if that is due, `since` being the seq of the last snapshot.

        Returns:
            Whether it is being saved.
        """
        due = self._every * (1 + state.size // _MEGABYTE)
        if state.seq - since < due or len(self._saving) >= _AT_ONCE or self._log.info.read_only:
            return False
        task = asyncio.create_task(self._save(state))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)
        return True

    async def settle(self) -> None:
        """Wait until what is being saved is saved."""
        await asyncio.gather(*self._saving)

    async def close(self) -> None:
        """Give up what is being saved."""
        for task in self._saving:
            task.cancel()
        await asyncio.gather(*self._saving, return_exceptions=True)

    async def _find(self, tenant: str, thread_id: str) -> Snapshot | None:
        try:
            return await self._log.load_snapshot(tenant, thread_id, PROJECTION, VERSION)
        except LogError as error:
            _log.warning("the snapshot of thread %s cannot be read: %s", thread_id, error)
            return None

    def _read(self, snapshot: Snapshot) -> ThreadState | None:
        try:
            state = ThreadState.from_json(snapshot.tenant, snapshot.thread_id, snapshot.state, self._registry)
        except ValueError as error:
            _log.warning("the snapshot of thread %s is damaged: %s", snapshot.thread_id, error)
            return None
        return state if state.seq == snapshot.seq else None

    async def _save(self, state: ThreadState) -> None:
        await asyncio.sleep(_PAUSE)
        assert state.check is not None
        snapshot = Snapshot(
            tenant=state.tenant,
            thread_id=state.thread_id,
            projection=PROJECTION,
            version=VERSION,
            seq=state.seq,
            check=state.check,
            state=state.to_json(),
        )
        try:
            await self._log.save_snapshot(snapshot)
        except LogError as error:
            _log.warning("the snapshot of thread %s cannot be saved: %s", state.thread_id, error)
