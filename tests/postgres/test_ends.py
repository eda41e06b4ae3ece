"""What a process knows of a shard's end saves the server a look, and never decides wrongly."""

from __future__ import annotations

import asyncio
from random import Random

import asyncpg
import pytest

from postgres.logs import Database, check_dense, everything, make, until
from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    Expect,
    HeadChange,
    IdReused,
    MemoryLog,
    Outcome,
)
from threadlog_postgres import ends as ends_module
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


async def lonely(log: PostgresLog, thread: str = "t") -> int:
    """Append to a thread, one event at a time, until the log takes itself for the shard's only writer."""
    last = 0
    for _ in range(20):
        (outcome,) = await send(log, make(thread))
        assert isinstance(outcome, Appended)
        last = outcome.events[-1].seq
    return last


async def test_a_second_writer_in_a_lonely_place_is_seen(database: Database) -> None:
    """Who was long the only writer is told what another has done; nothing is doubled and nothing left out."""
    async with database.new() as one, database.new(schema=one.place.schema) as other:
        last = await lonely(one)
        (theirs,) = await send(other, make("t"))
        assert isinstance(theirs, Appended)
        assert await send(one, make("t", expected=last)) == [Conflict(last + 1)]
        last = await lonely(one)
        await send(other, make("theirs"))
        (ours,) = await send(one, make("t", expected=last))
        assert isinstance(ours, Appended)
        last = await lonely(one)
        known = await send(one, make("t", name="mine"))
        assert isinstance(known[0], Appended)
        assert isinstance((await send(one, make("t", name="mine")))[0], Duplicate)
        assert await send(one, make("t", name="mine", events=2)) == [IdReused(last + 1)]
        check_dense(await everything(one))


async def test_a_lonely_writer_waits_for_its_place(database: Database) -> None:
    """With another transaction in the shard's place it waits, and then goes by what that has left."""
    async with (
        database.new() as one,
        database.new(schema=one.place.schema) as other,
        database.connected() as connection,
    ):
        last = await lonely(one)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SELECT {one.place.schema}.enter(0, 1000, ARRAY['acme'])")
        theirs = asyncio.ensure_future(send(other, make("t", expected=last)))
        await until(lambda: waiting(database, 1))
        ours = asyncio.ensure_future(send(one, make("t", expected=last)))
        await until(lambda: waiting(database, 2))
        await transaction.commit()
        (first,) = await theirs
        assert isinstance(first, Appended)
        assert await ours == [Conflict(last + 1)]
        check_dense(await everything(one))


async def waiting(database: Database, count: int) -> bool:
    """Whether so many stand in line for a shard's place."""
    async with database.connected() as connection:
        found = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return bool(found == count)


@pytest.mark.parametrize("known", [True, False])
async def test_an_older_snapshot_is_refused(database: Database, known: bool) -> None:
    """Under another isolation level not even an append that needs to look at nothing is stored."""
    async with database.new() as log, database.connected() as connection:
        last = await lonely(log)
        call = f"SELECT {log.place.schema}.append_one(0, 100, $1, {log.place.schema}.here(), $2, $3, $4, $5, "
        with pytest.raises(asyncpg.PostgresError) as refused:
            async with connection.transaction(isolation="repeatable_read"):
                await connection.execute(
                    call + "NULL, NULL, NULL, gen_random_uuid(), 'test.event', 1, '1')",
                    last if known else None, "acme", "t", "an id", last
                )  # fmt: skip
        assert refused.value.sqlstate == "TL001"


