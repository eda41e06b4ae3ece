"""A committer's bounded queue: fair turns, waiting for room, and giving up."""

from __future__ import annotations

import asyncio

import pytest

from gates import Crowd, GatedLog, one, until
from threadlog.log import Appended, Committer, CommitterBounds, Limits, LogBusy, QueueDepth

pytestmark = pytest.mark.anyio

SMALL = CommitterBounds(queue_events=4, queue_bytes=1000, wait_seconds=60)


def sent(log: GatedLog) -> list[str]:
    """Append ids in the order in which the log got them."""
    return [append.append_id for _, appends in log.calls for append in appends]


async def test_a_quiet_tenant_does_not_wait_behind_a_busy_one() -> None:
    """Tenants take turns: one append of a newcomer goes with the next batch, whoever queued a hundred before."""
    async with GatedLog(limits=Limits(batch_events=10)) as log, Committer(log) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first", tenant="busy"))
        await gate.reached.wait()
        crowd.add(*(one(f"{number}", tenant="busy") for number in range(100)))
        crowd.add(one("quiet", tenant="quiet"))
        await until(lambda: committer.depth.events == 101)
        gate.open()
        await crowd.outcomes()
        assert "quiet" in [append.append_id for append in log.calls[1][1]]
        assert [name for name in sent(log) if name.isdigit()] == [f"{number}" for number in range(100)]


async def test_a_quiet_tenant_does_not_wait_behind_a_busy_ones_crowd_at_the_door() -> None:
    """Turns are taken for room in the queue too."""
    limits = Limits(batch_events=2)
    async with GatedLog(limits=limits) as log, Committer(log, bounds=SMALL) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first", tenant="busy"))
        await gate.reached.wait()
        crowd.add(*(one(f"{number}", tenant="busy") for number in range(50)))
        crowd.add(one("quiet", tenant="quiet"))
        await until(lambda: committer.depth.callers == 47)
        gate.open()
        await crowd.outcomes()
        assert sent(log).index("quiet") < 10
        assert [name for name in sent(log) if name.isdigit()] == [f"{number}" for number in range(50)]


async def test_who_finds_the_queue_full_waits_for_room() -> None:
    """What is beyond the bounds waits at the door, and is stored in its order when there is room."""
    async with GatedLog() as log, Committer(log, bounds=SMALL) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(*(one(f"{number}") for number in range(10)))
        await until(lambda: committer.depth.callers == 6)
        assert committer.depth == QueueDepth(4, 8, 6)
        gate.open()
        assert all(isinstance(outcome, Appended) for outcome in await crowd.outcomes())
        assert sent(log) == ["first", *(f"{number}" for number in range(10))]
        assert committer.depth == QueueDepth()


async def test_room_is_counted_in_bytes_too() -> None:
    """A few large appends fill the queue as many small ones do."""
    async with GatedLog() as log, Committer(log, bounds=SMALL) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(*(one(f"{number}", data=b'"' + 400 * b"x" + b'"') for number in range(3)))
        await until(lambda: committer.depth.callers == 1)
        assert committer.depth == QueueDepth(2, 804, 1)
        gate.open()
        await crowd.outcomes()


async def test_nobody_overtakes_those_who_wait_for_room() -> None:
    """A small append does not slip in before a large one that came first."""
    async with GatedLog() as log, Committer(log, bounds=SMALL) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(one("a", events=3), one("large", events=3), one("small"))
        await until(lambda: committer.depth.callers == 2)
        gate.open()
        await crowd.outcomes()
        assert sent(log) == ["first", "a", "large", "small"]


async def test_what_is_larger_than_the_queue_goes_when_the_queue_is_empty() -> None:
    """A legal append that is over the queue's bounds by itself is still stored."""
    async with GatedLog() as log, Committer(log, bounds=SMALL) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(one("a"), one("huge", events=9), one("b"))
        await until(lambda: committer.depth.callers == 2)
        gate.open()
        assert all(isinstance(outcome, Appended) for outcome in await crowd.outcomes())
        assert sent(log) == ["first", "a", "huge", "b"]


async def test_who_waits_too_long_for_room_is_told_that_the_log_is_busy() -> None:
    """After the bounded time nothing is written, the place at the door is gone, and what was queued is stored."""
    bounds = CommitterBounds(queue_events=2, wait_seconds=0.01)
    async with GatedLog() as log, Committer(log, bounds=bounds) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        queued = crowd.add(one("a"), one("b"))
        refused = crowd.add(one("c"), one("d", tenant="other"), one("e"))
        await asyncio.wait(refused)
        for caller in refused:
            assert isinstance(caller.exception(), LogBusy)
            assert "try again later" in str(caller.exception())
        assert committer.depth == QueueDepth(2, 4, 0)
        assert not any(caller.done() for caller in queued)
        gate.open()
        await asyncio.wait(queued)
        assert sent(log) == ["first", "a", "b"]
        assert isinstance(await committer.append(one("c")), Appended)


async def test_who_has_found_room_waits_as_long_as_the_flush_takes() -> None:
    """The bounded time is for room in the queue; whoever is in it is not turned away any more."""
    bounds = CommitterBounds(queue_events=1, wait_seconds=0.05)
    async with GatedLog() as log, Committer(log, bounds=bounds) as committer:
        first = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("a"))
        await first.reached.wait()
        crowd.add(one("b"), one("c"))
        await until(lambda: committer.depth.callers == 1)
        second = log.hold("append")
        first.open()
        await second.reached.wait()
        [late] = crowd.add(one("too many"))
        await asyncio.wait([late])
        assert isinstance(late.exception(), LogBusy)
        second.open()
        assert [type(outcome) for outcome in await crowd.outcomes()] == [Appended, Appended, Appended, LogBusy]


async def test_a_hung_log_gathers_no_callers_that_have_gone() -> None:
    """While nothing moves, callers come, wait and go, in time or cancelled, and leave nothing behind."""
    bounds = CommitterBounds(queue_events=1, wait_seconds=0.01)
    async with GatedLog() as log, Committer(log, bounds=bounds) as committer:
        gate = log.hold("append")
        crowd = Crowd(committer)
        crowd.add(one("first"))
        await gate.reached.wait()
        crowd.add(one("queued"))
        await until(lambda: committer.depth.events)
        for go in range(5):
            callers = crowd.add(*(one(f"{go}-{number}") for number in range(20)))
            await until(lambda: committer.depth.callers == 20)
            for caller in callers[::3]:
                caller.cancel()
            await asyncio.wait(callers)
            assert committer.depth == QueueDepth(1, 2, 0)
        gate.open()
        await crowd.outcomes()
        assert sent(log) == ["first", "queued"]
