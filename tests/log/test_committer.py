"""Group commit: batches, bounds, and what its callers are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from gates import Crowd, GatedLog, library_tasks, one, until
from threadlog.log import (
    Append,
    Appended,
    Committer,
    Conflict,
    Duplicate,
    Event,
    Expect,
    InvalidAppend,
    Limits,
    LogBusy,
    LogClosed,
    LogReadOnly,
    LogStopped,
    NewEvent,
    Outcome,
    OutcomeUnknown,
    QueueDepth,
    StorageFull,
    TooLarge,
    shard_of,
)

pytestmark = pytest.mark.anyio


async def test_a_lone_append_goes_at_once() -> None:
    """One caller's append is stored and answered without waiting for others."""
    async with GatedLog() as log, Committer(log) as committer:
        outcome = await committer.append(one("a"))
        assert isinstance(outcome, Appended)
        assert outcome.next_expected == 1
        assert log.batches == [1]


async def test_what_comes_during_a_flush_shares_the_next_one() -> None:
    """While one batch is being stored, the queue becomes the next batch."""
    async with GatedLog() as log, Committer(log) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(*(one(f"{number}") for number in range(9)))
        await until(lambda: committer.depth.events == 9)
        gate.open()
        outcomes = await crowd.outcomes()
        assert log.batches == [1, 9]
        assert [outcome.next_expected for outcome in outcomes if isinstance(outcome, Appended)] == list(range(1, 11))


async def test_callers_that_come_together_share_a_flush() -> None:
    """A crowd that arrives in one turn of the loop needs one call of the log."""
    async with GatedLog() as log, Committer(log) as committer:
        await asyncio.gather(*(committer.append(one(f"{number}")) for number in range(200)))
        assert log.batches == [200]


async def test_the_slowest_append_of_each_flush_is_told() -> None:
    """With what it has waited for the flush before its own."""
    told: list[float] = []
    loop = asyncio.get_running_loop()
    async with GatedLog() as log, Committer(log, on_answered=told.append) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(one("early"))
        await until(lambda: committer.depth.events == 1)
        early = loop.time()
        await until(lambda: loop.time() >= early + 0.02, turns=1_000_000)
        crowd.add(*(one(f"late {number}") for number in range(9)))
        await until(lambda: committer.depth.events == 10)
        gate.open()
        await crowd.outcomes()
        assert len(told) == 2
        assert 0.02 <= told[1] <= loop.time() - early + 1


async def test_who_is_told_of_a_flush_cannot_harm_it(caplog: pytest.LogCaptureFixture) -> None:
    """An error there is logged; the callers have their answers, and the next flush comes."""

    def fail(what: object) -> None:
        raise RuntimeError("no ear")

    async with GatedLog() as log, Committer(log, on_commit=fail, on_answered=fail) as committer:
        for seq in (1, 2):
            outcome = await committer.append(one(f"{seq}"))
            assert isinstance(outcome, Appended)
    assert len(caplog.records) == 4


async def test_outcomes_are_values_that_do_not_disturb_each_other() -> None:
    """Appended, conflict and duplicate come back to those whom they concern (A1)."""
    async with GatedLog() as log, Committer(log) as committer:
        await committer.append(one("a"))
        stale = Append(
            tenant="acme", thread_id="thr_1", append_id="s", expected=Expect.NO_THREAD, events=(NewEvent("note", b"1"),)
        )
        crowd = Crowd(committer)
        crowd.add(one("a"), stale, one("b"))
        duplicate, conflict, appended = await crowd.outcomes()
        assert log.batches == [1, 3]
        assert isinstance(duplicate, Duplicate)
        assert conflict == Conflict(1)
        assert isinstance(appended, Appended)


async def test_shards_do_not_wait_for_each_other() -> None:
    """A flush that hangs holds up its own shard alone."""
    tenants = {shard_of(name, 2): name for name in "abcdefgh"}
    async with GatedLog(shards=2) as log, Committer(log) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("a", tenant=tenants[0]))
        await gate.reached.wait()
        log.hold("append").open()
        assert isinstance(await committer.append(one("a", tenant=tenants[1])), Appended)
        assert not crowd.callers[0].done()
        gate.open()
        await crowd.outcomes()
        assert [shard for shard, _ in log.calls] == [0, 1]


