"""A log moves into another with everything that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadlog.log import (
    Append,
    Appended,
    Diverged,
    Duplicate,
    Event,
    EventLog,
    Expect,
    HeadChange,
    MemoryLog,
    NewEvent,
    open_log,
)
from threadlog.log.copying import copy_log

pytestmark = pytest.mark.anyio


def append(number: int, tenant: str = "acme", events: int = 1) -> Append:
    """An append of some events to one of three threads; the first of each lists the thread."""
    head = HeadChange(owner="alice", title=f"é {number}") if number < 3 else None
    made = tuple(NewEvent("notice", b'{"b":1.10,"a":%d}' % at, head=head) for at in range(events))
    return Append(
        tenant=tenant,
        thread_id=f"t{number % 3}",
        append_id=f"a{number}",
        expected=Expect.ANY,
        events=made,
        actor="user:alice",
        run_id="r",
    )


async def fill(log: EventLog, numbers: range) -> None:
    """Some appends of two tenants."""
    for tenant in ("acme", "globex"):
        for number in numbers:
            (outcome,) = await log.append(log.shard_of(tenant), [append(number, tenant, 1 + number % 4)])
            assert isinstance(outcome, Appended)


async def all_of(log: EventLog) -> list[Event]:
    """Every event, shard by shard."""
    return [event for shard in range(log.info.shards) for event in (await log.read_shard(shard, limit=1_000)).events]


async def test_there_and_back_is_the_identity(tmp_path: Path) -> None:
    """From memory to a file and back, every event is the same in every field, and listings are too."""
    async with MemoryLog(shards=2) as source, open_log(f"file:{tmp_path / 'log'}", shards=2) as between:
        await fill(source, range(40))
        async with MemoryLog(shards=2) as target:
            there = await copy_log(source, between)
            back = await copy_log(between, target)
            assert there.digest == back.digest
            assert await all_of(source) == await all_of(between) == await all_of(target)
            assert await source.list_heads("acme") == await target.list_heads("acme")
            assert there.copied == len(await all_of(source))


async def test_a_copy_goes_on_where_it_stopped() -> None:
    """What the target has is kept; what has come since is added; a retried append is known there."""
    async with MemoryLog() as source, MemoryLog() as target:
        await fill(source, range(10))
        first = await copy_log(source, target)
        await fill(source, range(10, 20))
        second = await copy_log(source, target)
        assert (second.kept, second.copied) == (first.copied, len(await all_of(source)) - first.copied)
        (outcome,) = await target.append(0, [append(3, events=4)])
        assert isinstance(outcome, Duplicate)


async def test_progress_reaches_the_end() -> None:
    """Whoever watches sees it come to all of all."""
    seen: list[tuple[int, int]] = []
    async with MemoryLog() as source, MemoryLog() as target:
        await fill(source, range(10))
        await copy_log(source, target, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0


async def test_another_history_is_refused() -> None:
    """A target with events of its own is left as it is."""
    async with MemoryLog() as source, MemoryLog() as target:
        await fill(source, range(5))
        await fill(target, range(5))
        before = await all_of(target)
        with pytest.raises(Diverged, match="another history"):
            await copy_log(source, target)
        assert await all_of(target) == before


async def test_another_number_of_shards_is_refused() -> None:
    """Tenants would live elsewhere: the message says how to make the target."""
    async with MemoryLog(shards=2) as source, MemoryLog(shards=3) as target:
        with pytest.raises(Diverged, match="anew with 2"):
            await copy_log(source, target)
