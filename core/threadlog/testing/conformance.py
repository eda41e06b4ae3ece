"""The kit as one class to derive from, and as a function that judges a log without pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from threadlog.testing.backend import Backend
from threadlog.testing.blame import FAILURES, Case, broken_clause, clause_of
from threadlog.testing.machine import ModelTests
from threadlog.testing.suite import (
    BoundTests,
    CancellationTests,
    CapabilityTests,
    ConcurrencyTests,
    CopyEdgeTests,
    CrashTests,
    ExactEventTests,
    ExactIdTests,
    FaultTests,
    HeadEdgeTests,
    HeadTests,
    IdTests,
    InterleavingTests,
    IsolationTests,
    LifeTests,
    NthCallTests,
    OrderTests,
    OutcomeTests,
    PayloadTests,
    ProcessTests,
    RestoreTests,
    SecretTests,
    SeqTests,
    ShardPageTests,
    ShardReadTests,
    SnapshotEdgeTests,
    SnapshotTests,
    ThreadReadTests,
    WakingTests,
)


class EventLogConformance(  # pytest goes through the bases from the last one to the first
    NthCallTests,
    ModelTests,
    CrashTests,
    ProcessTests,
    FaultTests,
    InterleavingTests,
    CancellationTests,
    ConcurrencyTests,
    SecretTests,
    CapabilityTests,
    LifeTests,
    IsolationTests,
    CopyEdgeTests,
    RestoreTests,
    SnapshotEdgeTests,
    SnapshotTests,
    HeadEdgeTests,
    HeadTests,
    WakingTests,
    OrderTests,
    ShardPageTests,
    ShardReadTests,
    ThreadReadTests,
    BoundTests,
    ExactEventTests,
    PayloadTests,
    ExactIdTests,
    IdTests,
    SeqTests,
    OutcomeTests,
):
    """All tests of the kit, the slow ones at the end. Derive from it, override the fixture `backend`, and run pytest::

    class TestAcmeLog(EventLogConformance):
        @pytest.fixture
        def backend(self, tmp_path):
            return Backend.of_url(lambda place: f"acme:{tmp_path}/{place}", durability=Durability.DISK)
    """

    @pytest.fixture
    def backend(self) -> Backend:
        """The log under test."""
        raise NotImplementedError("override the fixture `backend` in your class; see docs/how-to/write-a-plugin.md")


@dataclass(frozen=True)
class Verdict:
    """How one test of the kit ended."""

    test: str
    clause: str
    """The clause that the test checks or, where it failed, the one that is broken."""
    error: BaseException | None = None
    skipped: bool = False


def cases(suite: type = EventLogConformance) -> Iterator[tuple[str, Case]]:
    """The tests of a suite with their names, in the order of the classes."""
    for base in reversed(suite.__mro__):
        for name, member in vars(base).items():
            if clause_of(member) is not None:
                yield name, member


def judge(backend: Backend, *, only: Callable[[str], bool] = lambda name: True) -> list[Verdict]:
    """Run the kit on a backend, outside of pytest.

    Args:
        only: which tests to run, by name.
    """
    return [_verdict(backend, name, case) for name, case in cases() if only(name)]


def _verdict(backend: Backend, name: str, case: Case) -> Verdict:
    number = clause_of(case) or ""
    try:
        case(EventLogConformance(), backend)
    except pytest.skip.Exception as error:
        return Verdict(name, number, error, skipped=True)
    except FAILURES as error:
        return Verdict(name, broken_clause(error, number), error)
    return Verdict(name, number)
