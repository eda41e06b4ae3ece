"""Broken logs: heads, snapshots and copies (H1, S1, C1)."""

from __future__ import annotations

import msgspec

from conformance.broken.base import BrokenLog, BrokenShard, replace
from threadlog.log import Diverged, HeadPage
from threadlog.log.memory import _by_append


class ListsDeleted(BrokenLog):
    """Deleted threads are listed."""

    clause = "H1"

    async def list_heads(self, tenant, **arguments):
        threads = self.all_threads()
        deleted = [thread for thread in threads if thread.deleted]
        for thread in deleted:
            thread.deleted = False
        page = await super().list_heads(tenant, **arguments)
        for thread in deleted:
            thread.deleted = True
        return page


class ReplacesHeads(BrokenLog):
    """A change replaces the head: what it leaves out is gone."""

    clause = "H1"

    def make_shard(self, number):
        def before(append, thread):
            if thread is not None and thread.head is not None and append.append_id not in thread.appends:
                changes = [
                    new.head for new in append.events if new.head is not None and new.head.status is not msgspec.UNSET
                ]
                if changes:
                    thread.head = replace(thread.head, title=None)
            return append

        return BrokenShard(number, before=before)


class ByLastChange(BrokenLog):
    """The thread that changed last is listed first."""

    clause = "H1"

    async def list_heads(self, tenant, *, newest_first=True, after=None, owner=None, limit=20):
        page = await super().list_heads(tenant, newest_first=newest_first, after=after, owner=owner, limit=limit)
        if owner or after or page.has_more or limit != 20:
            return page
        threads = {thread.thread_id: thread for thread in self.all_threads() if thread.tenant == tenant}
        last = lambda head: max(e.position for e in threads[head.thread_id].events if e.head is not None)  # noqa: E731
        return HeadPage(tuple(sorted(page.heads, key=last, reverse=newest_first)), page.has_more)


class LosesItsPlace(BrokenLog):
    """After a thread that was deleted meanwhile, the list ends."""

    clause = "H1"

    async def list_heads(self, tenant, *, after=None, **arguments):
        if any(thread.deleted and thread.thread_id == after for thread in self.all_threads()):
            return HeadPage((), False)
        return await super().list_heads(tenant, after=after, **arguments)


class SortedAfterReopening(BrokenLog):
    """A restart brings threads into the order of their ids."""

    clause = "H1"

    async def close(self):
        await super().close()
        for shard in self._shards:
            of_tenants = sorted(shard.threads.items(), key=lambda item: item[0])
            if all(thread.thread_id in ("a", "b", "c", "gone") for thread in shard.threads.values()):
                shard.threads = dict(of_tenants)


class AnyVersion(BrokenLog):
    """A snapshot of another version is returned when there is none of the right one."""

    clause = "S1"

    async def load_snapshot(self, tenant, thread_id, projection, version):
        found = await super().load_snapshot(tenant, thread_id, projection, version)
        others = (kept for key, kept in self._snapshots.items() if key[:3] == (tenant, thread_id, projection))
        return found or next(others, None)


class LastSaved(BrokenLog):
    """Whatever was saved last is kept, though it is older."""

    clause = "S1"

    async def save_snapshot(self, snapshot):
        key = (snapshot.tenant, snapshot.thread_id, snapshot.projection, snapshot.version)
        self._snapshots.pop(key, None)
        await super().save_snapshot(snapshot)


class OwnTimes(BrokenLog):
    """A copy has times of its own."""

    clause = "C1"

    async def restore(self, shard, events):
        return await super().restore(shard, [replace(event, time_us=event.time_us + 1) for event in events])


class TakesGaps(BrokenLog):
    """Gaps are closed silently."""

    clause = "C1"

    async def restore(self, shard, events):
        of = self._shard(shard)
        known = {event.id for event in of.events}
        if any(event.position <= of.last_position for event in events):
            return await super().restore(shard, events)
        new = [event for event in events if event.id not in known]
        closed = [replace(event, position=of.last_position + n) for n, event in enumerate(new, 1)]
        seqs = {}
        for n, event in enumerate(closed):
            thread = of.threads.get((event.tenant, event.thread_id))
            key = event.tenant, event.thread_id
            seqs[key] = seqs.get(key, thread.last_seq if thread else 0) + 1
            closed[n] = replace(event, seq=seqs[key])
        return await super().restore(shard, closed)


class NoOverlap(BrokenLog):
    """What is there already is refused, so a copy cannot be continued."""

    clause = "C1"

    async def restore(self, shard, events):
        if events and events[0].position <= self._shard(shard).last_position:
            raise Diverged("there is something already.")
        return await super().restore(shard, events)


class BlindCopy(BrokenLog):
    """Positions that are taken are passed over, whatever stands there."""

    clause = "C1"

    async def restore(self, shard, events):
        last = self._shard(shard).last_position
        return await super().restore(shard, [event for event in events if event.position > last])


class CopyWithoutIds(BrokenLog):
    """Append ids of copied events are not known."""

    clause = "C1"

    async def restore(self, shard, events):
        last = await super().restore(shard, events)
        for group in _by_append(events):
            self._shard(shard).threads[group[0].tenant, group[0].thread_id].appends.pop(group[0].append_id)
        return last
