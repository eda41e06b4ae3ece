"""The history checker accepts what a log can have answered, and names what it cannot."""

from __future__ import annotations

import pytest

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    Expect,
    Expected,
    HeadChange,
    IdReused,
    NewEvent,
    Outcome,
    ThreadPage,
)
from threadlog.testing import ClauseBroken, History
from threadlog.testing.history import AppendDone, ReadDone

KEY = ("acme", "thr")


def sent(append_id: str, *values: int, expected: Expected = Expect.ANY, deletes: bool = False) -> Append:
    """An append as a client sends it."""
    head = HeadChange(deleted=True) if deletes else None
    events = tuple(NewEvent("x", b"%d" % value, head=head) for value in values)
    return Append(tenant="acme", thread_id="thr", append_id=append_id, expected=expected, events=events)


def stored(*appends: Append) -> list[Event]:
    """The events of a thread that holds these appends in this order."""
    flat = [(append, new) for append in appends for new in append.events]
    return [
        Event(
            tenant="acme",
            thread_id="thr",
            seq=seq,
            shard=0,
            position=seq,
            id=f"id-{seq}",
            append_id=append.append_id,
            type=new.type,
            version=1,
            time_us=0,
            data=new.data,
            head=new.head,
        )
        for seq, (append, new) in enumerate(flat, 1)
    ]


A, B, C = sent("a", 1, 2), sent("b", 3), sent("c", 4)
EVENTS = stored(A, B)


def appended(append: Append, invoked: float, returned: float, outcome: Outcome | None) -> AppendDone:
    """An append and what came back."""
    return AppendDone(append, invoked, returned, outcome)


def read(events: list[Event], last_seq: int, invoked: float, returned: float, after: int = 0) -> ReadDone:
    """A page and when it was read."""
    return ReadDone(KEY, after, ThreadPage(tuple(events), last_seq), invoked, returned)


def told(history: History, events: list[Event]) -> set[str]:
    """The clauses that the checker finds broken."""
    return {violation.clause for violation in history.check(events)}


GOOD_A = appended(A, 0, 1, Appended(tuple(EVENTS[:2])))
GOOD_B = appended(B, 2, 3, Appended(tuple(EVENTS[2:])))
UNKNOWN = float("inf")


@pytest.mark.parametrize(
    ("appends", "reads"),
    [
        pytest.param(
            [GOOD_A, GOOD_B], [read([], 0, 0, 1), read(EVENTS[:2], 2, 0.5, 5), read(EVENTS, 3, 4, 5)], id="plain"
        ),
        pytest.param([GOOD_A, appended(B, 2, UNKNOWN, None)], [], id="unknown-and-stored"),
        pytest.param([GOOD_A, GOOD_B, appended(C, 2, UNKNOWN, None)], [], id="unknown-and-lost"),
        pytest.param([GOOD_A, GOOD_B, appended(A, 4, 5, Duplicate(tuple(EVENTS[:2])))], [], id="duplicate"),
        pytest.param([GOOD_A, GOOD_B, appended(sent("a", 9), 4, 5, IdReused(1))], [], id="reused"),
        pytest.param([GOOD_A, GOOD_B, appended(sent("c", 9, expected=1), 0, 5, Conflict(2))], [], id="conflict-amid"),
    ],
)
def test_possible_histories_are_accepted(appends: list[AppendDone], reads: list[ReadDone]) -> None:
    """Overlapping calls may be answered in either order, and what is unknown may be stored or not."""
    assert History(appends=appends, reads=reads).check(EVENTS) == []


def test_an_id_that_was_tried_with_half_of_the_events_is_not_stored_twice() -> None:
    """An append of two equal events, under an id that another call has for one such event, is stored once."""
    both = sent("b", 3, 3)
    events = stored(both)
    taken = appended(both, 0, 1, Appended(tuple(events)))
    assert History(appends=[taken, appended(sent("b", 3), 2, 3, IdReused(1))]).check(events) == []


def refused(append: Append) -> AppendDone:
    """An append that ended with an error saying that nothing was written."""
    return AppendDone(append, 4, 5, refused=True)


def late(append: Append, outcome: Outcome) -> AppendDone:
    """An append that was sent and answered after all others."""
    return appended(append, 4, 5, outcome)