@pytest.mark.parametrize("by", ["a conflict", "appends", "batches"])
async def test_a_log_restored_in_place_is_told_from_the_one_before(database: Database, by: str) -> None:
    """Dropped and loaded again under the feet of its only writer, and shorter than that left it."""
    async with database.new() as log, database.connected() as connection:
        name = log.place.schema
        await lonely(log)
        others = [make("v"), make("w")] if by == "batches" else []
        kept = await connection.fetch(f"SELECT * FROM {name}.event WHERE position <= 15 ORDER BY position")
        log_id = await connection.fetchval(f"SELECT log_id FROM {name}.log")
        await connection.execute(f"DROP SCHEMA {name} CASCADE")
        async with database.new(schema=name):
            await connection.execute(f"UPDATE {name}.log SET log_id = $1", log_id)
            await connection.copy_records_to_table("event", schema_name=name, records=kept)
        if by == "a conflict":
            assert await send(log, make("t", expected=20)) == [Conflict(15)]
        for _ in range(6):  # now it is longer than it was known to be
            await send(log, make("u"), *others)
        (outcome,) = await send(log, make("t"))
        assert isinstance(outcome, Appended)
        assert outcome.events[0].seq == 16
        await lonely(log)
        check_dense(await everything(log))


async def test_what_was_known_by_a_lost_connection_is_forgotten(database: Database) -> None:
    """A server that crashed and lost its newest events (which its settings allow) is not written to behind a gap."""
    async with database.new() as log:
        last = await lonely(log)
        table = f"{log.place.schema}.event"
        await database.run(f"""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'threadlog';
            ALTER TABLE {table} DISABLE TRIGGER USER;
            DELETE FROM {table} WHERE position > {last - 3};
            ALTER TABLE {table} ENABLE TRIGGER USER;
        """)
        pool = log._pool
        assert pool is not None

        async def noticed() -> bool:
            return all(loan.driver.is_closed() for loan in pool._at_hand)

        await until(noticed)
        assert await send(log, make("t", expected=last)) == [Conflict(last - 3)]
        await lonely(log)
        check_dense(await everything(log))


@pytest.mark.parametrize("seed", range(4))
async def test_two_writers_find_what_one_would(database: Database, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Whoever of two processes writes what, by whatever way: each answer is that of a log with a single writer."""
    monkeypatch.setattr(ends_module, "_STREAK", seed % 3)
    random = Random(seed)
    async with MemoryLog() as model, database.new() as one, database.new(schema=one.place.schema) as other:
        writer = one
        for step in range(250):
            writer = random.choice([writer, writer, writer, one, other])
            appends = [some_append(random, step) for _ in range(random.choice([1, 1, 1, 2, 3]))]
            expected = [shape(outcome) for outcome in await model.append(0, appends)]
            assert [shape(outcome) for outcome in await send(writer, *appends)] == expected, (step, appends)
        check_dense(await everything(one))


def some_append(random: Random, step: int) -> Append:
    """An append that often fits and sometimes not, under an id that is mostly new."""
    head = random.choice([None] * 8 + [HeadChange(title=f"{step}"), HeadChange(deleted=random.random() < 0.5)])
    return make(
        random.choice("tuvw"),
        name=f"append-{random.choice([step * 10 + random.randrange(10)] * 5 + [random.randrange(step * 10 + 1)])}",
        expected=random.choice([Expect.ANY] * 4 + [Expect.NO_THREAD, Expect.THREAD_EXISTS, *range(step // 4 + 2)]),
        events=random.choice([1, 1, 1, 2]),
        head=head,
    )


def shape(outcome: Outcome) -> object:
    """An outcome without what differs from log to log."""
    if isinstance(outcome, Appended | Duplicate):
        return type(outcome), [(event.thread_id, event.seq, event.position) for event in outcome.events]
    return outcome


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
    ends.note([([event(1, "t", 1)], False)], 1)
    ends.note([([event(3, "u", 1)], False)], 1)
    assert ends.last_seqs([make("t")]) is None
    ends.note([([event(2, "t", 2)], False)], 1)
    assert (ends.position, ends.last_seqs([make("t")]), ends.last_seqs([make("u")])) == (3, None, [1])
    ends.note([([event(4, "t", 3), event(5, "t", 4)], False)], 1)
    assert (ends.position, ends.last_seqs([make("t"), make("u", expected=1)])) == (5, [4, 1])
    assert ends.last_seqs([make("t"), make("t")]) is None
    assert ends.last_seqs([make("u", expected=2)]) is None
    ends.note([([event(6, "t", 5)], True)], 1)
    assert ends.last_seqs([make("t")]) is None
