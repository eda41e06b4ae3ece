"""Level contract: heads (H1), snapshots (S1) and copies (C1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from threadlog.log import Append, Appended, Diverged, Event, EventLog, Expect, Head, HeadChange, Snapshot
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import THREAD, make, numbers, read, read_numbers, read_shard, send, store, tenants_of


class HeadTests:
    """Listing the heads of threads (H1)."""

    @clause("H1")
    async def test_h1_threads_are_listed_by_creation(self, lab: Lab) -> None:
        """Newest or oldest first, whatever was appended later, and when the head came."""
        log = await lab.open()
        await store(log, make(1, thread="late head"))
        await _threads(log, "a", "b", "c")
        await store(log, make(2, thread="late head", head=HeadChange(title="now")))
        await store(log, make(3, thread="a", head=HeadChange(title="again")))
        assert await _listed(log, newest_first=False) == ["late head", "a", "b", "c"]
        assert await _listed(log) == ["c", "b", "a", "late head"]

    @clause("H1")
    async def test_h1_threads_of_one_call_are_in_its_order(self, lab: Lab) -> None:
        """Threads that are made at the same moment are listed as they were given."""
        log = await lab.open()
        await store(log, *(make(n, thread=name, head=HeadChange()) for n, name in enumerate("zmaq")))
        assert await _listed(log, newest_first=False) == list("zmaq")
        assert await _listed(log) == list("qamz")

    @clause("H1")
    async def test_h1_pages_cover_all_threads(self, lab: Lab) -> None:
        """Page by page after the last one's id, every thread comes once, and `has_more` tells whether to go on."""
        log = await lab.open()
        names = [f"t{n}" for n in range(9)]
        await _threads(log, *names)
        for newest_first in (False, True):
            for limit in (1, 2, 3, 9, 10):
                seen: list[str] = []
                more = True
                while more:
                    after = seen[-1] if seen else None
                    page = await log.list_heads("tenant", after=after, limit=limit, newest_first=newest_first)
                    assert len(page.heads) <= limit, f"{len(page.heads)} heads on a page with limit {limit}"
                    seen += [head.thread_id for head in page.heads]
                    more = page.has_more
                assert seen == (names[::-1] if newest_first else names), f"limit={limit}"

    @clause("H1")
    async def test_h1_a_head_holds_what_was_given(self, lab: Lab) -> None:
        """All fields come back, odd texts included; what nobody gave has its default."""
        log = await lab.open()
        first = await store(log, make(1))
        await store(log, make(2, head=HeadChange()))
        plain = Head(tenant="tenant", thread_id=THREAD, created_us=first[0].time_us)
        assert list((await log.list_heads("tenant")).heads) == [plain]
        title, info = "e\u0301 'x' \n 日本 😀 ", '{ "b":1.0,"a":[] }'
        await store(log, make(3, head=HeadChange(owner="älice", title=title, status="locked", info=info)))
        full = msgspec.structs.replace(plain, owner="älice", title=title, status="locked", info=info)
        assert list((await log.list_heads("tenant")).heads) == [full]

    @clause("H1")
    async def test_h1_heads_change_field_by_field(self, lab: Lab) -> None:
        """Fields that are left out stay; None clears a title; of two changes in one append the later wins."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(owner="o", title="t", status="locked", info="i")))
        await store(log, make(2, head=HeadChange(status="closed")))
        await _check_head(log, ("o", "t", "closed", "i"))
        await store(log, make(3, head=HeadChange(title=None)))
        await _check_head(log, ("o", None, "closed", "i"))
        twice = (*numbers(4, head=HeadChange(title="x", info="1")), *numbers(5, head=HeadChange(info="2")))
        await store(log, make(events=twice))
        await _check_head(log, ("o", "x", "closed", "2"))

    @clause("H1")
    async def test_h1_heads_change_only_with_a_head_change(self, lab: Lab) -> None:
        """Threads without one are not listed, and further events do not touch the head of one that is."""
        log = await lab.open()
        await store(log, make(1, thread="silent"), make(2, thread="listed", head=HeadChange(title="t")))
        (before,) = (await log.list_heads("tenant")).heads
        await store(log, make(3, thread="listed"), make(4, thread="silent"))
        assert (await log.list_heads("tenant")).heads == (before,)

    @clause("H1")
    async def test_h1_deleted_threads_are_not_listed(self, lab: Lab) -> None:
        """Nor do they take places on a page; one that is brought back is at its old place."""
        log = await lab.open()
        await _threads(log, "a", "b", "c", "d")
        for name in ("b", "c"):
            await store(log, make(9, thread=name, head=HeadChange(deleted=True)))
        page = await log.list_heads("tenant", limit=2)
        assert ([head.thread_id for head in page.heads], page.has_more) == (["d", "a"], False)
        (outcome,) = await send(log, make(9, thread="b", expected=2, head=HeadChange(deleted=False)))
        if isinstance(outcome, Appended):  # that it must be is A4
            assert await _listed(log) == ["d", "b", "a"]

    @clause("H1")
    async def test_h1_a_deleted_thread_still_marks_its_place(self, lab: Lab) -> None:
        """Who pages on after a thread that has been deleted meanwhile misses nothing."""
        log = await lab.open()
        await _threads(log, "a", "b", "c")
        await store(log, make(9, thread="b", head=HeadChange(deleted=True)))
        assert await _listed(log, after="b") == ["a"]
        assert await _listed(log, after="b", newest_first=False) == ["c"]

    @clause("H1")
    async def test_h1_after_an_unknown_thread_there_is_nothing(self, lab: Lab) -> None:
        """An id that marks no place gives an empty page, and not the first one again."""
        log = await lab.open()
        await _threads(log, "a", "b")
        await store(log, make(1, thread="silent"))
        for after in ("unknown", "silent"):
            page = await log.list_heads("tenant", after=after)
            assert (page.heads, page.has_more) == ((), False)

    @clause("H1")
    async def test_h1_an_owner_has_a_list(self, lab: Lab) -> None:
        """It holds the threads whose present owner that user is, pages included, compared exactly."""
        log = await lab.open()
        for n in range(6):
            await store(log, make(1, thread=f"t{n}", head=HeadChange(owner=("alice", "bob")[n % 2])))
        await store(log, make(2, thread="t1", head=HeadChange(owner="alice")))
        await store(log, make(1, thread="t6", head=HeadChange(owner="Alice")), make(1, thread="t7", head=HeadChange()))
        assert await _listed(log, owner="alice") == ["t4", "t2", "t1", "t0"]
        assert await _listed(log, owner="bob") == ["t5", "t3"]
        assert await _listed(log, owner="carol") == []
        page = await log.list_heads("tenant", owner="alice", limit=2)
        assert ([head.thread_id for head in page.heads], page.has_more) == (["t4", "t2"], True)
        assert await _listed(log, owner="alice", after="t3") == ["t2", "t1", "t0"]

    @clause("H1")
    async def test_h1_heads_are_there_after_reopening(self, lab: Lab) -> None:
        """A restart changes neither the list nor its order."""
        log = await lab.open()
        await _threads(log, "b", "a", "c", "gone")
        await store(log, make(2, thread="b", head=HeadChange(title="x")))
        await store(log, make(2, thread="gone", head=HeadChange(deleted=True)))
        before = await log.list_heads("tenant")
        log = await lab.reopen(log)
        assert await log.list_heads("tenant") == before
        await _threads(log, "new")
        assert await _listed(log) == ["new", "c", "a", "b"]

    @clause("H1")
    async def test_h1_numbers_out_of_range_are_refused(self, lab: Lab) -> None:
        """A limit under 1 is the caller's mistake and is told."""
        log = await lab.open()
        for limit in (0, -1):
            with pytest.raises(ValueError):  # noqa: PT011 - any ValueError will do
                await log.list_heads("tenant", limit=limit)


