"""Whose fault it is when tests of several clauses fail.

A test of one clause uses what other clauses promise: whoever looks for duplicates reads a thread. So one mistake would
fail the tests of many clauses, and its author would not know where to begin. The clauses therefore have an order, in
which each rests on those before it; their tests look at nothing that comes later in it. When a test fails, those of the
clauses before its own are run, and if one of them fails, too, the test says nothing of its own clause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threadlog.testing.backend import Backend
from threadlog.testing.failures import ClauseBroken

Case = Callable[[Any, Backend], None]
"""A test of the kit as pytest sees it: a method that is given the fixture ``backend``."""

ACROSS = "*"
"""Stands for a clause in tests that check many; a failure names the one that is broken."""

FAILURES = (Exception, pytest.fail.Exception)
"""What a test that fails raises; skipping is something else."""

ORDER = (
    *("A1", "T1", "A8", "F4", "A3", "R2", "R1"),
    *("A5", "F1", "A4", "A2", "A6", "A9", "A7"),
    *("F3", "F2", "H1", "S1", "C1", "L1", "L2", "X1"),
)
"""All clauses; the tests of each use what those before it promise."""

BASE = ORDER[: ORDER.index("F3")]
"""The clauses of appends and reads, which all tests use."""


def clause_of(case: Callable[..., object]) -> str | None:
    """The number of the clause that a test checks (`ACROSS` for many); None for what is no test of the kit."""
    number = getattr(case, "clause", None)
    return number if isinstance(number, str) else None


def broken_clause(error: BaseException, default: str) -> str:
    """The clause that an error blames: its own, or the one of the test that raised it."""
    return error.number if isinstance(error, ClauseBroken) else default


def excuse(suite: object, backend: Backend, number: str, error: BaseException) -> None:
    """Skip the test of a clause that has failed with `error`, if that is the fault of another clause.

    That is so where tests of a clause that it rests on fail; and, where it has itself met a breach of another clause,
    if the tests of that one find it as well, or those of appends and reads find something.
    """
    blamed = broken_clause(error, number)
    own = blamed if number == ACROSS else number
    before = ORDER if own == ACROSS else ORDER[: ORDER.index(own)]
    for other in before if blamed == number else (*before, blamed, *BASE):
        found = _finding(suite, backend, other)
        if found and number == ACROSS and other == blamed:
            return  # it is said twice, and rightly
        if found:
            pytest.skip(f"it fails, as {found} does: mend {other} first, on which this test rests")


def _finding(suite: object, backend: Backend, number: str) -> str | None:
    """The name of a test of a clause that fails; None if there is none."""
    if number not in backend.findings:
        failing = (case.__name__ for case in _tests_of(suite, number) if _blamed_by(suite, case, backend, number))
        backend.findings[number] = next(failing, None)
    return backend.findings[number]


def _tests_of(suite: object, number: str) -> Iterator[Case]:
    """The tests of a clause, as they are without excuses."""
    for base in reversed(type(suite).__mro__):
        for member in vars(base).values():
            if clause_of(member) == number:
                yield member.bare


def _blamed_by(suite: object, case: Case, backend: Backend, number: str) -> bool:
    """Whether a test of a clause fails, and says that it is this clause that is broken."""
    try:
        case(suite, backend)
    except pytest.skip.Exception:
        return False
    except FAILURES as error:
        return broken_clause(error, number) == number
    return False
