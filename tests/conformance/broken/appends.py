"""Broken logs: appends and their outcomes (A1 to A6)."""

from __future__ import annotations

import asyncio

from conformance.broken.base import BrokenLog, BrokenShard, replace
from threadlog.log import Appended, Conflict, Duplicate, Expect, IdReused, same_append


class SortedOutcomes(BrokenLog):
    """Outcomes come back by kind, those that were stored first."""

    clause = "A1"

    async def append(self, shard, appends):
        outcomes = await super().append(shard, appends)
        return sorted(outcomes, key=lambda outcome: not isinstance(outcome, Appended))


class ConflictEndsTheCall(BrokenLog):
    """After a conflict, the rest of the call is refused, too."""

    clause = "A1"

    async def append(self, shard, appends):
        outcomes = []
        if len(appends) < 2 or len({append.tenant for append in appends}) > 1:
            return await super().append(shard, appends)
        self._info.limits.check_call(appends)
        for append in appends:
            if any(isinstance(outcome, Conflict) for outcome in outcomes):
                outcomes.append(Conflict(0))
            else:
                outcomes += await super().append(shard, [append])
        return outcomes


class HalfOnCancel(BrokenLog):
    """A cancelled call leaves the first event of an append behind."""

    clause = "A2"

    async def append(self, shard, appends):
        try:
            return await super().append(shard, appends)
        except asyncio.CancelledError:
            self._shard(shard).take(replace(appends[0], events=appends[0].events[:1]), 1)
            raise


class LockedOnCancel(BrokenLog):
    """A cancelled call never gives its lock back."""

    clause = "A2"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.locked = False

    async def append(self, shard, appends):
        while self.locked:  # noqa: ASYNC110 - a broken log need not be a good one
            await asyncio.sleep(0.001)
        self.locked = True
        try:
            outcomes = await super().append(shard, appends)
        except Exception:
            self.locked = False
            raise
        self.locked = False
        return outcomes


class GapAfterConflict(BrokenLog):
    """A conflict takes a number, as a sequence does that is asked before the check."""

    clause = "A3"

    def make_shard(self, number):
        gaps = {}

        def after(append, thread, outcome):
            key = append.tenant, append.thread_id
            if isinstance(outcome, Conflict) and thread is not None:
                gaps[key] = gaps.get(key, 0) + 1
                return Conflict(thread.events[-1].seq, outcome.deleted)
            return outcome

        shard = BrokenShard(number, after=after)
        made = shard._event
        shard._event = lambda append, new, seq, *rest: made(
            append, new, seq + gaps.get((append.tenant, append.thread_id), 0), *rest
        )
        return shard


class GapAfterReopening(BrokenLog):
    """After a restart, numbers go on with the next round ten, as a cached sequence does."""

    clause = "A3"

    def make_shard(self, number):
        shard = BrokenShard(number)
        made = shard._event

        def event(append, new, seq, *rest):
            started = (append.tenant, append.thread_id) in shard.threads
            return made(append, new, seq + 10 if self.reopened and started else seq, *rest)

        shard._event = event
        return shard


class ReversedEvents(BrokenLog):
    """Long appends are stored last event first."""

    clause = "A3"

    def make_shard(self, number):
        def before(append, thread):
            long = len(append.events) > 4 and all(new.type == "number" for new in append.events)
            return replace(append, events=append.events[::-1]) if long else append

        return BrokenShard(number, before=before)


class AnyRevives(BrokenLog):
    """Who expects anything may append to a deleted thread."""

    clause = "A4"

    def make_shard(self, number):
        def before(append, thread):
            revives = thread is not None and thread.deleted and append.expected is Expect.ANY
            return replace(append, expected=thread.last_seq) if revives else append

        return BrokenShard(number, before=before)


class ExistsCreates(BrokenLog):
    """`THREAD_EXISTS` is taken for any."""

    clause = "A4"

    def make_shard(self, number):
        def before(append, thread):
            return replace(append, expected=Expect.ANY) if append.expected is Expect.THREAD_EXISTS else append

        return BrokenShard(number, before=before)


