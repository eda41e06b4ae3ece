"""Callers that are cancelled, draining, and the end of a committer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gates import Crowd, GatedLog, library_tasks, one, turns, until
from threadlog.log import (
    Append,
    Appended,
    Committer,
    CommitterBounds,
    Event,
    InvalidAppend,
    LogClosed,
    Outcome,
    OutcomeUnknown,
)

pytestmark = pytest.mark.anyio


async def stored(log: GatedLog, thread: str = "thr_1") -> list[str]:
    """Append ids of a thread in seq order."""
    return [event.append_id for event in (await log.read_thread("acme", thread, limit=1000)).events]


async def test_a_caller_that_is_cancelled_before_the_flush_withdraws_its_append() -> None:
    """What has not been sent is never stored, and those around it are."""
    async with GatedLog() as log, Committer(log) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(one("a"), one("gone"), one("b"))
        await until(lambda: committer.depth.events == 3)
        crowd.callers[2].cancel()
        gate.open()
        outcomes = await crowd.outcomes()
        assert isinstance(outcomes[2], asyncio.CancelledError)
        assert await stored(log) == ["first", "a", "b"]
        assert log.batches == [1, 2]


async def test_a_batch_whose_callers_have_all_gone_is_not_sent() -> None:
    """The log is not called with nothing, and the flusher goes on."""
    async with GatedLog() as log, Committer(log) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        for caller in crowd.add(one("a"), one("b")):
            await turns(1)
            caller.cancel()
        gate.open()
        await crowd.outcomes()
        assert isinstance(await committer.append(one("c")), Appended)
        assert log.batches == [1, 1]


async def test_a_caller_that_is_cancelled_during_the_flush_disturbs_nobody() -> None:
    """Its append is on its way and is stored; the others get their outcomes, and all events are announced."""
    announced: list[Event] = []
    async with GatedLog() as log, Committer(log, on_commit=announced.extend) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("a"), one("gone"), one("b"))
        await gate.reached.wait()
        crowd.callers[1].cancel()
        await turns(3)
        gate.open()
        first, gone, second = await crowd.outcomes()
        assert isinstance(first, Appended)
        assert isinstance(second, Appended)
        assert isinstance(gone, asyncio.CancelledError)
        assert await stored(log) == ["a", "gone", "b"]
        assert [event.append_id for event in announced] == ["a", "gone", "b"]


async def test_a_caller_that_is_cancelled_at_the_door_frees_its_place() -> None:
    """Nothing of it is stored, and those behind it come in."""
    bounds = CommitterBounds(queue_events=1)
    async with GatedLog() as log, Committer(log, bounds=bounds) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(one("queued"), one("gone"), one("b"))
        await until(lambda: committer.depth.callers == 2)
        crowd.callers[2].cancel()
        gate.open()
        await crowd.outcomes()
        assert await stored(log) == ["first", "queued", "b"]


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("victim", range(3))
async def test_cancelling_at_any_moment_loses_and_doubles_nothing(moment: int, victim: int) -> None:
    """In whatever turn of the loop one of three callers is cancelled, the other two are stored and told so."""
    async with GatedLog() as log, Committer(log) as committer:
        crowd = Crowd(committer)
        crowd.add(*(one(f"{number}", events=2) for number in range(3)))
        await turns(moment)
        crowd.callers[victim].cancel()
        outcomes = await crowd.outcomes()
        await committer.drain()
        in_log = await stored(log)
        for number, outcome in enumerate(outcomes):
            if number != victim or isinstance(outcome, Appended):
                assert isinstance(outcome, Appended)
                assert in_log.count(f"{number}") == 2
            else:
                assert isinstance(outcome, asyncio.CancelledError)
                assert in_log.count(f"{number}") in (0, 2)


async def test_draining_waits_for_what_was_accepted() -> None:
    """Queue, door and flush are done when it returns, even where the callers have gone."""
    bounds = CommitterBounds(queue_events=1)
    async with GatedLog() as log, Committer(log, bounds=bounds) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("flying"))
        await gate.reached.wait()
        crowd.add(one("queued"), one("at the door"))
        await until(lambda: committer.depth.callers)
        crowd.callers[0].cancel()
        drain = asyncio.create_task(committer.drain())
        await turns(5)
        assert not drain.done()
        gate.open()
        await drain
        assert await stored(log) == ["flying", "queued", "at the door"]
        await crowd.outcomes()


async def test_draining_waits_for_a_flush_whose_callers_have_all_gone() -> None:
    """An append on its way counts, though nobody waits for its answer."""
    async with GatedLog() as log, Committer(log) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("flying"))
        await gate.reached.wait()
        crowd.callers[0].cancel()
        drain = asyncio.create_task(committer.drain())
        await turns(5)
        assert not drain.done()
        gate.open()
        await drain
        assert await stored(log) == ["flying"]


async def test_draining_an_idle_committer_returns_at_once() -> None:
    """There is nothing to wait for, and a later append is stored as ever."""
    async with GatedLog() as log, Committer(log) as committer:
        await committer.drain()
        await committer.append(one("a"))
        await committer.drain()
        assert await stored(log) == ["a"]


async def test_leaving_flushes_what_was_accepted() -> None:
    """Queue and door are emptied into the log; who comes during that is refused; no task is left."""
    bounds = CommitterBounds(queue_events=2)
    async with GatedLog() as log:
        committer = Committer(log, bounds=bounds)
        await committer.__aenter__()
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("a"))
        await gate.reached.wait()
        crowd.add(one("b"), one("c"), one("d"))
        await until(lambda: committer.depth.callers)
        leaving = asyncio.create_task(committer.__aexit__(None, None, None))
        await turns(3)
        with pytest.raises(LogClosed):
            await committer.append(one("late"))
        assert not leaving.done()
        gate.open()
        await leaving
        assert all(isinstance(outcome, Appended) for outcome in await crowd.outcomes())
        assert await stored(log) == ["a", "b", "c", "d"]
        assert library_tasks() == set()


async def test_a_cancelled_end_tells_everybody_what_became_of_their_append() -> None:
    """When leaving is given up on a hung log: unknown for what was on its way, closed for what was not sent."""
    bounds = CommitterBounds(queue_events=1)
    async with GatedLog() as log:
        committer = Committer(log, bounds=bounds)
        await committer.__aenter__()
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("flying"))
        await gate.reached.wait()
        crowd.add(one("queued"), one("at the door"))
        await until(lambda: committer.depth.callers)
        leaving = asyncio.create_task(committer.__aexit__(None, None, None))
        await turns(3)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        flying, queued, at_door = await crowd.outcomes()
        assert isinstance(flying, OutcomeUnknown)
        assert isinstance(flying.__cause__, asyncio.CancelledError)
        assert isinstance(queued, LogClosed)
        assert isinstance(at_door, LogClosed)
        assert library_tasks() == set()


async def test_an_end_in_the_middle_of_a_refused_batch_leaves_nobody_waiting() -> None:
    """While a call that the log refused is sent append by append, those not yet sent are told that they were not."""

    class Strict(GatedLog):
        async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
            if len(appends) > 1:
                raise InvalidAppend("one of them is bad.")
            return await super().append(shard, appends)

    async with Strict() as log:
        committer = Committer(log)
        await committer.__aenter__()
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("a"), one("b"), one("c"))
        await gate.reached.wait()
        leaving = asyncio.create_task(committer.__aexit__(None, None, None))
        await turns(3)
        leaving.cancel()
        assert [type(outcome) for outcome in await crowd.outcomes()] == [OutcomeUnknown, LogClosed, LogClosed]
        await asyncio.wait([leaving])


async def test_a_flusher_that_was_killed_leaves_nobody_waiting() -> None:
    """Where somebody cancels every task of the loop, waiting and later callers are told and do not hang."""
    async with GatedLog() as log:
        committer = Committer(log)
        await committer.__aenter__()
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("flying"))
        await gate.reached.wait()
        crowd.add(one("queued"))
        await until(lambda: committer.depth.events)
        [flusher] = [task for task in asyncio.all_tasks() if task.get_name() == "threadlog flusher 0"]
        flusher.cancel()
        flying, queued = await crowd.outcomes()
        assert isinstance(flying, OutcomeUnknown)
        assert isinstance(queued, LogClosed)
        with pytest.raises(LogClosed):
            await committer.append(one("later"))
        await committer.__aexit__(None, None, None)


async def test_an_error_of_the_body_still_drains() -> None:
    """Leaving with an exception flushes what was accepted and passes the exception on."""
    callers: list[asyncio.Task[Outcome]] = []

    async def fail_with_one_append_queued(log: GatedLog) -> None:
        async with Committer(log) as committer:
            callers.append(asyncio.create_task(committer.append(one("a"))))
            await turns(1)
            raise KeyError("mine")

    async with GatedLog() as log:
        with pytest.raises(KeyError, match="mine"):
            await fail_with_one_append_queued(log)
        assert isinstance(await callers[0], Appended)
