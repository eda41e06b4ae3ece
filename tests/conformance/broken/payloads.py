"""Broken logs: what is kept of an append (A7, A8, A9, F4) and storage faults (X1)."""

from __future__ import annotations

import json
import unicodedata

from conformance.broken.base import BrokenLog, BrokenShard, FallibleLog, replace
from threadlog.log import Appended, Durability, LogStatus, LogStopped, TooLarge


class Boastful(BrokenLog):
    """It says that it attains more than it does."""

    clause = "A7"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self._info = replace(self._info, durability=Durability.DISK)


class Forgetful(BrokenLog):
    """A restart finds nothing."""

    clause = "A7"

    async def close(self):
        await super().close()
        self._shards = [self.make_shard(number) for number in range(len(self._shards))]


class TailLost(BrokenLog):
    """The last append of a larger call is acknowledged and not yet stored when the log closes."""

    clause = "A7"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self.tail = None

    async def append(self, shard, appends):
        outcomes = await super().append(shard, appends)
        if appends:
            last = outcomes[-1]
            self.tail = last.events if len(appends) in (4, 5) and isinstance(last, Appended) else None
        return outcomes

    async def close(self):
        await super().close()
        if self.tail:
            shard = self._shards[self.tail[0].shard]
            thread = shard.threads[self.tail[0].tenant, self.tail[0].thread_id]
            del shard.events[-len(self.tail) :], thread.events[-len(self.tail) :]
            self.tail = None


class Reserialized(BrokenLog):
    """Payloads go through a JSON library."""

    clause = "A8"

    def make_shard(self, number):
        def spoil(data):
            try:
                return json.dumps(json.loads(data)).encode()
            except (ValueError, RecursionError):
                return data

        return _spoiled(number, lambda event: replace(event, data=spoil(event.data)))


class Trimmed(BrokenLog):
    """After a restart, space around payloads is gone."""

    clause = "A8"

    async def close(self):
        await super().close()
        for shard in self._shards:
            _change_stored(shard, lambda event: replace(event, data=event.data.strip()))


class Normalised(BrokenLog):
    """Ids of threads come back in a Unicode normal form."""

    clause = "A8"

    def make_shard(self, number):
        return _spoiled(
            number, lambda event: replace(event, actor=event.actor and unicodedata.normalize("NFC", event.actor))
        )


class NoLimit(BrokenLog):
    """Large events are taken."""

    clause = "A9"

    async def append(self, shard, appends):
        limits = self._info.limits
        self._info = replace(self._info, limits=replace(limits, event_bytes=10**9, append_bytes=10**9))
        try:
            return await super().append(shard, appends)
        finally:
            self._info = replace(self._info, limits=limits)


class WritesUpToTheLimit(BrokenLog):
    """A call that is too large is stored until the limit is reached, and then refused."""

    clause = "A9"

    async def append(self, shard, appends):
        outcomes = []
        try:
            self._info.limits.check_call(appends)
        except TooLarge:
            for append in appends:
                outcomes += await super().append(shard, [append])
            raise
        return await super().append(shard, appends)


class CheckDigits(BrokenLog):
    """Ids end in the number of the event instead of random digits: all histories look the same."""

    clause = "F4"

    def make_shard(self, number):
        return _spoiled(number, lambda event: replace(event, id=f"{event.id[:-8]}{event.position:08x}"))


class OneIdPerAppend(BrokenLog):
    """Ids of one append differ in the middle, and the digits of a cursor do not."""

    clause = "F4"

    def make_shard(self, number):
        return _spoiled(number, lambda event: replace(event, id=f"{event.id[:-8]}0123abcd"))


class AcknowledgesFaults(FallibleLog):
    """While storage fails, appends are acknowledged and lost."""

    clause = "X1"

    async def append(self, shard, appends):
        if not (appends and self.failing):
            return await super().append(shard, appends)
        self.stopped = True
        lost = FallibleLog(self.info.shards)
        async with lost:
            return await lost.append(shard, appends)


class HalfOnFault(FallibleLog):
    """What was being stored when storage failed is found in part."""

    clause = "X1"

    async def append(self, shard, appends):
        if appends and self.failing:
            self._shard(shard).take(replace(appends[0], events=appends[0].events[:1]), 1)
        return await super().append(shard, appends)


class BlindAfterFault(FallibleLog):
    """After a fault, nothing can be read any more."""

    clause = "X1"

    async def read_thread(self, tenant, thread_id, **arguments):
        if self.stopped:
            raise LogStopped("the storage failed.")
        return await super().read_thread(tenant, thread_id, **arguments)


class SaysAllIsWell(FallibleLog):
    """It cannot append, and its status does not tell."""

    clause = "X1"

    async def status(self):
        await super().status()
        return LogStatus(True)


def _spoiled(number, spoil):
    """A shard that spoils each event before storing it."""
    shard = BrokenShard(number)
    made = shard._event
    shard._event = lambda *arguments: spoil(made(*arguments))
    return shard


def _change_stored(shard, change):
    """Change every stored event of a shard, wherever it is held."""
    shard.events = [change(event) for event in shard.events]
    for thread in shard.threads.values():
        thread.events = [change(event) for event in thread.events]
        thread.appends = {key: tuple(map(change, events)) for key, events in thread.appends.items()}
