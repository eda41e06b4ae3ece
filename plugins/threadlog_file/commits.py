"""From a call to the disk: plan, write, take into the index, wake. One call of a shard at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from threadlog.log import Append, Event, LogClosed, Outcome
from threadlog_file.doorbell import Doorbell
from threadlog_file.planning import Plan, Planner
from threadlog_file.reading import ShardReader
from threadlog_file.restoring import Restorer
from threadlog_file.sealing import Sealing
from threadlog_file.shard import Shard
from threadlog_file.syncing import SyncPolicy
from threadlog_file.writer import ShardWriter, Written


class Commits:
    """Stores what is given to one shard."""

    def __init__(
        self,
        shard: Shard,
        reader: ShardReader,
        writer: ShardWriter,
        policy: SyncPolicy,
        workers: Executor,
        bell: Doorbell,
        *,
        shards: int,
    ) -> None:
        self._shard = shard
        self._reader = reader
        self._writer = writer
        self._policy = policy
        self._workers = workers
        self._bell = bell
        self._planner = Planner(shard, reader)
        self._restorer = Restorer(shard, reader, self._planner, shards)
        self._lock = asyncio.Lock()
        self._sealing: set[asyncio.Future[bool]] = set()
        self._closed = False

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store appends (see `EventLog.append`)."""
        plan = await self._commit(lambda: self._planner.plan(appends, time.time_ns() // 1000))
        return plan.outcomes

    async def restore(self, events: Sequence[Event]) -> int:
        """Take over events (see `EventLog.restore`)."""
        plan = await self._commit(lambda: self._restorer.plan(events))
        return plan.position

    async def close(self) -> None:
        """Wait for the call that is being stored, and for indexes being written; take no more."""
        self._closed = True
        async with self._lock:
            pass
        if self._sealing:
            await asyncio.wait(self._sealing)

    async def _commit(self, make: Callable[[], Plan]) -> Plan:
        async with self._lock:
            if self._closed:
                raise LogClosed("the log was closed before the append was stored.")
            plan = self._reader.healed(make)
            if plan.count:
                await self._store(plan)
            return plan

    async def _store(self, plan: Plan) -> None:
        body = b"".join(plan.parts)
        if self._policy.inline:
            self._apply(plan, self._write(plan.count, body))
            return
        written = asyncio.get_running_loop().run_in_executor(self._workers, self._write, plan.count, body)
        cancelled = await _settle(written)
        self._apply(plan, written.result())
        if cancelled is not None:
            raise cancelled

    def _write(self, count: int, body: bytes) -> Written:
        start = time.perf_counter()
        written = self._writer.write(count, body)
        self._policy.note(time.perf_counter() - start)
        return written

    def _apply(self, plan: Plan, written: Written) -> None:
        """Let readers of this process see what has been stored."""
        try:
            self._take(plan, written)
        except Exception as error:
            raise self._writer.stop(f"taking what was stored into the index failed ({error})") from error
        self._bell.ring()

    def _take(self, plan: Plan, written: Written) -> None:
        shard = self._shard
        if not shard.segments or shard.segments[-1].first != written.segment:
            self._seal()
            shard.begin(written.segment)
        shard.note_frame(plan.first, plan.count, written.offset, written.size, written.stamp, plan.appends)
        shard.mark = written.mark
        self._planner.committed(plan)

    def _seal(self) -> None:
        """Have the index of the last segment written, now that another one begins."""
        if not self._shard.segments:
            return
        sealing = Sealing(self._shard)
        written = asyncio.get_running_loop().run_in_executor(self._workers, sealing.write)
        self._sealing.add(written)

        def adopt(done: asyncio.Future[bool]) -> None:
            self._sealing.discard(done)
            if not done.cancelled() and done.exception() is None and done.result() and not self._closed:
                sealing.adopt()

        written.add_done_callback(adopt)


async def _settle(future: asyncio.Future[Written]) -> asyncio.CancelledError | None:
    """Wait until `future` is done, whatever comes; returns the cancellation that came meanwhile.

    What has been handed to the disk cannot be called back, and the shard's lock must be held until its fate is known.
    """
    cancelled = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
