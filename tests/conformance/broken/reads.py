"""Broken logs: reading and waiting (R1, R2, F1, F2, F3)."""

from __future__ import annotations

import asyncio

from conformance.broken.base import LIMITS, BrokenLog, replace
from threadlog.log import ShardPage


class BackwardIncludes(BrokenLog):
    """Backward, a page begins with the event that the reader already has."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, *, after=0, limit=100, backward=False):
        if backward and after:
            after += 1
        return await super().read_thread(tenant, thread_id, after=after, limit=limit, backward=backward)


class OneTooMany(BrokenLog):
    """A page holds one event more than it was asked for."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, *, after=0, limit=100, backward=False):
        more = limit + 1 if limit > 1 else limit
        return await super().read_thread(tenant, thread_id, after=after, limit=more, backward=backward)


class Unbounded(BrokenLog):
    """A page is as long as the caller likes."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, **arguments):
        self._info = replace(self._info, limits=replace(LIMITS, page_events=10**9))
        try:
            return await super().read_thread(tenant, thread_id, **arguments)
        finally:
            self._info = replace(self._info, limits=LIMITS)


class LastSeqOfThePage(BrokenLog):
    """`last_seq` is that of the page."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        last = max((event.seq for event in page.events), default=page.last_seq)
        return replace(page, last_seq=last)


class RemembersAbsence(BrokenLog):
    """A thread that was looked for before it was made is not found later."""

    clause = "R2"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.absent = set()

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        if page.last_seq == 0:
            self.absent.add((tenant, thread_id))
        hidden = (tenant, thread_id) in self.absent and page.last_seq == 1
        return replace(page, events=(), last_seq=0) if hidden else page


class StaleBackward(BrokenLog):
    """The last page of a thread comes from a cache."""

    clause = "R2"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.cache = {}

    async def read_thread(self, tenant, thread_id, *, after=0, limit=100, backward=False):
        page = await super().read_thread(tenant, thread_id, after=after, limit=limit, backward=backward)
        if not backward or after:
            return page
        return self.cache.setdefault((tenant, thread_id, limit), page)


class SplitsAppends(BrokenLog):
    """A page of a shard ends exactly at its limit."""

    clause = "F1"

    async def read_shard(self, shard, *, after=0, limit=100, tenant=None):
        page = await super().read_shard(shard, after=after, limit=limit, tenant=tenant)
        if tenant is not None or len(page.events) <= limit:
            return page
        events = page.events[:limit]
        return ShardPage(events, events[-1].position, page.last_position)


class TurnsInPlace(BrokenLog):
    """A page without events of the tenant has looked nowhere."""

    clause = "F1"

    async def read_shard(self, shard, *, after=0, limit=100, tenant=None):
        page = await super().read_shard(shard, after=after, limit=limit, tenant=tenant)
        return page if page.events or tenant is None else replace(page, looked_to=after)


class PassesWhatIsUnderWay(BrokenLog):
    """Positions are given before events can be seen, and readers pass over the hole."""

    clause = "F2"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.hidden = set()

    async def append(self, shard, appends):
        outcomes = await super().append(shard, appends)
        mine = {event.id for outcome in outcomes for event in getattr(outcome, "events", ())}
        self.hidden |= mine
        for _ in range(3):
            await asyncio.sleep(0)
        self.hidden -= mine
        return outcomes

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        return replace(page, events=tuple(event for event in page.events if event.id not in self.hidden))


class LooksTooFar(BrokenLog):
    """The end of the shard is asked for after the page was read, and the page claims to have looked so far."""

    clause = "F2"

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        if page.looked_to < page.last_position:
            return page
        await asyncio.sleep(0)
        last = self._shard(shard).last_position
        return replace(page, looked_to=max(last, page.looked_to), last_position=last)


class Sleeper(BrokenLog):
    """Nobody is woken."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        last = await super().wait(shard, after=after, timeout=0)
        if last > after or not timeout:
            return last
        await self._sleep(timeout)
        return self._shard(shard).last_position

    async def _sleep(self, timeout):
        for _ in range(int(timeout * 1000)):
            await asyncio.sleep(0.001)
            self._check_open()


class LostWakeUp(BrokenLog):
    """Between looking and sleeping, an append is not noticed."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        await self._turn()
        of = self._shard(shard)
        if of.last_position <= after:
            await asyncio.sleep(0)
            await of.wait(timeout)
            self._check_open()
        return of.last_position


class WakesOne(BrokenLog):
    """Of all who wait, one is woken."""

    clause = "F3"

    def make_shard(self, number):
        shard = super().make_shard(number)

        def wake():
            waiting = [waiter for waiter in shard._waiting if not waiter.done()]
            for waiter in waiting if not self._open else waiting[:1]:
                waiter.set_result(None)

        shard.wake = wake
        return shard
