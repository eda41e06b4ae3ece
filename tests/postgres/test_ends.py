"""What a process knows of a shard's end saves the server a look, and never decides wrongly."""

from __future__ import annotations

import pytest

from postgres.logs import Database, check_dense, everything, make
from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    Expect,
    HeadChange,
    IdReused,
    Outcome,
)
from threadlog_postgres.ends import Ends
from threadlog_postgres.log import PostgresLog

pytestmark = pytest.mark.anyio


async def send(log: PostgresLog, *appends: Append) -> list[Outcome]:
    """What becomes of appends of one call."""
    return list(await log.append(0, appends))


async def test_another_writer_in_between_is_seen(database: Database) -> None:
    """Two processes that write in turns to the same thread get what is true, though each knew the shard's end."""
    async with database.new() as one, database.new(schema=one.place.schema) as other:
        for turn in range(6):
            log = (one, other)[turn % 2]
            (outcome,) = await send(log, make("t", expected=turn))
            assert isinstance(outcome, Appended), turn
            assert await send(log, make("t", expected=turn)) == [Conflict(turn + 1)]
        outcomes = await send(one, make("t", expected=5), make("new"), make("t"))
        assert outcomes[0] == Conflict(6)
        assert all(isinstance(outcome, Appended) for outcome in outcomes[1:])
        check_dense(await everything(other))


async def test_ids_are_told_apart(database: Database) -> None:
    """A retry is a duplicate, and an id used twice is refused: alone, in a batch, and where a thread is thought new."""
    async with database.new() as log, database.new(schema=log.place.schema) as other:
        first = make("t", name="a", events=2)
        await send(log, first, make("u"))
        for batch in ([], [make("u")], [make("u", events=2)]):
            (outcome, *_) = await send(log, first, *batch)
            assert isinstance(outcome, Duplicate)
            assert len(outcome.events) == 2
            assert (await send(log, make("t", name="a"), *batch))[0] == IdReused(1)
        await send(other, make("theirs"))
        for batch in ([], [make("u")]):
            assert (await send(log, make("theirs", expected=Expect.NO_THREAD), *batch))[0] == Conflict(1)
            assert (await send(log, make("theirs", expected=0), *batch))[0] == Conflict(1)
        check_dense(await everything(log))


async def test_a_deleted_thread_stays_deleted(database: Database) -> None:
    """Appends to it are judged as such whatever was known before it was deleted, until it is brought back."""
    async with database.new() as log:
        await send(log, make("t"), make("u"))
        for batch in ([], [make("u")]):
            (outcome, *_) = await send(log, make("t", head=HeadChange(deleted=True)), *batch)
            assert isinstance(outcome, Appended)
            last = outcome.next_expected
            assert (await send(log, make("t"), *batch))[0] == Conflict(last, deleted=True)
            (exact, *_) = await send(log, make("t", expected=last), *batch)
            assert isinstance(exact, Appended)
            assert (await send(log, make("t"), *batch))[0] == Conflict(last + 1, deleted=True)
            (back, *_) = await send(log, make("t", expected=last + 1, head=HeadChange(deleted=False)), *batch)
            assert isinstance(back, Appended)
            assert isinstance((await send(log, make("t"), *batch))[0], Appended)


async def test_another_history_of_the_same_length_is_noticed(database: Database) -> None:
    """A server that was restored may end at the same position: what was known of its threads is not used then."""
    async with database.new() as log, database.connected() as connection:
        await send(log, make("t"))
        await send(log, make("t"))
        table = f"{log.place.schema}.event"
        await connection.execute(f"""
            ALTER TABLE {table} DISABLE TRIGGER USER;
            UPDATE {table} SET thread_id = 'other', seq = 1, time_us = time_us + 1 WHERE position = 2;
            ALTER TABLE {table} ENABLE TRIGGER USER;
        """)
        assert await send(log, make("t", expected=2)) == [Conflict(1)]
        outcomes = await send(log, make("t"), make("other", events=2))
        assert [type(outcome) for outcome in outcomes] == [Appended, Appended]
        check_dense(await everything(log))


async def test_many_ways_lead_to_the_same(database: Database) -> None:
    """Heads and several events are stored where threads are known as where they are not."""
    async with database.new() as log:
        titles = {}
        for turn in range(4):
            appends = [
                make(f"t{n}", events=1 + (n + turn) % 3, head=HeadChange(title=f"{n} {turn}") if n % 2 else None)
                for n in range(turn * 2, turn * 2 + 6)
            ]
            titles |= {append.thread_id: append.events[0].head.title for append in appends if append.events[0].head}
            for append, outcome in zip(appends, await send(log, *appends), strict=True):
                assert isinstance(outcome, Appended)
                stored = (await log.read_thread("acme", append.thread_id, after=outcome.events[0].seq - 1)).events
                assert stored == outcome.events
        check_dense(await everything(log))
        assert {head.thread_id: head.title for head in (await log.list_heads("acme")).heads} == titles


def event(position: int, thread: str, seq: int) -> Event:
    """An event at a place."""
    return Event(
        tenant="acme",
        thread_id=thread,
        seq=seq,
        shard=0,
        position=position,
        id=str(position),
        append_id="a",
        type="x",
        version=1,
        time_us=position,
        data=b"1",
    )


def test_answers_that_come_in_another_order_teach_nothing_wrong() -> None:
    """An answer that is older than what is known is passed over; behind a gap all that was known is forgotten."""
    ends = Ends()
    ends.note([([event(1, "t", 1)], False)])
    ends.note([([event(3, "u", 1)], False)])
    assert ends.last_seqs([make("t")]) is None
    ends.note([([event(2, "t", 2)], False)])
    assert (ends.position, ends.last_seqs([make("t")]), ends.last_seqs([make("u")])) == (3, None, [1])
    ends.note([([event(4, "t", 3), event(5, "t", 4)], False)])
    assert (ends.position, ends.last_seqs([make("t"), make("u", expected=1)])) == (5, [4, 1])
    assert ends.last_seqs([make("t"), make("t")]) is None
    assert ends.last_seqs([make("u", expected=2)]) is None
    ends.note([([event(6, "t", 5)], True)])
    assert ends.last_seqs([make("t")]) is None
