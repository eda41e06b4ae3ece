"""Logs that are right in all but odd cases: alike names, many ids, clocks that go back, the last byte of a limit."""

from __future__ import annotations

import json

from conformance.broken.base import BrokenLog, BrokenShard, replace
from threadlog.log import (
    Conflict,
    Duplicate,
    HeadPage,
    IdReused,
    ShardPage,
    ThreadPage,
    TooLarge,
    same_append,
)


class ShortSeqs(BrokenLog):
    """Expected seqs are compared in 32 bits."""

    clause = "A4"

    def make_shard(self, number):
        def before(append, thread):
            whole = append.expected
            return append if not isinstance(whole, int) else replace(append, expected=whole & 0xFFFFFFFF)

        return BrokenShard(number, before=before)


class CountsLaterAppends(BrokenLog):
    """A conflict tells of the thread as it is at the end of the call."""

    clause = "A5"

    async def append(self, shard, appends):
        outcomes = await super().append(shard, appends)
        ends = [self._shards[shard].threads.get((append.tenant, append.thread_id)) for append in appends]
        return [
            Conflict(end.last_seq, one.deleted) if isinstance(one, Conflict) and end is not None else one
            for one, end in zip(outcomes, ends, strict=True)
        ]


class _LooksUpIds(BrokenLog):
    """A log that finds append ids, or compares what they name, in a way of its own."""

    def make_shard(self, number):
        return BrokenShard(number, before=self.look)

    def look(self, append, thread):
        return append


class CutsIds(_LooksUpIds):
    """Append ids count to their 128th character."""

    clause = "A6"

    def look(self, append, thread):
        known = [] if thread is None else [kept for kept in thread.appends if kept[:128] == append.append_id[:128]]
        return replace(append, append_id=known[0]) if known else append


class ForgetsOldIds(_LooksUpIds):
    """Only the last 500 append ids of a thread are remembered."""

    clause = "A6"

    def look(self, append, thread):
        if thread is not None and len(thread.appends) > 500:
            thread.appends.pop(next(iter(thread.appends)))
        return append


class ComparesMeaning(BrokenLog):
    """The same JSON in other bytes is taken for a retry."""

    clause = "A6"

    def make_shard(self, number):
        def after(append, thread, outcome):
            if not isinstance(outcome, IdReused):
                return outcome
            stored = thread.appends[append.append_id]
            alike = len(stored) == len(append.events) and all(
                (old.type, old.version, old.head) == (new.type, new.version, new.head)
                and json.loads(old.data) == json.loads(new.data)
                for old, new in zip(stored, append.events, strict=True)
            )
            return Duplicate(stored) if alike and not same_append(append, stored) else outcome

        return BrokenShard(number, after=after)


class CutsTraces(BrokenLog):
    """A column for traces is as wide as the standard says."""

    clause = "A8"

    async def append(self, shard, appends):
        cut = [replace(append, trace=append.trace and append.trace[:55]) for append in appends]
        return await super().append(shard, cut)


class CutsThreadNames(BrokenLog):
    """A thread that is not there is looked for by the first 64 characters of its name."""

    clause = "A8"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        for of, name in self._shards[self.shard_of(tenant)].threads:
            if page.last_seq == 0 and of == tenant and name[:63] == thread_id[:63]:
                return await super().read_thread(tenant, name, **arguments)
        return page


class RefusesTheLastByte(BrokenLog):
    """A call whose payloads come up to the limit is refused, though it is not over it."""

    clause = "A9"

    async def append(self, shard, appends):
        size, most = sum(append.size for append in appends), self._info.limits.batch_bytes
        if len(appends) > 1 and size == most:
            raise TooLarge("batch_bytes", size, most)
        return await super().append(shard, appends)


class OrdersByTime(BrokenLog):
    """Events of a thread are sorted by their time."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, *, backward=False, **arguments):
        page = await super().read_thread(tenant, thread_id, backward=backward, **arguments)
        ordered = sorted(page.events, key=lambda event: event.time_us)
        return page if backward else ThreadPage(tuple(ordered), page.last_seq)


class OrdersShardsByTime(BrokenLog):
    """Events of a shard are sorted by their time."""

    clause = "F1"

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        ordered = sorted(page.events, key=lambda event: event.time_us)
        return ShardPage(tuple(ordered), page.looked_to, page.last_position)


class RestoresSilently(BrokenLog):
    """Nobody is woken by events that are restored."""

    clause = "F3"

    async def restore(self, shard, events):
        self._check_open()
        waiting, self._shards[shard]._waiting = self._shards[shard]._waiting, set()
        try:
            return await super().restore(shard, events)
        finally:
            self._shards[shard]._waiting |= waiting


class FullPagesHaveMore(BrokenLog):
    """An owner's page that is full is said not to be the last."""

    clause = "H1"

    async def list_heads(self, tenant, *, owner=None, limit=20, **arguments):
        page = await super().list_heads(tenant, owner=owner, limit=limit, **arguments)
        return HeadPage(page.heads, page.has_more or (owner is not None and len(page.heads) == limit))


class JoinsSnapshotKeys(BrokenLog):
    """Projection and version of a snapshot are one text."""

    clause = "S1"

    async def load_snapshot(self, tenant, thread_id, projection, version):
        await self._turn()
        alike = [
            kept
            for kept in self._snapshots.values()
            if (kept.tenant, kept.thread_id, f"{kept.projection}{kept.version}")
            == (tenant, thread_id, f"{projection}{version}")
        ]
        return alike[0] if alike else None


class ComparesTheFirstOnly(BrokenLog):
    """Of what a copy holds already, only the first event is compared."""

    clause = "C1"

    async def restore(self, shard, events):
        self._check_open()
        kept = self._shards[shard].events
        trusted = [kept[e.position - 1] if 1 < e.position <= len(kept) and n else e for n, e in enumerate(events)]
        return await super().restore(shard, trusted)


class CountsOpenings(BrokenLog):
    """It is closed when it has been closed as often as opened."""

    clause = "L1"
    openings = 0

    async def open(self):
        self.openings += 1
        await super().open()

    async def close(self):
        self.openings = max(self.openings - 1, 0)
        if not self.openings:
            await super().close()


class SecretInRefusals(BrokenLog):
    """What is too large is told with the whole address."""

    clause = "L2"

    async def append(self, shard, appends):
        try:
            return await super().append(shard, appends)
        except TooLarge as error:
            error.add_note("at acme://user:geheim-0815@host")
            raise


class MatchesTenants(BrokenLog):
    """A tenant that is not there is looked for without regard to case."""

    clause = "T1"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        for threads in [shard.threads for shard in self._shards]:
            for of, name in threads:
                if page.last_seq == 0 and name == thread_id and of.lower() == tenant.lower():
                    return await super().read_thread(of, name, **arguments)
        return page
