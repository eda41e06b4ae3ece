"""Level faults: storage that fails, at every call of the backend's I/O (A2, A3, A6, A7, C1, F1, H1, L1, R1, S1, X1)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from threadlog.log import (
    Appended,
    Capability,
    Duplicate,
    EventLog,
    LogStopped,
    Outcome,
    OutcomeUnknown,
)
from threadlog.testing.blame import ACROSS
from threadlog.testing.clauses import clause
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.faults import Faults, NthCall
from threadlog.testing.lab import Lab
from threadlog.testing.leaks import Holdings, left_after
from threadlog.testing.samples import error_of, make, read_numbers, send, store
from threadlog.testing.trial import Trial

CALLS_AT_MOST = 400
"""How many calls are made to fail, one after the other; of more, so many are tried, evenly spread."""

NEVER = 2**60
"""The number of a call to which no workload comes."""


class NthCallTests:
    """The N-th call of the backend's own I/O fails, for N = 1, 2, 3 …; needs `Backend.faults`."""

    @clause(ACROSS, patience=60)
    async def test_faults_at_every_call_lose_nothing_that_was_acknowledged(self, lab: Lab) -> None:
        """Whichever call fails, in whatever way, once or for good: what was acknowledged or read is there afterwards.

        Nothing is stored in part or twice, errors are those of the contract and tell the truth, a retry settles what
        is unknown, and nothing is left behind.
        """
        faults = _need_faults(lab)
        none = NthCall(NEVER, faults.kinds[0])
        await Trial(lab, faults, "warm-up", none).run()
        assert none.counted, "the seam asked for no call: let every call of the backend's I/O ask `NthCall.strikes`"
        for kind, lasting in faults.plans():
            await _fail_each(lab, faults, kind, lasting=lasting, step=-(-none.counted // CALLS_AT_MOST))


class FaultTests:
    """Storage that fails (X1); needs `Backend.fault`."""

    @clause("X1")
    async def test_x1_nothing_is_acknowledged_that_was_not_stored(self, lab: Lab) -> None:
        """While storage fails, an append raises; after reopening it is there wholly or not at all."""
        fault = _need_fault(lab)
        log = await lab.open()
        await store(log, make(1))
        failed = make(2, 3)
        with fault(log):
            error = await error_of(send(log, failed))
            assert isinstance(error, LogStopped | OutcomeUnknown), f"a failed append ends with {error!r}"
        log = await lab.reopen(log, whole=False)
        kept = await read_numbers(log)
        assert kept in ([1], [1, 2, 3])
        (outcome,) = await send(log, failed)
        wanted: type[Outcome] = Duplicate if len(kept) > 1 else Appended
        assert isinstance(outcome, wanted)
        assert await read_numbers(log) == [1, 2, 3]

    @clause("X1")
    async def test_x1_reading_goes_on(self, lab: Lab) -> None:
        """After a fault, what was acknowledged can be read, and the log says whether it can append."""
        fault = _need_fault(lab)
        log = await lab.open()
        await store(log, make(1))
        with fault(log):
            await error_of(send(log, make(2)))
            assert await read_numbers(log) in ([1], [1, 2])
            status = await log.status()
            assert not status.writable
            assert status.reason

    @clause("X1")
    async def test_x1_after_a_fault_it_recovers_or_refuses(self, lab: Lab) -> None:
        """The next append is stored and kept, or refused with `LogStopped`."""
        fault = _need_fault(lab)
        log = await lab.open()
        await store(log, make(1, thread="before"))
        with fault(log):
            await error_of(send(log, make(2, thread="amid")))
        error = await error_of(store(log, make(3, thread="after")))
        assert error is None or isinstance(error, LogStopped)
        log = await lab.reopen(log, whole=False)
        assert await read_numbers(log, "before") == [1]
        assert await read_numbers(log, "after") == ([] if error else [3])


async def _fail_each(lab: Lab, faults: Faults, kind: str, *, lasting: bool, step: int) -> None:
    """Run the workload with its first call failing, with the `step` next one, and so on, until it ends before that."""
    for number in itertools.count(1, step):
        before, call = Holdings.now(), NthCall(number, kind, lasting=lasting)
        await Trial(lab, faults, f"{kind}-{int(lasting)}-{number}", call).run()
        left = await left_after(before, lab.patience)
        if left:
            raise ClauseBroken("L1", f"left behind after {call} and closing: {', '.join(left)}")
        if call.struck is None:
            return


def _need_fault(lab: Lab) -> Callable[[EventLog], Any]:
    lab.need(Capability.PERSISTENT)
    if lab.backend.fault is None:
        pytest.skip("the backend was declared without a way to make its storage fail")
    return lab.backend.fault


def _need_faults(lab: Lab) -> Faults:
    lab.need(Capability.PERSISTENT)
    if lab.backend.faults is None:
        pytest.skip("not run: the backend declares no `faults`, a seam at which its I/O can be made to fail")
    return lab.backend.faults