class NothingExpected(BrokenLog):
    """`expected` is not looked at."""

    clause = "A4"

    def make_shard(self, number):
        def before(append, thread):
            return replace(append, expected=thread.last_seq if thread else 0)

        return BrokenShard(number, before=before)


class DeletedIsForGood(BrokenLog):
    """Not even the exact seq opens a deleted thread."""

    clause = "A4"

    def make_shard(self, number):
        def before(append, thread):
            closed = thread is not None and thread.deleted and isinstance(append.expected, int)
            return replace(append, expected=0) if closed else append

        return BrokenShard(number, before=before)


class DeletionForgotten(BrokenLog):
    """After a restart, deleted threads can be written to, though they are still not listed."""

    clause = "A4"

    def make_shard(self, number):
        def before(append, thread):
            revives = self.reopened and thread is not None and thread.deleted
            return replace(append, expected=thread.last_seq) if revives else append

        return BrokenShard(number, before=before)


class CheckThenAct(BrokenLog):
    """`expected` is checked before the lock is taken: of two at once, both may win."""

    clause = "A4"

    async def append(self, shard, appends):
        if len(appends) != 1 or appends[0].append_id in self._known(shard, appends[0]):
            return await super().append(shard, appends)
        (append,) = appends
        thread = self._shard(shard).threads.get((append.tenant, append.thread_id))
        exact = 0 if append.expected is Expect.NO_THREAD else append.expected
        if not isinstance(exact, int) or exact != (thread.last_seq if thread else 0):
            return await super().append(shard, appends)
        await asyncio.sleep(0)
        deleted = thread is not None and thread.deleted
        return await super().append(shard, [append if deleted else replace(append, expected=Expect.ANY)])

    def _known(self, shard, append):
        thread = self._shard(shard).threads.get((append.tenant, append.thread_id))
        return thread.appends if thread else {}


class SeqBeforeTheCall(BrokenLog):
    """A conflict tells the seq from before the call."""

    clause = "A5"

    async def append(self, shard, appends):
        threads = self._shard(shard).threads if 0 <= shard < len(self._shards) else {}
        before = {key: thread.last_seq for key, thread in threads.items()}
        outcomes = await super().append(shard, appends)
        if len(appends) == 1:
            return outcomes
        return [
            Conflict(before.get((append.tenant, append.thread_id), 0), outcome.deleted)
            if isinstance(outcome, Conflict)
            else outcome
            for append, outcome in zip(appends, outcomes, strict=True)
        ]


class ConflictChangesHead(BrokenLog):
    """The head is changed before the check."""

    clause = "A5"

    def make_shard(self, number):
        def after(append, thread, outcome):
            if isinstance(outcome, Conflict) and thread is not None:
                for new in append.events:
                    if new.head is not None:
                        thread._change_head(replace(new.head, deleted=False))
            return outcome

        return BrokenShard(number, after=after)


class ConflictKeepsTheId(BrokenLog):
    """The id of an append that was refused counts as used."""

    clause = "A5"

    def make_shard(self, number):
        used = {}

        def before(append, thread):
            taken = used.get((append.tenant, append.thread_id, append.append_id))
            return replace(append, expected=taken) if taken is not None else append

        def after(append, thread, outcome):
            if isinstance(outcome, Conflict):
                used[append.tenant, append.thread_id, append.append_id] = append.expected
            return outcome

        return BrokenShard(number, before=before, after=after)