GOOD = [GOOD_A, GOOD_B]
LATE_A = late(A, Appended(tuple(EVENTS[:2])))
WRONG_B = appended(sent("b", 3, expected=1), 2, 3, Appended(tuple(EVENTS[2:])))
IMPOSSIBLE = {
    "a gap": ("A3", GOOD, [], [EVENTS[0], EVENTS[2]]),
    "acknowledged and lost": ("A7", GOOD, [], EVENTS[:2]),
    "read and lost": ("A7", [GOOD_A], [read(EVENTS[:2], 3, 4, 5)], EVENTS[:2]),
    "half of an append": ("A2", [GOOD_A, appended(sent("b", 3, 4), 2, UNKNOWN, None)], [], EVENTS),
    "torn apart": (
        "A2",
        [appended(A, 0, UNKNOWN, None), appended(B, 0, UNKNOWN, None)],
        [],
        stored(sent("a", 1), B, sent("a", 2)),
    ),
    "stored twice": ("A6", [appended(B, 0, UNKNOWN, None)], [], stored(B, B)),
    "acknowledged twice": ("A6", [GOOD_A, *GOOD], [], EVENTS),
    "refused and stored": ("A9", [GOOD_A, refused(B)], [], EVENTS),
    "not as expected": ("A4", [GOOD_A, WRONG_B], [], EVENTS),
    "a conflict without one": ("A4", [*GOOD, late(sent("c", 9, expected=3), Conflict(3))], [], EVENTS),
    "a conflict that tells of a seq at which there was none": (
        "A5",
        [GOOD_A, appended(B, 2, 9, GOOD_B.outcome), appended(sent("c", 9, expected=2), 3, 8, Conflict(2))],
        [],
        EVENTS,
    ),
    "a conflict inside an append": ("A5", [*GOOD, late(sent("c", 9, expected=0), Conflict(1))], [], EVENTS),
    "a stale conflict": ("A5", [*GOOD, late(sent("c", 9, expected=0), Conflict(2))], [], EVENTS),
    "a duplicate of others": ("A6", [*GOOD, late(A, Duplicate(tuple(EVENTS[2:])))], [], EVENTS),
    "an id that is not reused": ("A6", [*GOOD, late(A, IdReused(1))], [], EVENTS),
    "a stale read": ("R2", GOOD, [read(EVENTS[:2], 2, 4, 5)], EVENTS),
    "a read from the future": ("R2", GOOD, [read(EVENTS, 3, 0, 1)], EVENTS),
    "a wrong page": ("R1", GOOD, [read(EVENTS[1:], 3, 4, 5)], EVENTS),
    "half of an append seen": ("A2", GOOD, [read(EVENTS[:1], 1, 0, 5)], EVENTS),
    "out of order": ("A3", [LATE_A, GOOD_B], [], EVENTS),
    "an unknown outcome before what was there first": ("A3", [appended(A, 4, UNKNOWN, None), GOOD_B], [], EVENTS),
    "an unknown outcome against what it expected": (
        "A4",
        [GOOD_A, appended(sent("b", 3, expected=0), 2, UNKNOWN, None)],
        [],
        EVENTS,
    ),
    "two that expected the same": (
        "A7",
        [appended(A, 0, 5, Appended(tuple(EVENTS[:2]))), appended(C, 0, 5, Appended(tuple(stored(C))))],
        [],
        EVENTS[:2],
    ),
    "a conflict and stored": ("A5", [GOOD_A, appended(sent("b", 3, expected=9), 2, 3, Conflict(2))], [], EVENTS),
    "a retry that is a conflict": ("A6", [*GOOD, late(sent("a", 1, 2, expected=0), Conflict(3))], [], EVENTS),
    "a duplicate of nothing": ("A6", [GOOD_A, late(B, Duplicate(tuple(EVENTS[2:])))], [], EVENTS),
    "a reused id before it was used": ("A6", [appended(sent("b", 9), 0, 1, IdReused(3)), *GOOD], [], EVENTS),
    "acknowledged with the events of another": (
        "A6",
        [GOOD_A, appended(B, 2, UNKNOWN, None), late(sent("b", 9), Appended(tuple(EVENTS[2:])))],
        [],
        EVENTS,
    ),
    "acknowledged without events": ("A7", [GOOD_A, appended(B, 2, 3, Appended(()))], [], EVENTS),
    "a duplicate without events": ("A6", [*GOOD, late(A, Duplicate(()))], [], EVENTS),
    "other bytes": ("A8", [GOOD_A, appended(sent("b", 7), 2, UNKNOWN, None)], [], EVENTS),
    "from nobody": ("A2", [GOOD_A], [], EVENTS),
    "an empty page amid": ("R1", GOOD, [read([], 3, 4, 5)], EVENTS),
    "a page beyond its own end": ("R1", GOOD, [read(EVENTS, 2, 2, 5)], EVENTS),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_histories_are_named(name: str) -> None:
    """Each kind of wrong answer is told with the clause that it breaks."""
    clause, appends, reads, events = IMPOSSIBLE[name]
    assert told(History(appends=appends, reads=reads), events) == {clause}


def test_deleted_threads_are_part_of_the_history() -> None:
    """Who appended to a deleted thread expecting anything was answered wrongly."""
    gone = sent("a", 1, deletes=True)
    events = stored(gone, B)
    history = History(appends=[appended(gone, 0, 1, Appended((events[0],))), appended(B, 2, 3, Appended((events[1],)))])
    assert told(history, events) == {"A4"}


@pytest.mark.parametrize(
    ("seen", "clauses"),
    [
        (EVENTS, set()),
        (EVENTS[:2], set()),
        ([EVENTS[0], EVENTS[2]], {"F2"}),
        ([EVENTS[0], EVENTS[0]], {"F2"}),
        ([EVENTS[1], EVENTS[0]], {"F2"}),
        ([*EVENTS, stored(A, B, C)[3]], {"F2"}),
    ],
)
def test_subscribers_see_a_prefix(seen: list[Event], clauses: set[str]) -> None:
    """Every event once, in order, and none that is not stored."""
    history = History(appends=[GOOD_A, GOOD_B])
    history.see("viewer", seen)
    assert told(history, EVENTS) == clauses


def test_confirm_raises_for_the_clause() -> None:
    """A test of the kit ends with the clause that the history breaks."""
    with pytest.raises(ClauseBroken, match="acknowledged") as caught:
        History(appends=[GOOD_A, GOOD_B]).confirm(EVENTS[:2])
    assert caught.value.number == "A7"
