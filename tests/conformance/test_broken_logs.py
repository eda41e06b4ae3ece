"""The kit finds what it is there to find: each broken log fails exactly the clause that it breaks."""

from __future__ import annotations

import pytest

from conformance.broken import appends, heads, life, payloads, reads
from conformance.broken.base import BrokenLog, FallibleLog, backend_of
from threadlog.log import MemoryLog
from threadlog.testing import clauses, judge


def broken_logs() -> list[type[MemoryLog]]:
    """Every class of the modules that says which clause it breaks."""
    found = [member for module in (appends, payloads, reads, heads, life) for member in vars(module).values()]
    return [member for member in found if isinstance(member, type) and getattr(member, "clause", "")]


@pytest.mark.parametrize("kind", broken_logs(), ids=lambda kind: f"{kind.clause}-{kind.__name__}")
def test_a_broken_log_fails_exactly_its_clause(kind: type[BrokenLog]) -> None:
    """At least one test of the clause fails, and no test of another clause does."""
    failed = [verdict for verdict in judge(backend_of(kind, patience=0.3)) if verdict.error and not verdict.skipped]
    told = "\n".join(f"{verdict.clause} {verdict.test}: {verdict.error!r}" for verdict in failed)
    assert {verdict.clause for verdict in failed} == {kind.clause}, told or "nothing fails"


@pytest.mark.parametrize("kind", [MemoryLog, FallibleLog])
def test_a_sound_log_fails_nothing(kind: type[MemoryLog]) -> None:
    """The logs that the broken ones derive from keep all clauses."""
    assert [verdict for verdict in judge(backend_of(kind)) if verdict.error and not verdict.skipped] == []


def test_there_are_two_broken_logs_for_each_clause() -> None:
    """No clause is without logs that show that its tests can fail."""
    broken = [kind.clause for kind in broken_logs()]  # type: ignore[attr-defined]
    assert {number: broken.count(number) for number in clauses() if broken.count(number) < 2} == {}