@pytest.mark.parametrize(
    ("limits", "events", "data", "batches"),
    [
        (Limits(batch_events=4), 1, b"{}", [4, 4, 2]),
        (Limits(batch_events=4), 3, b"{}", [1] * 10),
        (Limits(batch_bytes=40), 1, b'"12345678"', [4, 4, 2]),
        (Limits(batch_bytes=4), 1, b'"12345678"', [1] * 10),
        (Limits(batch_events=2), 3, b"{}", [1] * 10),
    ],
    ids=["events", "whole appends", "bytes", "one is over the bytes", "one is over the events"],
)
async def test_a_batch_is_bounded(limits: Limits, events: int, data: bytes, batches: list[int]) -> None:
    """A call holds what the log's limits allow; an append that is legal but over them goes alone."""
    async with GatedLog(limits=limits) as log, Committer(log) as committer:
        await asyncio.gather(*(committer.append(one(f"{n}", events=events, data=data)) for n in range(10)))
        assert log.batches == batches


async def test_what_is_too_large_is_refused_for_its_caller_alone() -> None:
    """An append over a limit is never sent, and those beside it are stored."""
    async with GatedLog(limits=Limits(event_bytes=10)) as log, Committer(log) as committer:
        crowd = Crowd(committer)
        crowd.add(one("a"), one("big", data=b'"1234567890"'), one("b"))
        first, refused, second = await crowd.outcomes()
        assert isinstance(refused, TooLarge)
        assert (refused.what, refused.size, refused.limit) == ("event_bytes", 12, 10)
        assert isinstance(first, Appended)
        assert isinstance(second, Appended)
        assert log.batches == [2]


async def test_a_log_that_is_stricter_than_its_limits_refuses_one_append_alone() -> None:
    """When a log refuses a whole call as invalid, its appends are sent one by one, and only the bad one fails."""

    class Strict(GatedLog):
        async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
            if any(append.append_id == "bad" for append in appends):
                raise InvalidAppend("this log takes nothing bad.")
            return await super().append(shard, appends)

    async with Strict() as log, Committer(log) as committer:
        crowd = Crowd(committer)
        crowd.add(one("a"), one("bad"), one("b"))
        first, refused, second = await crowd.outcomes()
        assert isinstance(first, Appended)
        assert isinstance(second, Appended)
        assert isinstance(refused, InvalidAppend)


class Lost(Exception):
    """A connection is gone."""


@pytest.mark.parametrize(("point", "on_retry"), [("append", Appended), ("appended", Duplicate)])
async def test_a_flush_that_dies_leaves_its_callers_with_an_unknown_outcome(
    point: str, on_retry: type[Outcome]
) -> None:
    """Each of them gets an error of its own with the cause, and a retry with the same append id settles it."""
    async with GatedLog() as log, Committer(log) as committer:
        log.fail(point, Lost("connection reset"))
        crowd = Crowd(committer)
        crowd.add(*(one(f"{number}") for number in range(3)))
        errors = await crowd.outcomes()
        assert len({id(error) for error in errors}) == 3
        for error in errors:
            assert isinstance(error, OutcomeUnknown)
            assert isinstance(error.__cause__, Lost)
            assert "retry with the same append id" in str(error)
        for number in range(3):
            assert isinstance(await committer.append(one(f"{number}")), on_retry)


