"""Broken logs whose one mistake meets the tests of many clauses; one clause is to be blamed all the same."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

from conformance.broken.base import SECRET, BrokenLog, BrokenShard, replace
from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Expect,
    InvalidAppend,
    LogNotFound,
    ShardPage,
    ThreadPage,
    TooLarge,
)
from threadlog.log.ids import uuid7s
from threadlog.log.memory import _Shard


class ChangesEvents(BrokenLog):
    """What is stored changes when the log is opened again."""

    def changed(self, event):
        """An event as it is from now on."""
        return event

    async def open(self):
        if self.reopened and not self._open:
            for shard in self._shards:
                new = {event.id: self.changed(event) for event in shard.events}
                shard.events = [new[event.id] for event in shard.events]
                for thread in shard.threads.values():
                    thread.events = [new[event.id] for event in thread.events]
                    thread.appends = {
                        name: tuple(new.get(event.id, event) for event in events)
                        for name, events in thread.appends.items()
                    }
        await super().open()


class ReadsAnew(BrokenLog):
    """Pages of threads and of shards give something else than is stored."""

    def changed(self, events):
        """The events of a page as they are given."""
        return events

    async def read_thread(self, *key, **arguments):
        page = await super().read_thread(*key, **arguments)
        return ThreadPage(tuple(self.changed(page.events)), page.last_seq)

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        return ShardPage(tuple(self.changed(page.events)), page.looked_to, page.last_position)


class Dumped(BrokenLog):
    """Payloads are parsed and written anew, also those of a retry."""

    clause = "A8"

    async def append(self, shard, appends):
        def dumped(new):
            return replace(new, data=json.dumps(json.loads(new.data)).encode())

        return await super().append(
            shard, [replace(append, events=tuple(map(dumped, append.events))) for append in appends]
        )


class MillisecondsOnRead(ReadsAnew):
    """Times are kept in milliseconds, and outcomes tell them in microseconds."""

    clause = "A8"

    def changed(self, events):
        return [replace(event, time_us=event.time_us // 1000 * 1000) for event in events]


class NoHeadChangesOnRead(ReadsAnew):
    """Head changes are applied and not kept with their events."""

    clause = "A8"

    def changed(self, events):
        return [replace(event, head=None) for event in events]


class RoundsTimesAfterReopening(ChangesEvents):
    """Times are rounded when they are stored; until it is closed, the log tells them as they were."""

    clause = "A8"

    def changed(self, event):
        return replace(event, time_us=event.time_us // 1000 * 1000)


class NewIdsAfterReopening(ChangesEvents):
    """Ids are not stored but made when events are loaded."""

    clause = "F4"

    def changed(self, event):
        return replace(event, id=str(uuid7s(event.time_us, 1)[0]))


class TenantsIgnored(BrokenLog):
    """Threads are found by their id alone."""

    clause = "T1"

    async def read_thread(self, tenant, thread_id, **arguments):
        owners = [tenant, *(thread.tenant for thread in self.all_threads() if thread.thread_id == thread_id)]
        for owner in owners:
            page = await super().read_thread(owner, thread_id, **arguments)
            if page.last_seq:
                return page
        return page


class LastInFirstOut(BrokenLog):
    """The events of an append are stored from the last one to the first."""

    clause = "A3"

    async def append(self, shard, appends):
        return await super().append(shard, [replace(append, events=append.events[::-1]) for append in appends])


class ByEventId(BrokenLog):
    """Pages of a thread are ordered by event id."""

    clause = "R1"

    async def read_thread(self, *key, backward=False, **arguments):
        page = await super().read_thread(*key, backward=backward, **arguments)
        return ThreadPage(tuple(sorted(page.events, key=lambda event: event.id, reverse=backward)), page.last_seq)


class HidesDeletions(BrokenLog):
    """The event that deletes a thread is not shown to readers of the thread."""

    clause = "R1"

    async def read_thread(self, *key, **arguments):
        page = await super().read_thread(*key, **arguments)
        shown = (event for event in page.events if event.head is None or event.head.deleted is not True)
        return ThreadPage(tuple(shown), page.last_seq)


class RemembersPages(BrokenLog):
    """A page of a shard is read once, and then told from memory."""

    clause = "R2"

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        return vars(self).setdefault("pages", {}).setdefault((shard, *sorted(arguments.items())), page)


class RemembersAbsence(BrokenLog):
    """A thread that was looked for before it was made is not found any more."""

    clause = "R2"

    async def read_thread(self, *key, **arguments):
        absent = vars(self).setdefault("absent", set())
        page = await super().read_thread(*key, **arguments)
        if not page.last_seq:
            absent.add(key)
        return ThreadPage((), 0) if key in absent else page


class LagsBehind(BrokenLog):
    """`last_seq` is that of the read before."""

    clause = "R2"

    async def read_thread(self, *key, **arguments):
        page = await super().read_thread(*key, **arguments)
        told = vars(self).setdefault("told", {})
        last, told[key] = told.get(key, page.last_seq), page.last_seq
        return ThreadPage(page.events, last)


class RefusedComesLater(BrokenLog):
    """What is refused stays in a buffer, and goes out with a later append of its thread."""

    clause = "A5"

    def make_shard(self, number):
        parked: dict[tuple[str, str], Append] = {}

        def after(append, thread, outcome):
            key = append.tenant, append.thread_id
            if isinstance(outcome, Conflict) and outcome.current_seq:
                parked[key] = append
            elif isinstance(outcome, Appended) and key in parked and len(thread.events) > 4:
                _Shard.take(self._shards[number], replace(parked.pop(key), expected=Expect.ANY), 0)
            return outcome

        return BrokenShard(number, after=after)


class ShardByThread(BrokenLog):
    """Pages of a shard are ordered by thread."""

    clause = "F1"

    async def read_shard(self, shard, **arguments):
        page = await super().read_shard(shard, **arguments)
        events = sorted(page.events, key=lambda event: (event.tenant, event.thread_id, event.seq))
        return ShardPage(tuple(events), page.looked_to, page.last_position)


class ShardSortedAfterReopening(BrokenLog):
    """A restart brings the events of a shard into the order of their threads."""

    clause = "F1"

    async def close(self):
        await super().close()
        for shard in self._shards:
            shard.events.sort(key=lambda event: (event.thread_id, event.seq))


class LastPositionOfTheTenant(BrokenLog):
    """With a tenant, the last position is that of its last event on the page."""

    clause = "F1"

    async def read_shard(self, shard, *, tenant=None, **arguments):
        page = await super().read_shard(shard, tenant=tenant, **arguments)
        last = page.events[-1].position if page.events else 0
        return page if tenant is None else ShardPage(page.events, page.looked_to, last)


class DuplicatesAreAppended(BrokenLog):
    """A retry is told that it was stored just now."""

    clause = "A6"

    def make_shard(self, number):
        def after(append, thread, outcome):
            return Appended(outcome.events) if isinstance(outcome, Duplicate) else outcome

        return BrokenShard(number, after=after)


class RefusesOnTheWay(BrokenLog):
    """The appends of a call are checked and stored one after the other."""

    clause = "A9"

    async def append(self, shard, appends):
        try:
            return await super().append(shard, appends)
        except TooLarge:
            if len(appends) > 1 and sum(len(append.events) for append in appends) < 100:
                await self.append(shard, appends[:-1])
            raise


class MergedOutcomes(BrokenLog):
    """Appends of one call to one thread are answered together, with the events of all."""

    clause = "A1"

    async def append(self, shard, appends):
        outcomes = await super().append(shard, appends)
        events = [event for outcome in outcomes if isinstance(outcome, Appended) for event in outcome.events]
        return [
            Appended(tuple(event for event in events if event.thread_id == append.thread_id))
            if isinstance(outcome, Appended)
            else outcome
            for append, outcome in zip(appends, outcomes, strict=True)
        ]


class StaysLonger(BrokenLog):
    """A wait in which nothing came takes a second more than it was to."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        return await super().wait(shard, after=after, timeout=timeout + 1)


