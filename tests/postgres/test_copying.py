"""Moving house between a file and Postgres, by the command."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import ANY

import pytest
from msgspec.structs import replace

from commands import Run
from postgres.logs import Database, everything, make
from threadlog.log import Appended, Conflict, Diverged, Event, EventLog, HeadChange, open_log

pytestmark = pytest.mark.anyio

TENANTS = ("acme", "globex", "initech")


async def fill(log: EventLog, appends: int) -> None:
    """Appends of several tenants and threads, with odd bytes and odd names in them."""
    for number in range(appends):
        tenant = TENANTS[number % len(TENANTS)]
        head = HeadChange(owner="alice", title=f"é {number}") if number % 5 == 0 else None
        data = b'{"b":1.10,"a":%d,"a":"\xc3\xa9","e":1e2}' % number
        append = make(f"t {number % 7} é", tenant=tenant, events=1 + number % 4, head=head, data=data)
        await log.append(log.shard_of(tenant), [append])


async def all_of(log: EventLog) -> list[Event]:
    """Every event, shard by shard."""
    events: list[Event] = []
    for shard in range(log.info.shards):
        after, page = 0, None
        while page is None or page.looked_to < page.last_position:
            page = await log.read_shard(shard, after=after, limit=50)
            events += page.events
            after = page.looked_to
    return events


async def titles(log: EventLog) -> list[list[str | None]]:
    """What each tenant's list shows."""
    return [[head.title for head in (await log.list_heads(tenant)).heads] for tenant in TENANTS]


async def test_from_a_file_to_postgres_and_back_is_the_identity(database: Database, tmp_path: Path, run: Run) -> None:
    """Stopped and resumed on the way; every field of every event, every list and both digests are the same."""
    old, house, back = f"file:{tmp_path}/old", database.place_url(database.schema("house")), f"file:{tmp_path}/back"
    async with open_log(old, shards=3) as log:
        await fill(log, 60)
    assert run("copy", old, house).code == 0
    async with open_log(old) as log:
        await fill(log, 40)
        events, lists = await all_of(log), await titles(log)
    there = run("copy", old, house, "--json")
    again = run("copy", house, back, "--json")
    assert (there.code, again.code) == (0, 0), there.err + again.err
    assert json.loads(there.out)["kept"] > 0
    assert json.loads(there.out)["copied"] + json.loads(there.out)["kept"] == len(events)
    assert json.loads(there.out)["digest"] == json.loads(again.out)["digest"]
    for url in (house, back):
        async with open_log(url, create=False) as log:
            assert await all_of(log) == events
            assert await titles(log) == lists


async def test_what_is_deleted_stays_so_through_restores_and_appends(database: Database) -> None:
    """Whichever way events come, the thread's last one tells; across calls, and between its neighbours."""
    async with database.new() as old, database.new() as new:
        await old.append(0, [make("t", events=2), make("u"), make("t", head=HeadChange(deleted=True))])
        await old.append(0, [make("u"), make("t", expected=3, events=2), make("u", head=HeadChange(deleted=False))])
        events = await everything(old)
        for part in (events[:4], events[4:]):
            await new.restore(0, part)
        for log in (old, new):
            assert await log.append(0, [make("t")]) == [Conflict(5, deleted=True)]
            (alone,) = await log.append(0, [make("t", expected=5)])
            (live,) = await log.append(0, [make("u")])
            assert isinstance(alone, Appended)
            assert isinstance(live, Appended)
            assert await log.append(0, [make("t"), make("u")]) == [Conflict(6, deleted=True), ANY]
            back = make("t", expected=6, head=HeadChange(deleted=False))
            assert await log.append(0, [back, make("t")]) == [ANY, ANY]


@pytest.mark.parametrize("gap", ["a thread begins too late", "a thread skips a seq"])
async def test_gaps_are_refused(database: Database, gap: str) -> None:
    """In what is restored, or between that and what is here; nothing is stored of it."""
    async with database.new() as old, database.new() as new:
        await old.append(0, [make("t"), make("u"), make("t")])
        first, other, last = await everything(old)
        await new.restore(0, [first])
        seq = {"a thread begins too late": (5, 2), "a thread skips a seq": (1, 3)}[gap]
        wrong = [replace(event, seq=number) for event, number in zip((other, last), seq, strict=True)]
        with pytest.raises(Diverged):
            await new.restore(0, wrong)
        assert await everything(new) == [first]
        assert await new.restore(0, [other, last]) == 3


async def test_another_history_is_refused(database: Database, tmp_path: Path, run: Run) -> None:
    """A target that was written to on its own is left as it is, and the sentence says what to do."""
    old, house = f"file:{tmp_path}/old", database.place_url(database.schema("house"))
    async with open_log(old, shards=2) as log, open_log(house, shards=2) as other:
        await fill(log, 10)
        await fill(other, 10)
        before = await all_of(other)
    done = run("copy", old, house)
    assert done.code == 1
    assert "empty log" in done.err
    async with open_log(house) as other:
        assert await all_of(other) == before