class SnapshotTests:
    """Keeping snapshots (S1)."""

    @clause("S1")
    async def test_s1_a_snapshot_comes_back_as_it_was(self, lab: Lab) -> None:
        """State is bytes, and is either returned exactly or not at all."""
        log = await lab.open()
        kept = _snapshot(1, state=bytes(range(256)) * 50)
        await log.save_snapshot(kept)
        assert await _load(log) in (kept, None)

    @clause("S1")
    async def test_s1_a_snapshot_is_found_by_all_of_its_key(self, lab: Lab) -> None:
        """Another thread, projection or version has another snapshot, or none."""
        log = await lab.open()
        await log.save_snapshot(_snapshot(1))
        for other in ({"thread_id": "other"}, {"projection": "other"}, {"version": 2}, {"version": 0}):
            assert await _load(log, **other) is None, f"{other} has no snapshot"
        for version in (2, 3):
            await log.save_snapshot(_snapshot(version, version=version))
        assert await _load(log) in (_snapshot(1), None)

    @clause("S1")
    async def test_s1_the_newest_is_kept(self, lab: Lab) -> None:
        """A later snapshot takes the place of an older one; one at a lower seq changes nothing."""
        log = await lab.open()
        for seq in (1, 5, 3):
            await log.save_snapshot(_snapshot(seq))
        loaded = await _load(log)
        assert loaded is None or loaded.seq == 5, (
            f"after snapshots of seq 5 and then of an earlier seq were saved, {loaded} is kept: the newer one is due"
        )

    @clause("S1")
    async def test_s1_the_newest_is_kept_after_reopening(self, lab: Lab) -> None:
        """A snapshot of a lower seq does not take the place of one that a restart has not lost."""
        log = await lab.open()
        await log.save_snapshot(_snapshot(5))
        log = await lab.reopen(log)
        if await _load(log) is None:
            return  # a log may lose all of them
        await log.save_snapshot(_snapshot(3))
        loaded = await _load(log)
        assert loaded is None or loaded.seq == 5, f"a snapshot of seq 5 gave way to {loaded} after reopening"

    @clause("S1")
    async def test_s1_the_log_does_not_need_them(self, lab: Lab) -> None:
        """What a snapshot says, right or wrong, changes no answer of the log."""
        log = await lab.open()
        await store(log, make(1, expected=0))
        await log.save_snapshot(_snapshot(99, thread_id=THREAD))
        (outcome,) = await send(log, make(2, expected=1))
        assert isinstance(outcome, Appended), f"a snapshot of seq 99 is kept, and an append at seq 1 gives {outcome}"
        assert await read_numbers(log) == [1, 2]