class EmptyHandedRaises(BrokenLog):
    """A wait in which nothing came ends with an error."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        last = await super().wait(shard, after=after, timeout=timeout)
        if last <= after:
            raise TimeoutError("nothing came.")
        return last


class OneWaits(BrokenLog):
    """Who begins to wait takes the place of who has waited."""

    clause = "F3"

    async def wait(self, shard, *, after, timeout):
        self._shard(shard)._waiting.clear()
        return await super().wait(shard, after=after, timeout=timeout)


class OneSnapshotForAll(BrokenLog):
    """The thread is no part of a snapshot's key."""

    clause = "S1"

    async def load_snapshot(self, tenant, thread_id, projection, version):
        await self._turn()
        kept = (kept for key, kept in self._snapshots.items() if (key[0], *key[2:]) == (tenant, projection, version))
        return next(kept, None)


class DropsRepeated(BrokenLog):
    """An event that comes twice in one restore is taken once."""

    clause = "C1"

    async def restore(self, shard, events):
        return await super().restore(shard, list({event.id: event for event in events}.values()))


class ClosesOnce(BrokenLog):
    """Closing what is closed is an error."""

    clause = "L1"

    async def close(self):
        self._check_open()
        await super().close()


class CannotBeOpened(BrokenLog):
    """It cannot be opened, by anybody."""

    clause = "L1"

    async def open(self):
        raise LogNotFound("the key is lost.")


class QuotedSecret(BrokenLog):
    """The location holds the password as the URL has it, in percent signs."""

    clause = "L2"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        quoted = quote(SECRET).replace("-", "%2D")
        self._info = replace(self._info, location=f"acme://user:{quoted}@host")


class SecretInATaskName(BrokenLog):
    """The task that waits is named after the URL."""

    clause = "L2"

    async def wait(self, shard, *, after, timeout):
        asyncio.current_task().set_name(f"wait for acme://user:{SECRET}@host")
        return await super().wait(shard, after=after, timeout=timeout)


class SecretInARefusal(BrokenLog):
    """An append of another shard is told the URL."""

    clause = "L2"

    def _check_place(self, tenant, shard):
        try:
            super()._check_place(tenant, shard)
        except InvalidAppend as error:
            raise InvalidAppend(f"acme://user:{SECRET}@host: {error}") from None
