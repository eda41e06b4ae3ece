"""The seam for faults: which calls fail, and what an author is told whose seam is none."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import pytest

from conformance.broken.disk import DiskLog, WritesEachEvent, backend_of_disk
from threadlog.testing import Backend, Faults, NthCall, Verdict, judge


def verdict_on(backend: Backend) -> Verdict:
    """How the test of every call ends."""
    (verdict,) = judge(backend, only=lambda name: name.startswith("test_faults"))
    return verdict


@pytest.mark.parametrize(("lasting", "struck"), [(False, [3]), (True, [3, 4, 5])])
def test_the_nth_call_fails_and_no_other_unless_for_good(lasting: bool, struck: list[int]) -> None:
    """Calls are counted from 1, and the failed one keeps the name that the seam gave it."""
    call = NthCall(3, "error", lasting=lasting)
    assert [number for number in range(1, 6) if call.strikes(f"call {number}")] == struck
    assert call.struck == "call 3"


def test_a_seam_that_asks_nothing_is_told() -> None:
    """Who forgets to ask is not told that all is well."""
    backend = dataclasses.replace(backend_of_disk(DiskLog), faults=Faults(seam=lambda call: nullcontext()))
    assert "let every call of the backend's I/O ask" in str(verdict_on(backend).error)


def test_without_a_seam_the_level_is_skipped() -> None:
    """The report says that it was not run, and why."""
    verdict = verdict_on(dataclasses.replace(backend_of_disk(DiskLog), faults=None))
    assert verdict.skipped
    assert "declares no `faults`" in str(verdict.error)


def test_a_failure_names_the_call_and_the_steps() -> None:
    """An author sees which call failed, what was done before and after, what was stored, and a likely cause."""
    error = verdict_on(backend_of_disk(WritesEachEvent)).error
    assert error is not None
    told = "\n".join([str(error), *error.__notes__])
    call, steps = "of the backend's I/O ('write'", ("append a, b, c", "<- the call that failed")
    for part in (call, *steps, "are stored", "Likely", "This breaks clause A2"):
        assert part in told
