"""The kit finds what it is there to find: each broken log fails exactly the clause that it breaks."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest

from conformance.broken import appends, calls, disk, edges, heads, life, lists, payloads, reads, spread, waits
from conformance.broken.base import BrokenLog, FallibleLog, backend_of
from conformance.broken.disk import DiskLog, backend_of_disk
from threadlog.log import MemoryLog
from threadlog.testing import Backend, ClauseBroken, clauses, judge


def broken_logs() -> list[type[MemoryLog]]:
    """Every class of the modules that says which clause it breaks."""
    return [
        kind
        for module in (appends, payloads, reads, heads, life, waits, edges, disk, spread, lists, calls)
        for kind in _broken_of(module)
    ]


def _broken_of(module: ModuleType) -> list[type[MemoryLog]]:
    return [member for member in vars(module).values() if isinstance(member, type) and getattr(member, "clause", "")]


def made_of(kind: type[MemoryLog]) -> Backend:
    """The backend that makes logs of a class."""
    return backend_of_disk(kind) if issubclass(kind, DiskLog) else backend_of(kind, patience=0.3)


def about_one_clause(name: str) -> bool:
    """Whether a test checks one clause; the others may blame any that a broken log's answers look like."""
    return not name.startswith(("test_model", "test_history"))


@pytest.mark.parametrize("kind", broken_logs(), ids=lambda kind: f"{kind.clause}-{kind.__name__}")
def test_a_broken_log_fails_exactly_its_clause(kind: type[BrokenLog]) -> None:
    """At least one test of the clause fails, and no test of another clause does."""
    failed = [
        verdict for verdict in judge(made_of(kind), only=about_one_clause) if verdict.error and not verdict.skipped
    ]
    told = "\n".join(f"{verdict.clause} {verdict.test}: {verdict.error!r}" for verdict in failed)
    assert {verdict.clause for verdict in failed} == {kind.clause}, told or "nothing fails"


@pytest.mark.parametrize("kind", [MemoryLog, FallibleLog, DiskLog])
def test_a_sound_log_fails_nothing(kind: type[MemoryLog]) -> None:
    """The logs that the broken ones derive from keep all clauses."""
    assert [verdict for verdict in judge(made_of(kind)) if verdict.error and not verdict.skipped] == []


@pytest.mark.parametrize(
    "kind",
    [
        appends.AnyRevives,
        appends.ExpectedFirst,
        appends.GapAfterConflict,
        appends.IdsForgotten,
        payloads.Reserialized,
        heads.ListsDeleted,
        heads.OwnTimes,
    ],
)
def test_hypothesis_finds_broken_logs_alone(kind: type[BrokenLog]) -> None:
    """Calls that nobody thought of show these, too."""
    backend = dataclasses.replace(backend_of(kind), examples=800)
    (verdict,) = judge(backend, only=lambda name: name.startswith("test_model"))
    assert isinstance(verdict.error, ClauseBroken)


@pytest.mark.parametrize(
    ("kind", "test", "clause"),
    [
        (appends.CheckThenAct, "test_history_of_many_clients_is_consistent", "A4"),
        (appends.GapAfterConflict, "test_history_of_many_clients_is_consistent", "A3"),
        (appends.CheckThenAct, "test_history_of_interleaved_calls_is_consistent", "A4"),
        (waits.SeesHalf, "test_history_of_interleaved_calls_is_consistent", "A2"),
    ],
)
def test_a_recorded_history_shows_broken_logs_alone(kind: type[BrokenLog], test: str, clause: str) -> None:
    """What goes wrong when calls meet is found in the record of them."""
    (verdict,) = judge(backend_of(kind), only=lambda name: name == test)
    assert verdict.clause == clause, verdict.error


def test_there_are_two_broken_logs_for_each_clause() -> None:
    """No clause is without logs that show that its tests can fail."""
    broken = [kind.clause for kind in broken_logs()]  # type: ignore[attr-defined]
    assert {number: broken.count(number) for number in clauses() if broken.count(number) < 2} == {}
