"""Broken logs: what is asked of a call at its edges (A1, A3, A4, A8, A9, F1, F3, R1, T1, X1)."""

from __future__ import annotations

from conformance.broken.base import LIMITS, BrokenLog, BrokenShard, FallibleLog, replace
from threadlog.log import Appended, Conflict, Expect, InvalidAppend, ShardPage, ThreadPage
from threadlog.log.memory import _by_append, _Shard


class EmptyCallsAreRefused(BrokenLog):
    """A call without appends is an error."""

    clause = "A1"

    async def append(self, shard, appends):
        self._check_open()
        if not appends:
            raise InvalidAppend("there is nothing to append.")
        return await super().append(shard, appends)


class EqualOutcomesOnce(BrokenLog):
    """Outcomes that are equal are given once."""

    clause = "A1"

    async def append(self, shard, appends):
        outcomes = []
        for outcome in await super().append(shard, appends):
            if outcome not in outcomes:
                outcomes.append(outcome)
        return outcomes


class AnyShardTakesAll(BrokenLog):
    """A tenant that does not live in the shard is stored there all the same."""

    clause = "A1"

    def _check_place(self, tenant, shard):
        pass


class AnswersTheWrongCall(BrokenLog):
    """Of calls at once, each of many appends, one is given the outcomes of the one before."""

    clause = "A1"
    busy, last = 0, ()

    async def append(self, shard, appends):
        self.busy += 1
        outcomes = await super().append(shard, appends)
        self.busy -= 1
        last, self.last = self.last, outcomes
        return last if self.busy and len(last) == len(outcomes) > 3 else outcomes


class SeqOfTheTenant(BrokenLog):
    """Seqs count the events of the tenant."""

    clause = "A3"

    def make_shard(self, number):
        counts = {}

        class Counting(_Shard):
            def _event(self, append, new, seq, *rest):
                counts[append.tenant] = counts.get(append.tenant, 0) + 1
                return super()._event(append, new, counts[append.tenant], *rest)

        return Counting(number)


class SeqBeforeTheLock(BrokenLog):
    """The next seq is looked up before the lock is taken, if there is only one append."""

    clause = "A3"

    async def append(self, shard, appends):
        last = {(thread.tenant, thread.thread_id): thread.last_seq for thread in self.all_threads()}
        outcomes = await super().append(shard, appends)
        if len(appends) != 1 or not isinstance(outcomes[0], Appended) or appends[0].expected is not Expect.ANY:
            return outcomes
        first = last.get((appends[0].tenant, appends[0].thread_id), 0) + 1
        return [Appended(tuple(replace(event, seq=seq) for seq, event in enumerate(outcomes[0].events, first)))]


class DecidesBeforeTheCall(BrokenLog):
    """Which seq a thread has is looked up once for all appends of a call."""

    clause = "A4"

    async def append(self, shard, appends):
        before = {(thread.tenant, thread.thread_id): thread.last_seq for thread in self.all_threads()}
        outcomes = []
        for append in appends if len(appends) > 1 else ():
            seq = before.get((append.tenant, append.thread_id), 0)
            outcome = (await super().append(shard, [append]))[0]
            late = isinstance(outcome, Appended) and isinstance(append.expected, int) and append.expected > seq
            outcomes.append(Conflict(outcome.next_expected) if late else outcome)
        self._info.limits.check_call(appends)
        return outcomes or await super().append(shard, appends)


class TenantsArePaths(BrokenLog):
    """The folder of a tenant whose name is a path is not found again."""

    clause = "A8"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        return ThreadPage((), 0) if tenant in ("..", "a\\b") else page


class OneEventMore(BrokenLog):
    """An append may have one event more than the limit says."""

    clause = "A9"

    async def append(self, shard, appends):
        shown = self._info
        self._info = replace(shown, limits=replace(LIMITS, append_events=LIMITS.append_events + 1))
        try:
            return await super().append(shard, appends)
        finally:
            self._info = shown


