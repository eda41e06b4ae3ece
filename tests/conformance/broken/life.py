"""Broken logs: tenants, life and secrets (T1, L1, L2)."""

from __future__ import annotations

import asyncio
import logging
import os

from conformance.broken.base import SECRET, BrokenLog, BrokenShard, replace
from threadlog.log import Appended, Conflict, Duplicate, LogLocked
from threadlog.log.memory import _Shard


class AnyTenantsThread(BrokenLog):
    """A thread that the tenant does not have is looked for among the others of its shard."""

    clause = "T1"

    async def read_thread(self, tenant, thread_id, **arguments):
        page = await super().read_thread(tenant, thread_id, **arguments)
        if page.last_seq:
            return page
        others = self._shards[self.shard_of(tenant)].threads.values()
        found = next((thread.tenant for thread in others if thread.thread_id == thread_id), tenant)
        return await super().read_thread(found, thread_id, **arguments)


class _JoinedKeys(dict):
    """Threads under tenant and id joined by a slash."""

    def __setitem__(self, key, thread):
        super().__setitem__("/".join(key), thread)

    def __getitem__(self, key):
        return super().__getitem__("/".join(key))

    def get(self, key, default=None):
        return super().get("/".join(key), default)

    def setdefault(self, key, default=None):
        return super().setdefault("/".join(key), default)


class JoinedKeys(BrokenLog):
    """Tenant and thread are joined by a slash, which both may hold."""

    clause = "T1"

    def make_shard(self, number):
        shard = _Shard(number)
        shard.threads = _JoinedKeys()
        return shard


class ForeignIdsTell(BrokenLog):
    """Listing after another tenant's thread begins at the start, which tells that there is such a thread."""

    clause = "T1"

    async def list_heads(self, tenant, *, after=None, **arguments):
        foreign = [thread for thread in self.all_threads() if thread.thread_id == after and thread.tenant != tenant]
        return await super().list_heads(tenant, after=None if foreign else after, **arguments)


class SharedSnapshots(BrokenLog):
    """Snapshots are kept by thread, whoever's it is."""

    clause = "T1"

    async def load_snapshot(self, tenant, thread_id, projection, version):
        await self._turn()
        wanted = thread_id, projection, version
        found = [kept for key, kept in self._snapshots.items() if key[1:] == wanted]
        return found[0] if found else None


class ForeignSeqs(BrokenLog):
    """A conflict with a thread that the tenant does not have tells the seq of a neighbour's."""

    clause = "T1"

    def make_shard(self, number):
        shard = BrokenShard(number)

        def after(append, thread, outcome):
            others = [other for key, other in shard.threads.items() if key[1] == append.thread_id]
            if isinstance(outcome, Conflict) and thread is None and others:
                return Conflict(others[0].last_seq)
            return outcome

        shard.after = after
        return shard


class ForeignDuplicates(BrokenLog):
    """Append ids are looked up by thread id, so a neighbour's append is given out as a duplicate."""

    clause = "T1"

    def make_shard(self, number):
        used = {}

        def after(append, thread, outcome):
            if isinstance(outcome, Appended):
                first = used.setdefault((append.thread_id, append.append_id), outcome.events)
                if first[0].tenant != append.tenant and append.thread_id == "secret":
                    return Duplicate(first)
            return outcome

        return BrokenShard(number, after=after)


class LeaksATask(BrokenLog):
    """Its background task goes on after closing."""

    clause = "L1"

    async def open(self):
        await super().open()
        self.task = asyncio.ensure_future(asyncio.sleep(3600))


class LeaksAFile(BrokenLog):
    """Its file stays open."""

    clause = "L1"

    async def open(self):
        await super().open()
        self.pipe = os.pipe()


class ReadsWhenClosed(BrokenLog):
    """It can still be read when it is closed."""

    clause = "L1"

    async def read_shard(self, shard, **arguments):
        was, self._open = self._open, True
        try:
            return await super().read_shard(shard, **arguments)
        finally:
            self._open = was


class OpensOnce(BrokenLog):
    """Its lock outlives it."""

    clause = "L1"

    async def open(self):
        if self.reopened:
            raise LogLocked("the log is open elsewhere.", {})
        await super().open()


class WaitsForEver(BrokenLog):
    """Closing leaves those who wait waiting."""

    clause = "L1"

    async def close(self):
        self._open = False


class SecretInRepr(BrokenLog):
    """Its repr shows the URL."""

    clause = "L2"

    def __repr__(self):
        return f"SecretInRepr(memory://user:{SECRET}@host)"


class SecretInLocation(BrokenLog):
    """Its location is the URL."""

    clause = "L2"

    def __init__(self, shards=1, limits=None):
        super().__init__(shards, limits)
        self._info = replace(self._info, location=f"memory://user:{SECRET}@host")


class SecretLogged(BrokenLog):
    """It logs where it connects to."""

    clause = "L2"

    async def open(self):
        await super().open()
        logging.getLogger("broken").debug("connecting to memory://user:%s@host", SECRET)


class SecretInCause(BrokenLog):
    """The driver's error, which quotes the URL, is the cause of its own."""

    clause = "L2"

    async def read_shard(self, shard, **arguments):
        try:
            return await super().read_shard(shard, **arguments)
        except ValueError:
            raise ValueError("no such shard.") from OSError(f"memory://user:{SECRET}@host")