class RestoreTests:
    """Copying a log (C1)."""

    @clause("C1")
    async def test_c1_a_copy_is_the_same_log(self, lab: Lab) -> None:
        """Events keep all they have; heads, append ids and expected seqs follow as if they had been appended."""
        source, copy = await lab.open("source", shards=2), await lab.open("copy", shards=2)
        sent = await _history(source)
        for shard in range(2):
            events = await read_shard(source, shard)
            assert await copy.restore(shard, events) == len(events)
            assert await read_shard(copy, shard) == events
        for tenant in (*tenants_of(2, 0, 1), *tenants_of(2, 1, 1)):
            assert await copy.list_heads(tenant) == await source.list_heads(tenant)
            assert await read(copy, tenant=tenant) == await read(source, tenant=tenant)
        for append in sent:
            other = make(99, tenant=append.tenant, append_id=append.append_id)
            kinds = [[type(outcome) for outcome in await send(log, append, other)] for log in (source, copy)]
            assert kinds[0] == kinds[1], "append ids are part of a copy: it must answer retries as its source does"
            await store(copy, make(100, tenant=append.tenant, expected=Expect.THREAD_EXISTS))

    @clause("C1")
    async def test_c1_a_copy_goes_on_where_it_stopped(self, lab: Lab) -> None:
        """What is there already is passed over, so a copy may overlap, repeat and be continued."""
        source, copy = await lab.open("source"), await lab.open("copy")
        for n in range(6):
            await store(source, make(n, n, thread=f"t{n % 2}"))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        for start, end in ((0, 4), (0, 4), (2, 8), (0, 2), (8, 12), (0, 12)):
            last = await copy.restore(shard, events[start:end])
            copied = await read_shard(copy, shard)
            assert last == len(copied)
            assert copied == events[:last]
        assert await copy.restore(shard, []) == 12

    @clause("C1")
    async def test_c1_another_history_is_refused(self, lab: Lab) -> None:
        """Events that are not those of the log raise `Diverged`, and nothing is written."""
        source, other = await lab.open("source"), await lab.open("other")
        for log in (source, other):
            for n in range(3):
                await store(log, make(n))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await store(source, make(4))
        await _check_refused(other, shard, await read_shard(source, shard))
        await _check_refused(other, shard, events[:1])

    @clause("C1")
    async def test_c1_gaps_are_refused(self, lab: Lab) -> None:
        """Positions must follow on the log's last one and on each other, and seqs on the thread's last one."""
        source, copy = await lab.open("source"), await lab.open("copy")
        for n in range(5):
            await store(source, make(n))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await _check_refused(copy, shard, events[1:])
        await _check_refused(copy, shard, [events[0], events[2]])
        await _check_refused(copy, shard, [events[1], events[0]])
        await copy.restore(shard, events[:2])
        await _check_refused(copy, shard, events[3:])
        await _check_refused(copy, shard, [msgspec.structs.replace(events[2], seq=4)])
        await _check_refused(copy, shard, [msgspec.structs.replace(events[2], seq=2)])

    @clause("C1")
    async def test_c1_another_shard_is_refused(self, lab: Lab) -> None:
        """Events go into the shard where their tenant lives, and no other."""
        source, copy = await lab.open("source", shards=2), await lab.open("copy", shards=2)
        await store(source, make(1, tenant=tenants_of(2, 0, 1)[0]))
        events = await read_shard(source, 0)
        await _check_refused(copy, 1, events)
        await _check_refused(copy, 1, [msgspec.structs.replace(events[0], shard=1)])

    @clause("C1")
    async def test_c1_a_copy_is_kept(self, lab: Lab) -> None:
        """After reopening, the copy is complete and goes on like any log."""
        source, copy = await lab.open("source"), await lab.open("copy")
        await store(source, make(1, head=HeadChange(title="t")), make(2, 3))
        shard = source.shard_of("tenant")
        events = await read_shard(source, shard)
        await copy.restore(shard, events)
        copy = await lab.reopen(copy)
        assert await read_shard(copy, shard) == events
        assert await copy.list_heads("tenant") == await source.list_heads("tenant")
        await store(copy, make(4, expected=3))


