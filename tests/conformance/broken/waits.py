"""Broken logs: what goes wrong where a call waits: it is cancelled there, or another one comes (several clauses)."""

from __future__ import annotations

import asyncio
import os

from conformance.broken.base import BrokenLog, replace
from threadlog.log import MemoryLog
from threadlog.log.memory import _by_append


class _Locked(BrokenLog):
    """Calls that share one lock, which a cancelled one keeps."""

    locked = False

    async def alone(self, call):
        """Run a call under the lock."""
        while self.locked:  # noqa: ASYNC110 - a broken log need not be a good one
            await asyncio.sleep(0.001)
        self.locked = True
        result = await call()
        self.locked = False
        return result

    async def close(self):
        self.locked = False
        await super().close()


class LockedByReads(_Locked):
    """A read that was cancelled never gives its lock back."""

    clause = "R2"

    async def read_thread(self, tenant, thread_id, **page):
        self._check_open()
        if page.get("after", 0) < 0 or page.get("limit", 1) < 1:
            return await super().read_thread(tenant, thread_id, **page)
        return await self.alone(lambda: MemoryLog.read_thread(self, tenant, thread_id, **page))


class LockedByListing(_Locked):
    """A listing that was cancelled never gives its lock back."""

    clause = "H1"

    async def list_heads(self, tenant, **page):
        self._check_open()
        if page.get("limit", 1) < 1:
            return await super().list_heads(tenant, **page)
        return await self.alone(lambda: MemoryLog.list_heads(self, tenant, **page))


class LockedBySnapshots(_Locked):
    """Saving a snapshot, when cancelled, never gives its lock back."""

    clause = "S1"

    async def save_snapshot(self, snapshot):
        self._check_open()
        await self.alone(lambda: MemoryLog.save_snapshot(self, snapshot))


class RestoresBitByBit(BrokenLog):
    """Between the appends of a restore, others have their turn, and a cancellation its place."""

    clause = "C1"

    async def restore(self, shard, events):
        await self._turn()
        new = self._shard(shard).new_of(events)
        if any(event.shard != shard for event in new):
            return await super().restore(shard, events)
        for group in _by_append(new):
            self._shard(shard).store(group)
            await asyncio.sleep(0)
        return self._shard(shard).last_position


class OneWakerForAll(BrokenLog):
    """All who wait wait for one future, which the cancellation of one of them cancels."""

    clause = "F3"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.wakers = {}

    async def wait(self, shard, *, after, timeout):
        await self._turn()
        if self._shard(shard).last_position <= after and timeout > 0:
            waker = self.wakers.get(shard)
            if waker is None or waker.done():
                waker = self.wakers[shard] = asyncio.ensure_future(self._shard(shard).wait(timeout))
            await waker
            self._check_open()
        return self._shard(shard).last_position


class LooksThenWaits(BrokenLog):
    """Between the look at the last position and the waiting there is a moment in which an append is not heard."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        await self._turn()
        if self._shard(shard).last_position <= after and timeout > 0:
            await asyncio.sleep(0)
            await self._shard(shard).wait(timeout)
            self._check_open()
        return self._shard(shard).last_position


class EndLookedUpLater(BrokenLog):
    """A page of the shard says that it has looked to an end that is looked up after its events."""

    clause = "F2"

    async def read_shard(self, shard, **page):
        found = await super().read_shard(shard, **page)
        if found.looked_to < found.last_position or not found.events:
            return found
        await asyncio.sleep(0)
        last = self._shard(shard).last_position
        return replace(found, looked_to=last, last_position=last)


class ClosesOnce(BrokenLog):
    """A closing that is cancelled does not get to its file, and the next one finds the log closed."""

    clause = "L1"

    async def open(self):
        if not self._open:
            await super().open()
            self.pipe = os.pipe()

    async def close(self):
        if self._open:
            await super().close()
            await asyncio.sleep(0)
            for file in self.pipe:
                os.close(file)


class OpensHalf(BrokenLog):
    """An opening that is cancelled has opened a file, and closing does not know of it."""

    clause = "L1"

    async def open(self):
        if not self._open:
            pipe = os.pipe()
            await asyncio.sleep(0)
            await super().open()
            self.pipe = pipe

    async def close(self):
        if self._open:
            await super().close()
            for file in self.pipe:
                os.close(file)


class SeesHalf(BrokenLog):
    """The events of an append are shown one after the other (A2): only a record of what was read meanwhile shows it."""

    async def append(self, shard, appends):
        shown = {key: thread.last_seq for key, thread in self._shard(shard).threads.items()}
        outcomes = await super().append(shard, appends)
        self.shown = shown
        await asyncio.sleep(0)
        self.shown = {}
        return outcomes

    shown: dict = {}  # noqa: RUF012 - replaced, never changed

    async def read_thread(self, tenant, thread_id, **page):
        found = await MemoryLog.read_thread(self, tenant, thread_id, **page)
        end = self.shown.get((tenant, thread_id), found.last_seq) + 1
        if end >= found.last_seq:
            return found
        return replace(found, events=tuple(event for event in found.events if event.seq <= end), last_seq=end)


class SwallowsCancellation(BrokenLog):
    """A wait that is woken by whatever happens goes on waiting, though it was cancelled in the same moment."""

    clause = "F3"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.happened = asyncio.Event()

    async def wait(self, shard, *, after, timeout):
        await self._turn()
        until = asyncio.get_running_loop().time() + timeout
        while self._open and self._shard(shard).last_position <= after:
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                await asyncio.wait([asyncio.ensure_future(self.happened.wait())], timeout=left)
            except asyncio.CancelledError:
                if not self.happened.is_set():
                    raise
            self.happened.clear()
        self._check_open()
        return self._shard(shard).last_position

    async def append(self, shard, appends):
        try:
            return await super().append(shard, appends)
        finally:
            self.happened.set()

    async def restore(self, shard, events):
        try:
            return await super().restore(shard, events)
        finally:
            self.happened.set()

    async def close(self):
        self.happened.set()
        await super().close()
