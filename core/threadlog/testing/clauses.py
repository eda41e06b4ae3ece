"""The clauses of the contract, read from its docstrings, and how a test says which one it checks."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from threadlog.log import EventLog
from threadlog.testing.backend import Backend
from threadlog.testing.blame import ACROSS, FAILURES, Case, broken_clause, excuse
from threadlog.testing.lab import Lab

_BULLET = re.compile(r"^- \*\*([A-Z]\d)\*\* (.*(?:\n  .*)*)", re.MULTILINE)

Check = Callable[[Any, Lab], Awaitable[None]]
"""A test of the kit: a coroutine method that is given a laboratory."""


def clauses() -> dict[str, str]:
    """All clauses of `EventLog`, each with its text on one line, in the order in which they stand there."""
    documented = [EventLog, *(member for name, member in vars(EventLog).items() if not name.startswith("_"))]
    found: dict[str, str] = {}
    for member in documented:
        for number, text in _BULLET.findall(inspect.getdoc(member) or ""):
            found[number] = " ".join(text.split())
    return found


def clause(number: str, *, patience: float = 6) -> Callable[[Check], Case]:
    """Make a coroutine method the test of a clause.

    It runs in an event loop of its own, is given a fresh `Lab`, and ends with an explanation when it hangs; whatever
    it raises carries the clause's text.

    Args:
        patience: how many times the backend's patience the test may take.
    """

    def mark(check: Check) -> Case:
        def bare(self: object, backend: Backend) -> None:
            asyncio.run(_run(check, self, backend, backend.patience * patience))

        return _test(check, bare, number)

    return mark


def across_clauses(case: Case) -> Case:
    """Mark a method as a test of the kit that checks many clauses; it raises `ClauseBroken` for the one."""
    return _test(case, case, ACROSS)


@contextmanager
def explained(number: str, check: Callable[..., object]) -> Iterator[None]:
    """Add to whatever fails inside what was checked, and which clause it breaks."""
    try:
        yield
    except FAILURES as error:
        error.add_note(f"What was checked: {inspect.getdoc(check)}")
        blamed = broken_clause(error, number)
        if blamed != ACROSS:
            error.add_note(f"This breaks clause {blamed}: {clauses()[blamed]}")
        raise


def _test(original: Callable[..., object], bare: Case, number: str) -> Case:
    """The test of a clause, with the name and docstring of what it runs; its signature is what pytest reads."""

    def case(self: object, backend: Backend) -> None:
        with explained(number, original):
            try:
                bare(self, backend)
            except FAILURES as error:
                excuse(self, backend, number, error)
                raise

    case.__name__, case.__qualname__, case.__doc__ = original.__name__, original.__qualname__, original.__doc__
    case.__module__ = original.__module__
    bare.__name__ = original.__name__
    vars(case)["clause"], vars(case)["bare"] = number, bare
    return case


async def _run(check: Check, suite: object, backend: Backend, seconds: float) -> None:
    limit = asyncio.timeout(seconds)
    try:
        async with limit, Lab(backend) as lab:
            await check(suite, lab)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise AssertionError("A call ended with CancelledError, and nobody had cancelled it.") from error
    except TimeoutError as error:
        if limit.expired():
            raise AssertionError(f"The log hangs: no end after {seconds:g} seconds.") from error
        raise