class LongShardPages(BrokenLog):
    """A page of a shard has no bound but the limit that is asked for."""

    clause = "F1"
    in_bytes = False

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self._info = replace(self._info, limits=replace(LIMITS, page_bytes=250_000))

    async def read_shard(self, shard, *, after=0, limit=100, tenant=None):
        page = await super().read_shard(shard, after=after, limit=limit, tenant=tenant)
        events, looked_to = [], after
        for append in _by_append(self._shards[shard].events[after:]):
            mine = [event for event in append if tenant in (None, event.tenant)]
            if mine and len(events) >= (min(limit, LIMITS.page_events) if self.in_bytes else limit):
                break
            events, looked_to = events + mine, append[-1].position
        large = sum(len(event.data) for event in events) > 250_000
        return page if large and not self.in_bytes else ShardPage(tuple(events), looked_to, page.last_position)


class LargeShardPages(LongShardPages):
    """A page of a shard has no bound in bytes."""

    in_bytes = True


class LargePages(BrokenLog):
    """A page of a thread has no bound in bytes."""

    clause = "R1"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self._info = replace(self._info, limits=replace(LIMITS, page_bytes=250_000))

    async def read_thread(self, tenant, thread_id, *, after=0, limit=100, backward=False):
        shown = self._info
        self._info = replace(shown, limits=LIMITS)
        try:
            return await super().read_thread(tenant, thread_id, after=after, limit=limit, backward=backward)
        finally:
            self._info = shown


class BackToTheEnd(BrokenLog):
    """Who stands beyond the end of a shard is told that the page has looked to the end."""

    clause = "F1"

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        return ShardPage(page.events, min(page.looked_to, page.last_position), page.last_position)


class CountsAnewAfterReopening(BrokenLog):
    """Positions begin again with 1 when the log was opened again."""

    clause = "F1"

    def make_shard(self, number):
        log = self

        class Forgetful(_Shard):
            def _event(self, append, new, seq, position, *rest):
                return super()._event(append, new, seq, position - (1 if log.reopened else 0), *rest)

        return Forgetful(number)


class AskingTellsNothing(BrokenLog):
    """A wait without time returns what it was given."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        last = await super().wait(shard, after=after, timeout=timeout)
        return last if timeout else min(last, after)


class SleepsFirst(BrokenLog):
    """A wait sleeps before it looks."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        await self._turn()
        if after < 2:
            await self._shard(shard).wait(timeout)
        return await super().wait(shard, after=after, timeout=timeout)


class UnknownThreadsAreErrors(BrokenLog):
    """Who reads a thread that there is not gets an error."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        if not page.last_seq:
            raise KeyError(thread_id)
        return page


class TakesAnyNumbers(BrokenLog):
    """A limit below 1 and a negative `after` are taken for the least that there are."""

    clause = "R1"

    async def read_thread(self, tenant, thread_id, *, after=0, limit=100, backward=False):
        return await super().read_thread(tenant, thread_id, after=max(after, 0), limit=max(limit, 1), backward=backward)


class AllIfThereIsNone(BrokenLog):
    """A tenant without events in a shard is shown everybody's."""

    clause = "T1"

    async def read_shard(self, shard, *, tenant=None, **arguments):
        page = await super().read_shard(shard, tenant=tenant, **arguments)
        return page if page.events or arguments.get("after") else await super().read_shard(shard, **arguments)


class DeletesEverywhere(BrokenLog):
    """Who deletes a thread deletes those of other tenants that have its name."""

    clause = "T1"

    def make_shard(self, number):
        def after(append, thread, outcome):
            if isinstance(outcome, Appended) and any(new.head and new.head.deleted is True for new in append.events):
                for other in self.all_threads():
                    other.deleted = other.deleted or (other.thread_id == append.thread_id and other.head is not None)
            return outcome

        return BrokenShard(number, after=after)


class GoesOnInMemory(FallibleLog):
    """After a fault, appends are acknowledged and kept in memory alone."""

    clause = "X1"

    async def append(self, shard, appends):
        if not self.stopped or self.failing:
            return await super().append(shard, appends)
        self.stopped = False
        outcomes = await super().append(shard, appends)
        self.stopped = True
        lost = vars(self).setdefault("lost", [])
        lost += [append.thread_id for append in appends]
        return outcomes

    async def close(self):
        if self._open:
            for name in vars(self).pop("lost", ()):
                for of in self._shards:
                    of.threads.pop(("tenant", name), None)
                    of.events = [event for event in of.events if event.thread_id != name]
        await super().close()