@pytest.mark.parametrize(
    "error",
    [
        LogStopped("the disk failed."),
        StorageFull("the disk is full."),
        LogBusy("the lock was not had."),
        LogReadOnly("it was opened for reading."),
        LogClosed("it is closed."),
        OutcomeUnknown("the server went away."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_errors_that_speak_for_themselves_pass_as_they_are(error: Exception) -> None:
    """What the log says of a call is what each of its callers is told, in an exception of its own."""
    async with GatedLog() as log, Committer(log) as committer:
        log.fail("append", error)
        crowd = Crowd(committer)
        crowd.add(one("a"), one("b"))
        first, second = await crowd.outcomes()
        for told in (first, second):
            assert type(told) is type(error)
            assert isinstance(told, BaseException)
            assert str(told) == str(error)
            assert told.__dict__ == error.__dict__
            assert told.__cause__ is error
        assert first is not second
        assert isinstance(await committer.append(one("a")), Appended)


async def test_a_plugin_that_cancels_itself_kills_one_flush_only() -> None:
    """A cancellation from within the log is that flush's accident, not the committer's end."""
    async with GatedLog() as log, Committer(log) as committer:
        log.fail("append", asyncio.CancelledError())
        with pytest.raises(OutcomeUnknown):
            await committer.append(one("a"))
        assert isinstance(await committer.append(one("a")), Appended)


@pytest.mark.parametrize("given", [0, 1, 3])
async def test_a_wrong_number_of_outcomes_is_reported_as_the_plugins_defect(given: int) -> None:
    """Nobody gets another's outcome: all are unknown, and the message names the plugin and the clause."""

    class Miscounting(GatedLog):
        async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
            outcomes = await super().append(shard, appends)
            return [outcomes[0]] * given if len(appends) > 1 else outcomes

    async with Miscounting() as log, Committer(log) as committer:
        crowd = Crowd(committer)
        crowd.add(one("a"), one("b"))
        for error in await crowd.outcomes():
            assert isinstance(error, OutcomeUnknown)
            assert "'memory'" in str(error)
            assert "A1" in str(error)
        assert isinstance(await committer.append(one("a")), Duplicate)


async def test_commits_are_announced_before_they_are_acknowledged() -> None:
    """`on_commit` has each stored event, in position order, before its caller has its outcome."""
    announced: list[Event] = []
    async with GatedLog() as log, Committer(log, on_commit=announced.extend) as committer:

        async def write(number: int) -> None:
            outcome = await committer.append(one(f"{number}", thread=f"thr_{number % 3}", events=2))
            assert isinstance(outcome, Appended)
            assert {event.id for event in outcome.events} <= {event.id for event in announced}

        await asyncio.gather(*(write(number) for number in range(20)))
        assert [event.position for event in announced] == list(range(1, 41))


async def test_announcements_are_in_position_order_whatever_order_the_log_stores_in() -> None:
    """A log may take the appends of a call in an order of its own, as long as outcomes are in the caller's."""

    class Backward(GatedLog):
        async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
            return list(reversed(await super().append(shard, list(reversed(appends)))))

    announced: list[Event] = []
    async with Backward() as log, Committer(log, on_commit=announced.extend) as committer:
        await asyncio.gather(*(committer.append(one(f"{number}", thread=f"thr_{number}")) for number in range(5)))
        assert [event.position for event in announced] == [1, 2, 3, 4, 5]
        assert announced[0].append_id == "4"


async def test_only_what_was_stored_now_is_announced() -> None:
    """Duplicates and conflicts tell nobody anything new."""
    calls: list[Sequence[Event]] = []
    async with GatedLog() as log, Committer(log, on_commit=calls.append) as committer:
        await committer.append(one("a"))
        await committer.append(one("a"))
        assert [len(events) for events in calls] == [1]


async def test_a_failing_announcement_does_not_take_the_acknowledgement_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is stored is acknowledged, and the failure is logged."""

    def fail(events: Sequence[Event]) -> None:
        raise RuntimeError("no feed")

    async with GatedLog() as log, Committer(log, on_commit=fail) as committer:
        assert isinstance(await committer.append(one("a")), Appended)
        assert isinstance(await committer.append(one("b")), Appended)
    assert "no feed" in caplog.text


async def test_others_have_their_turn_between_flushes_of_a_log_that_never_waits() -> None:
    """A long queue over a log that does its I/O on the loop does not take the loop for itself."""

    class Immediate(GatedLog):
        async def _turn(self) -> None:
            pass

    async with Immediate(limits=Limits(batch_events=1)) as log:
        heard: list[int] = []
        async with Committer(log, on_commit=lambda events: heard.append(ticks)) as committer:
            crowd = Crowd(committer)
            crowd.add(*(one(f"{number}") for number in range(20)))
            ticks = 0
            while not all(caller.done() for caller in crowd.callers):
                await asyncio.sleep(0)
                ticks += 1
        assert len(set(heard)) == 20


async def test_flushes_do_not_run_in_a_callers_context() -> None:
    """The flusher serves everybody, so it sees no context variable of the caller who came first."""
    owner = ContextVar("owner", default="nobody")
    seen: list[str] = []

    class Looking(GatedLog):
        async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
            seen.append(owner.get())
            return await super().append(shard, appends)

    async with Looking() as log, Committer(log) as committer:
        owner.set("first caller")
        await committer.append(one("a"))
    assert seen == ["nobody"]


async def test_outside_its_async_with_a_committer_refuses() -> None:
    """Before the start and after the end nothing is accepted, and a second start works."""
    async with GatedLog() as log:
        committer = Committer(log)
        with pytest.raises(LogClosed, match="async with"):
            await committer.append(one("a"))
        async with committer:
            await committer.append(one("a"))
        with pytest.raises(LogClosed):
            await committer.append(one("b"))
        async with committer:
            await committer.append(one("c"))
        assert (await log.read_thread("acme", "thr_1")).last_seq == 2


async def test_depth_tells_what_waits() -> None:
    """Events and bytes in the queues, and callers at their doors."""
    async with GatedLog() as log, Committer(log) as committer:
        assert committer.depth == QueueDepth()
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("a"))
        await gate.reached.wait()
        crowd.add(one("b", events=3), one("c"))
        await until(lambda: committer.depth.events)
        assert committer.depth == QueueDepth(4, 8, 0)
        gate.open()
        await crowd.outcomes()
        assert committer.depth == QueueDepth()
        assert library_tasks() == {"threadlog flusher 0"}
    assert library_tasks() == set()