async def _threads(log: EventLog, *names: str) -> None:
    for name in names:
        await store(log, make(1, thread=name, head=HeadChange()))


async def _listed(log: EventLog, **arguments: Any) -> list[str]:
    return [head.thread_id for head in (await log.list_heads("tenant", **arguments)).heads]


async def _check_head(log: EventLog, fields: tuple[str | None, ...]) -> None:
    (head,) = (await log.list_heads("tenant")).heads
    assert (head.owner, head.title, head.status, head.info) == fields


def _snapshot(seq: int, *, thread_id: str = THREAD, version: int = 1, state: bytes = b"state") -> Snapshot:
    return Snapshot(
        tenant="tenant",
        thread_id=thread_id,
        projection="items",
        version=version,
        seq=seq,
        check="0123abcd",
        state=state,
    )


async def _load(
    log: EventLog, *, thread_id: str = THREAD, projection: str = "items", version: int = 1
) -> Snapshot | None:
    return await log.load_snapshot("tenant", thread_id, projection, version)


async def _history(log: EventLog) -> list[Append]:
    """Two events in one thread of a tenant in each of two shards, with heads; the first append of each."""
    sent = []
    for shard in range(2):
        (tenant,) = tenants_of(2, shard, 1)
        append = make(1, tenant=tenant, append_id="first", expected=Expect.NO_THREAD, head=HeadChange(title="t"))
        await store(log, append)
        sent.append(append)
        await store(log, make(2, tenant=tenant, head=HeadChange(owner="o", info="{}")))
    return sent


async def _check_refused(log: EventLog, shard: int, events: Sequence[Event]) -> None:
    """Restoring raises `Diverged` and leaves the log as it was."""
    before = await read_shard(log, shard)
    with pytest.raises(Diverged):
        await log.restore(shard, events)
    assert await read_shard(log, shard) == before
