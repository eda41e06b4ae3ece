"""Level contract: heads, snapshots and copies at their edges (H1, S1, C1)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from threadlog.log import Conflict, Diverged, Duplicate, Event, EventLog, Expect, HeadChange, Snapshot
from threadlog.log.ids import uuid7s
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import THREAD, make, read_heads, read_shard, restore, send, store

ALIKE = (
    *(("t", "items", 11), ("t", "items1", 1), ("t", "items-1", 1), ("t-items", "1", 1), ("t", "items", 1)),
    *(("t", "items/1", 1), ("t/items", "1", 1), ("t:items", "1", 1), ("t", "items:1", 1)),
    *(("T", "items", 1), ("t", "Items", 1), ("t", "items", 257), ("t", "items", 65_537), ("t ", "items", 1)),
    *(("\u00e9", "items", 1), ("e\u0301", "items", 1), ("t%", "items", 1), ("t", "item_", 1)),
)
"""Thread, projection and version of snapshots that are one to keys without safe separators or with loose comparison."""


class HeadEdgeTests:
    """Listing threads (H1)."""

    @clause("H1")
    async def test_h1_an_owners_pages_cover_the_list(self, lab: Lab) -> None:
        """Page by page an owner's list holds all of that owner's threads and no other, and ends where it ends."""
        log = await lab.open()
        for n in range(8):
            await store(log, make(1, thread=f"t{n}", head=HeadChange(owner=("alice", "bob")[n % 2])))
        for newest_first in (False, True):
            for limit in (1, 2, 3, 4, 5):
                heads = await read_heads(log, "tenant", "alice", limit=limit, newest_first=newest_first)
                names = ["t0", "t2", "t4", "t6"][:: -1 if newest_first else 1]
                assert [head.thread_id for head in heads] == names, f"limit={limit}, newest_first={newest_first}"
            page = await log.list_heads("tenant", owner="alice", limit=4)
            assert not page.has_more, "has_more is told of the last page, which happens to be full"

    @clause("H1")
    async def test_h1_pages_of_heads_are_bounded(self, lab: Lab) -> None:
        """However many are asked for, a page holds no more heads than the log's limit, and tells of more."""
        log = await lab.open()
        most = log.info.limits.page_events
        if most > 2_000:
            pytest.skip("pages of this log are longer than a test can fill")
        size = min(100, log.info.limits.batch_events)
        for start in range(0, most + 1, size):
            threads = range(start, min(start + size, most + 1))
            await store(log, *(make(1, thread=f"t{n}", head=HeadChange()) for n in threads))
        page = await log.list_heads("tenant", limit=10**9)
        assert (len(page.heads), page.has_more) == (most, True)

    @clause("H1")
    async def test_h1_empty_and_long_texts_are_kept(self, lab: Lab) -> None:
        """An empty title is not a missing one, and the longest texts are not cut."""
        log = await lab.open()
        for text in ("", "x" * 65_536):
            await store(log, make(1, head=HeadChange(title=text, status=text, info=text)))
            (head,) = (await log.list_heads("tenant")).heads
            told = [kept if kept is None else len(kept) for kept in (head.title, head.status, head.info)]
            assert told == [len(text)] * 3, "left: lengths of title, status and info as listed; right: as given"

    @clause("H1")
    async def test_h1_only_deleted_false_brings_a_thread_back(self, lab: Lab) -> None:
        """Another head change of a deleted thread leaves it deleted; what it held is there when it is brought back."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(owner="o", title="t", info="i")))
        await store(log, make(2, head=HeadChange(deleted=True)))
        for seq, head in ((2, HeadChange(status="closed")), (3, None)):
            await send(log, make(3, expected=seq, head=head))
            assert (await log.list_heads("tenant")).heads == (), "a thread that nobody brought back is listed"
        (outcome,) = await send(log, make(4, expected=4, head=HeadChange(deleted=False)))
        if not isinstance(outcome, Conflict):  # that it may be none is A4
            (back,) = (await log.list_heads("tenant")).heads
            assert (back.owner, back.title, back.status, back.info) == ("o", "t", "closed", "i")


class SnapshotEdgeTests:
    """Which snapshot is found (S1), and whose (T1)."""

    @clause("S1")
    async def test_s1_keys_that_look_alike_are_different(self, lab: Lab) -> None:
        """Thread, projection and version are compared one by one and exactly."""
        log = await lab.open()
        for key in ALIKE:
            await log.save_snapshot(_snapshot(*key))
        for key in ALIKE:
            kept = await log.load_snapshot("tenant", *key)
            assert kept in (_snapshot(*key), None), f"the snapshot of {key} is that of another key"

    @clause("S1")
    async def test_s1_a_state_is_whole_or_not_there(self, lab: Lab) -> None:
        """Empty or large, a state comes back exactly or not at all, also after reopening; too large is no error."""
        log = await lab.open()
        sizes = (0, 1, 70_000, 2 * 2**20)
        for size in sizes:
            await log.save_snapshot(_snapshot(f"t{size}", "items", 1, b"\x00\xff"[:size] + b"x" * (size - 2)))
        for _ in range(2):
            for size in sizes:
                kept = await log.load_snapshot("tenant", f"t{size}", "items", 1)
                wanted = b"\x00\xff"[:size] + b"x" * (size - 2)
                assert kept is None or kept.state == wanted, f"a state of {size} bytes has {len(kept.state)} now"
            log = await lab.reopen(log)

    @clause("S1")
    async def test_s1_no_answer_comes_from_a_snapshot(self, lab: Lab) -> None:
        """A snapshot that claims a later seq than the thread has changes nothing that is read."""
        log = await lab.open()
        await store(log, make(1))
        await log.save_snapshot(_snapshot(THREAD, "items", 1, seq=99))
        assert (await log.read_thread("tenant", THREAD)).last_seq == 1

    @clause("T1")
    async def test_t1_snapshots_of_tenants_that_look_alike_are_different(self, lab: Lab) -> None:
        """Tenant and thread are compared one by one and exactly, here as elsewhere."""
        log = await lab.open()
        pairs = (
            ("a", "b/c"),
            ("a/b", "c"),
            ("a:b", "c"),
            ("a", "b:c"),
            ("A", "c"),
            ("a", "c"),
            ("a ", "c"),
            ("ab", "c"),
        )
        for tenant, thread in pairs:
            state = tenant.encode()
            await log.save_snapshot(msgspec.structs.replace(_snapshot(thread, "items", 1, state), tenant=tenant))
        for tenant, thread in pairs:
            kept = await log.load_snapshot(tenant, thread, "items", 1)
            assert kept is None or (kept.tenant, kept.state) == (tenant, tenant.encode())


class CopyEdgeTests:
    """What restoring takes over, and what it refuses (C1)."""

    @clause("C1")
    async def test_c1_everything_of_an_event_is_copied(self, lab: Lab) -> None:
        """Actor, run, trace and deletions, too; and a retry in the copy gives the original events."""
        source, copy = await lab.open("source"), await lab.open("copy")
        named = msgspec.structs.replace(make(1), actor="user:a", run_id="r", trace="00-1-2-01")
        await store(source, named, make(2, head=HeadChange(title="t", deleted=True)))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await copy.restore(shard, events)
        assert await read_shard(copy, shard) == events
        (outcome,) = await send(copy, named)
        assert outcome == Duplicate((events[0],)) or isinstance((await send(source, named))[0], Conflict)
        assert (await copy.list_heads("tenant")).heads == (await source.list_heads("tenant")).heads
        kinds = [type((await send(log, make(3, append_id="any", expected=Expect.ANY)))[0]) for log in (source, copy)]
        assert kinds[0] is kinds[1], "a thread that is deleted in the source is not in the copy"

    @clause("C1")
    async def test_c1_a_copy_may_come_in_one_call(self, lab: Lab) -> None:
        """The limits of appending do not apply to restoring."""
        source, copy = await lab.open("source"), await lab.open("copy")
        limits = source.info.limits
        size = max(limits.append_events // 2, 1)
        for n in range(limits.batch_events // size + 1):
            await store(source, make(*range(size), thread=f"t{n % 2}"))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        assert await copy.restore(shard, events) == len(events)

    @clause("C1")
    async def test_c1_each_event_that_is_there_is_compared(self, lab: Lab) -> None:
        """One event with another id, at whatever place among those that are passed over, is another history."""
        source, copy = await lab.open("source"), await lab.open("copy")
        for n in range(4):
            await store(source, make(n, thread=f"t{n % 2}"))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await copy.restore(shard, events[:3])
        for place in range(3):
            other = msgspec.structs.replace(events[place], id=str(uuid7s(events[place].time_us, 1)[0]))
            await _check_refused(copy, shard, [*events[:place], other, *events[place + 1 :]])
        await copy.restore(shard, events)

    @clause("C1")
    async def test_c1_a_missing_thread_is_a_gap(self, lab: Lab) -> None:
        """Where each event begins a thread of its own, the positions alone tell that one is missing."""
        source, copy = await lab.open("source"), await lab.open("copy")
        for n in range(3):
            await store(source, make(n, thread=f"t{n}"))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await _check_refused(copy, shard, events[1:])
        await _check_refused(copy, shard, [events[0], events[2]])

    @clause("C1")
    async def test_c1_an_event_that_comes_twice_is_refused(self, lab: Lab) -> None:
        """A page that holds an event twice is not the next part of any history, be it stored already or new."""
        source, copy = await lab.open("source"), await lab.open("copy")
        for n in range(3):
            await store(source, make(n, thread=f"t{n}"))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        for _ in range(2):
            await _check_refused(copy, shard, [events[0], events[0], *events[1:]])
            await _check_refused(copy, shard, [*events, events[-1]])
            await restore(copy, shard, events[:1])

    @clause("C1")
    async def test_c1_an_append_cannot_be_gone_on_with(self, lab: Lab) -> None:
        """Where the beginning of an append was stored as a whole one, what follows of it is refused."""
        source, copy = await lab.open("source"), await lab.open("copy")
        await store(source, make(1, 2, 3))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await copy.restore(shard, events[:1])
        await _check_refused(copy, shard, events[1:])
        await _check_refused(copy, shard, events)


def _snapshot(thread: str, projection: str, version: int, state: bytes | None = None, *, seq: int = 1) -> Snapshot:
    return Snapshot(
        tenant="tenant",
        thread_id=thread,
        projection=projection,
        version=version,
        seq=seq,
        check="0123abcd",
        state=repr((thread, projection, version)).encode() if state is None else state,
    )


async def _check_refused(log: EventLog, shard: int, events: Sequence[Event]) -> None:
    """Restoring raises `Diverged` and leaves the log as it was."""
    before = await read_shard(log, shard)
    with pytest.raises(Diverged):
        await log.restore(shard, events)
    assert await read_shard(log, shard) == before
