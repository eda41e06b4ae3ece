"""Broken logs: what a list of heads, a snapshot or a copy holds (H1, S1, C1)."""

from __future__ import annotations

from conformance.broken.base import LIMITS, BrokenLog, BrokenShard, replace
from threadlog.log import HeadPage, ThreadPage, TooLarge


class ListsAnew(BrokenLog):
    """The heads of a page are given otherwise than they are kept."""

    def changed(self, head):
        """A head as it is listed."""
        return head

    async def list_heads(self, tenant, **arguments):
        page = await super().list_heads(tenant, **arguments)
        return HeadPage(tuple(map(self.changed, page.heads)), page.has_more)


class Sorted(BrokenLog):
    """The list is made of all heads, put in another order."""

    def key(self, thread):
        """What threads are ordered by."""
        return 0

    async def list_heads(self, tenant, *, owner=None, after=None, limit=20, newest_first=True):
        await super().list_heads(tenant, owner=owner, after=after, limit=limit, newest_first=newest_first)
        threads = [thread for thread in self.all_threads() if thread.tenant == tenant and thread.head is not None]
        threads.sort(key=self.key, reverse=newest_first)
        places = [place for place, thread in enumerate(threads, 1) if thread.thread_id == after]
        rest = threads if after is None else threads[places[0] :] if places else []
        heads = [thread.head for thread in rest if not thread.deleted and owner in (None, thread.head.owner)]
        size = min(limit, LIMITS.page_events)
        return HeadPage(tuple(heads[:size]), len(heads) > size)


class NeverMore(BrokenLog):
    """A page never tells that there are more heads."""

    clause = "H1"

    async def list_heads(self, tenant, **arguments):
        return HeadPage((await super().list_heads(tenant, **arguments)).heads, False)


class AllAtOnce(BrokenLog):
    """A page of heads has no bound but the limit that is asked for."""

    clause = "H1"

    async def list_heads(self, tenant, *, limit=20, **arguments):
        page = await super().list_heads(tenant, limit=limit, **arguments)
        while page.has_more and len(page.heads) < limit:
            more = await super().list_heads(tenant, limit=limit, **{**arguments, "after": page.heads[-1].thread_id})
            page = HeadPage(page.heads + more.heads, more.has_more)
        return page


class ShortTitles(ListsAnew):
    """Titles are cut after 255 characters in the list."""

    clause = "H1"

    def changed(self, head):
        return replace(head, title=head.title and head.title[:255])


class TrimmedTitles(ListsAnew):
    """Titles are listed without spaces at their ends."""

    clause = "H1"

    def changed(self, head):
        return replace(head, title=head.title and head.title.strip())


class LastActive(ListsAnew):
    """The time of a head is that of the thread's last event."""

    clause = "H1"

    def changed(self, head):
        thread = self._shards[self.shard_of(head.tenant)].threads[head.tenant, head.thread_id]
        return replace(head, created_us=thread.events[-1].time_us)


class ByThreadId(Sorted):
    """Threads are listed by their id."""

    clause = "H1"

    def key(self, thread):
        return thread.thread_id


class ByTime(Sorted):
    """Threads are listed by the time of their first event."""

    clause = "H1"

    def key(self, thread):
        return thread.events[0].time_us


class FirstPageAgain(BrokenLog):
    """After a thread that marks no place comes the first page."""

    clause = "H1"

    async def list_heads(self, tenant, *, after=None, **arguments):
        known = {thread.thread_id for thread in self.all_threads() if thread.tenant == tenant and thread.head}
        return await super().list_heads(tenant, after=after if after in known else None, **arguments)


class OwnersInAnyCase(BrokenLog):
    """Owners are compared without regard to case."""

    clause = "H1"

    async def list_heads(self, tenant, *, owner=None, **arguments):
        page = await super().list_heads(tenant, owner=owner, **arguments)
        if owner is None or page.has_more or arguments.get("after"):
            return page
        every = await super().list_heads(tenant, limit=200, newest_first=arguments.get("newest_first", True))
        heads = [head for head in every.heads if (head.owner or "").lower() == owner.lower()]
        return HeadPage(tuple(heads[: arguments.get("limit", 20)]), False)


class AnyLimit(BrokenLog):
    """A limit below 1 is taken for 1."""

    clause = "H1"

    async def list_heads(self, tenant, *, limit=20, **arguments):
        return await super().list_heads(tenant, limit=max(limit, 1), **arguments)


class ListedLater(BrokenLog):
    """The list is brought up to date when no append is under way."""

    clause = "H1"
    busy, quiet = 0, {}

    async def append(self, shard, appends):
        if not self.busy:
            self.quiet = {(thread.tenant, thread.thread_id): thread.head for thread in self.all_threads()}
        self.busy += 1
        try:
            return await super().append(shard, appends)
        finally:
            self.busy -= 1

    async def list_heads(self, tenant, **arguments):
        busy = self.busy
        page = await super().list_heads(tenant, **arguments)
        if not busy:
            return page
        heads = (self.quiet.get((head.tenant, head.thread_id)) for head in page.heads)
        return HeadPage(tuple(head for head in heads if head is not None), page.has_more)


class StatesAreText(BrokenLog):
    """The state of a snapshot is kept as text."""

    clause = "S1"

    async def save_snapshot(self, snapshot):
        await super().save_snapshot(replace(snapshot, state=snapshot.state.decode(errors="replace").encode()))


class EndsWhereTheSnapshotEnds(BrokenLog):
    """Where a thread ends is looked up in its newest snapshot."""

    clause = "S1"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        seqs = (kept.seq for key, kept in self._snapshots.items() if key[:2] == (tenant, thread_id))
        return ThreadPage(page.events, max(page.last_seq, *seqs, 0))


class ExpectsWhatTheSnapshotSays(BrokenLog):
    """The seq that is expected may also be that of a snapshot, and no other."""

    clause = "S1"

    def make_shard(self, number):
        def before(append, thread):
            seqs = [kept.seq for key, kept in self._snapshots.items() if key[:2] == (append.tenant, append.thread_id)]
            right = not seqs or not isinstance(append.expected, int) or append.expected == max(seqs)
            return append if right else replace(append, expected=10**6)

        return BrokenShard(number, before=before)


class SmallCopies(BrokenLog):
    """A restore is held to the limits of an append."""

    clause = "C1"

    async def restore(self, shard, events):
        if len(events) > LIMITS.batch_events:
            raise TooLarge("batch_events", len(events), LIMITS.batch_events)
        return await super().restore(shard, events)
