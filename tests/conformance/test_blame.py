"""One mistake is blamed on one clause, though the tests of others meet it, too."""

from __future__ import annotations

import pytest

from conformance.broken.base import BrokenLog, backend_of
from conformance.broken.spread import CannotBeOpened, Dumped
from threadlog.testing import Verdict, clauses, judge
from threadlog.testing.blame import ORDER


def verdict_on(kind: type[BrokenLog], test: str) -> Verdict:
    """How one test ends, run alone."""
    (verdict,) = judge(backend_of(kind), only=lambda name: name == test)
    return verdict


def test_every_clause_has_its_place() -> None:
    """The order in which clauses rest on each other holds all of them, once."""
    assert sorted(ORDER) == sorted(clauses())


def test_what_another_clause_has_spoiled_is_skipped_and_says_so() -> None:
    """Also when the test is run alone: the author is told which clause to mend first, and by which test it is known."""
    verdict = verdict_on(Dumped, "test_a6_bytes_are_compared_and_not_their_meaning")
    assert verdict.skipped
    assert "test_a8_payload_bytes_come_back_exactly does: mend A8 first" in str(verdict.error)


def test_what_a_clause_has_spoiled_itself_fails() -> None:
    """Nothing excuses the first clause that is broken."""
    verdict = verdict_on(Dumped, "test_a8_payload_bytes_come_back_exactly")
    assert (verdict.clause, verdict.skipped) == ("A8", False)
    assert isinstance(verdict.error, AssertionError)


@pytest.mark.parametrize("test", ["test_t1_threads_of_others_cannot_be_read", "test_l1_closing_ends_waits"])
def test_a_log_that_cannot_be_opened_is_a_matter_of_l1(test: str) -> None:
    """No other clause is blamed for it."""
    verdict = verdict_on(CannotBeOpened, test)
    assert verdict.skipped or verdict.clause == "L1"
