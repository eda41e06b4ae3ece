"""The clauses say the same in the docstrings, in the documentation and in the kit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from threadlog.log import Append, EventLog, Limits, NewEvent, TooLarge
from threadlog.testing import EventLogConformance, cases, clause_of, clauses

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "contract.md"


def documented() -> dict[str, str]:
    """The clauses on the documentation's page."""
    return dict(re.findall(r"^- \*\*([A-Z]\d)\*\* (.*)$", PAGE.read_text(), re.MULTILINE))


def test_the_documentation_lists_the_clauses_of_the_docstrings() -> None:
    """Every clause stands on the page, in the docstrings' words and order, and no other does."""
    assert list(documented().items()) == list(clauses().items())


def test_no_clause_is_hidden_from_the_list() -> None:
    """What looks like a clause anywhere in the contract's source is one that is found."""
    source = Path(__import__("inspect").getfile(EventLog)).read_text()
    assert set(re.findall(r"\*\*([A-Z]\d)\*\*", source)) == set(clauses())


def test_every_clause_has_tests_in_the_kit() -> None:
    """The kit's tests carry the numbers of all clauses, and of no other."""
    assert {clause_of(case) for _, case in cases()} - {"*"} == set(clauses())


def test_tests_of_the_kit_are_named_after_their_clause() -> None:
    """So that `pytest -k a6` runs the tests of A6; those that look at many clauses at once say by what means."""
    wrong = [name for name, case in cases() if not name.startswith(f"test_{str(clause_of(case)).lower()}_")]
    assert sorted(wrong) == [
        "test_crash_kills_lose_nothing_that_was_acknowledged",
        "test_faults_at_every_call_lose_nothing_that_was_acknowledged",
        "test_history_of_interleaved_calls_is_consistent",
        "test_history_of_many_clients_is_consistent",
        "test_history_of_many_processes_is_consistent",
        "test_history_of_readers_in_other_processes_is_consistent",
        "test_model_any_calls_are_answered_as_by_the_reference",
    ]


def test_tests_of_the_kit_say_what_they_check() -> None:
    """Each has a docstring, and no two bases hide each other's tests."""
    names = [name for name, _ in cases()]
    assert len(names) == len(set(names))
    assert [name for name, case in cases() if not case.__doc__] == []
    assert set(names) == {name for name in dir(EventLogConformance) if name.startswith("test_")}


LIMITS = Limits(event_bytes=10, append_events=3, append_bytes=15, batch_events=5, batch_bytes=25)


def append(*sizes: int) -> Append:
    """An append with payloads of these sizes."""
    events = tuple(NewEvent("x", b"1" * size) for size in sizes)
    return Append(tenant="t", thread_id="a", append_id="1", expected=0, events=events)


@pytest.mark.parametrize(
    ("appends", "what", "size"),
    [
        ([append(11)], "event_bytes", 11),
        ([append(1, 1, 1, 1)], "append_events", 4),
        ([append(10, 6)], "append_bytes", 16),
        ([append(1, 1, 1), append(1, 1, 1)], "batch_events", 6),
        ([append(10, 5), append(10, 1)], "batch_bytes", 26),
        ([append(1), append(11)], "event_bytes", 11),
    ],
)
def test_a_call_over_a_limit_is_refused_by_name(appends: list[Append], what: str, size: int) -> None:
    """The error carries the limit's name, how large the thing is and how large it may be."""
    with pytest.raises(TooLarge, match=f"{what} is {size}") as caught:
        LIMITS.check_call(appends)
    assert (caught.value.what, caught.value.size, caught.value.limit) == (what, size, getattr(LIMITS, what))


@pytest.mark.parametrize("appends", [[], [append(10, 5)], [append(5, 5, 5)], [append(10, 5), append(9, 1)]])
def test_a_call_at_its_limits_is_taken(appends: list[Append]) -> None:
    """Each limit is the most that is allowed."""
    LIMITS.check_call(appends)


def test_a_single_append_is_under_no_limit_of_calls() -> None:
    """An append that fits alone is never refused for the size of a batch."""
    Limits(batch_events=1, batch_bytes=1).check_call([append(10, 10)])