class StaleConflict(BrokenLog):
    """A conflict tells a seq from a cache that is brought up to date when nothing else is going on."""

    clause = "A5"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.calls = 0
        self.cache = {}

    async def append(self, shard, appends):
        self.calls += 1
        try:
            outcomes = await super().append(shard, appends)
        finally:
            self.calls -= 1
        if self.calls:
            return [self._stale(append, outcome) for append, outcome in zip(appends, outcomes, strict=True)]
        self.cache = {(thread.tenant, thread.thread_id): thread.last_seq for thread in self.all_threads()}
        return outcomes

    def _stale(self, append, outcome):
        known = self.cache.get((append.tenant, append.thread_id), 0)
        return Conflict(known, outcome.deleted) if isinstance(outcome, Conflict) and append.expected == 0 else outcome


class ConflictEchoes(BrokenLog):
    """A conflict carries what was expected."""

    clause = "A5"

    def make_shard(self, number):
        def after(append, thread, outcome):
            echoes = isinstance(outcome, Conflict) and isinstance(append.expected, int)
            return Conflict(append.expected, outcome.deleted) if echoes else outcome

        return BrokenShard(number, after=after)


class ExpectedFirst(BrokenLog):
    """`expected` is checked before the append id is looked up."""

    clause = "A6"

    def make_shard(self, number):
        def after(append, thread, outcome):
            exact = append.expected
            if isinstance(outcome, Duplicate) and isinstance(exact, int) and exact != thread.last_seq:
                return Conflict(thread.last_seq, thread.deleted)
            return outcome

        return BrokenShard(number, after=after)


class NoIds(BrokenLog):
    """Append ids are not looked at."""

    clause = "A6"

    def make_shard(self, number):
        def before(append, thread):
            if thread is not None:
                thread.appends.pop(append.append_id, None)
            return append

        return BrokenShard(number, before=before)


class IdsForgotten(BrokenLog):
    """Append ids are kept in memory alone."""

    clause = "A6"

    async def close(self):
        await super().close()
        for thread in self.all_threads():
            thread.appends.clear()


class IdsAfterTheCall(BrokenLog):
    """Append ids are looked up once for a whole call."""

    clause = "A6"

    async def append(self, shard, appends):
        of = self._shard(shard)
        for append in appends:
            self._check_place(append.tenant, shard)
        self._info.limits.check_call(appends)
        new = set()
        outcomes = []
        await self._turn()
        for append in appends:
            key = append.tenant, append.thread_id, append.append_id
            if key in new:
                of.threads[key[:2]].appends.pop(append.append_id)
                append = replace(append, expected=Expect.ANY)
            outcome = of.take(append, self._clock())
            if isinstance(outcome, Appended):
                new.add(key)
            outcomes.append(outcome)
        return outcomes


class ReusedIdIsADuplicate(BrokenLog):
    """Bytes are not compared."""

    clause = "A6"

    def make_shard(self, number):
        def after(append, thread, outcome):
            return Duplicate(thread.appends[append.append_id]) if isinstance(outcome, IdReused) else outcome

        return BrokenShard(number, after=after)


class IdsOfTheTenant(BrokenLog):
    """An append id counts in all threads of its tenant."""

    clause = "A6"

    def make_shard(self, number):
        used = {}

        def after(append, thread, outcome):
            if isinstance(outcome, Appended):
                first = used.setdefault((append.tenant, append.append_id), outcome.events)
                if first is not outcome.events and first[0].thread_id != append.thread_id:
                    return Duplicate(first) if same_append(append, first) else IdReused(first[0].seq)
            return outcome

        return BrokenShard(number, after=after)


class RetriesAtOnce(BrokenLog):
    """The id is looked up before the lock is taken: of two retries at once, both may be stored."""

    clause = "A6"

    async def append(self, shard, appends):
        if len(appends) != 1 or appends[0].expected is not Expect.ANY:
            return await super().append(shard, appends)
        (append,) = appends
        self._info.limits.check_call(appends)
        key = append.tenant, append.thread_id
        of = self._shard(shard)
        known = key in of.threads and append.append_id in of.threads[key].appends
        await self._turn()
        if not known and key in of.threads:
            of.threads[key].appends.pop(append.append_id, None)
        return [of.take(append, self._clock())]
