"""The history checker under histories that nobody thought of: what a log can answer passes, and spoiled it does not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlog.log import Append, Appended, Conflict, Event, Expect, HeadChange, IdReused, NewEvent, ThreadPage
from threadlog.log.memory import _Shard
from threadlog.testing import History
from threadlog.testing.history import AppendDone, ReadDone

KEY = ("acme", "thr")
BEFORE_ALL, AFTER_ALL = -1_000.0, 1_000.0


@dataclass
class Simulation:
    """A log that takes each call at one moment, and clients whose calls overlap around these moments."""

    chance: random.Random
    shard: _Shard = field(default_factory=lambda: _Shard(0))
    history: History = field(default_factory=History)
    sent: list[Append] = field(default_factory=list)

    @property
    def stored(self) -> list[Event]:
        """The thread in the end."""
        return self.shard.events

    @property
    def seen(self) -> list[Event]:
        """What the subscriber got."""
        return self.history.seen["viewer"]

    @property
    def acknowledged(self) -> list[AppendDone]:
        """The calls that were told that they stored their append."""
        return [done for done in self.history.appends if isinstance(done.outcome, Appended)]

    def run(self, calls: int) -> None:
        """Make calls, each at the next moment."""
        for moment in range(calls):
            began, ended = moment - self.chance.choice((0, 0.2, 3, 9)), moment + self.chance.choice((0.1, 0.3, 4, 8))
            if self.chance.random() < 0.4:
                self.read(began, ended, self.chance.randint(0, len(self.stored) + 1), self.chance.randint(1, 5))
            else:
                self.append(self._some_append(), began, ended)
        self.history.see("viewer", self.stored[: self.chance.randint(0, len(self.stored))])

    def append(self, append: Append, began: float, ended: float) -> None:
        """Send an append: it is refused, gets lost, is taken without an answer, or is taken and answered."""
        done = AppendDone(append, began)
        self.history.appends.append(done)
        fate = self.chance.random()
        done.refused = fate < 0.1
        if fate > 0.2:
            outcome = self.shard.take(append, 0)
            if fate > 0.3:
                done.outcome, done.returned = outcome, ended

    def read(self, began: float, ended: float, after: int = 0, size: int = 1_000) -> None:
        """Read a page."""
        page = ThreadPage(tuple(self.stored[after : after + size]), len(self.stored))
        self.history.reads.append(ReadDone(KEY, after, page, began, ended))

    def make(self, append_id: str) -> Append:
        """An append of one to three events, which may delete the thread or bring it back."""
        chance, last = self.chance, len(self.stored)
        head = HeadChange(deleted=chance.random() < 0.5) if chance.random() < 0.2 else None
        first, *others = (b"%d" % chance.randint(0, 9) for _ in range(chance.randint(1, 3)))
        events = (*(NewEvent("x", data) for data in others), NewEvent("x", first, head=head))
        expected = chance.choice((*Expect, last, last, 0, max(last - 1, 0)))
        return Append(tenant=KEY[0], thread_id=KEY[1], append_id=append_id, expected=expected, events=events)

    def _some_append(self) -> Append:
        if self.sent and self.chance.random() < 0.3:
            append = self.chance.choice(self.sent)
            return append if self.chance.random() < 0.8 else self.make(append.append_id)
        self.sent.append(self.make(f"a{len(self.sent)}"))
        return self.sent[-1]


def simulated(seed: int) -> Simulation:
    """Up to 40 calls."""
    simulation = Simulation(random.Random(seed))
    simulation.run(simulation.chance.randint(1, 40))
    return simulation


@settings(deadline=None, max_examples=300)
@given(st.integers(min_value=0, max_value=2**48))
def test_what_a_log_can_answer_passes(seed: int) -> None:
    """However calls overlap, are retried, are refused or get lost."""
    simulation = simulated(seed)
    assert simulation.history.check(simulation.stored) == []


def lost(simulation: Simulation) -> bool:
    """The last event, which was acknowledged, is not stored."""
    if not any(done.append.append_id == simulation.stored[-1].append_id for done in simulation.acknowledged):
        return False
    del simulation.stored[-1]
    return True


def phantom(simulation: Simulation) -> bool:
    """Something is stored that nobody sent."""
    simulation.shard.take(msgspec.structs.replace(simulation.make("nobody"), expected=len(simulation.stored)), 0)
    return True


def reordered(simulation: Simulation) -> bool:
    """A subscriber gets two events in the wrong order."""
    simulation.seen[-2:] = simulation.seen[-2:][::-1]
    return len(simulation.seen) > 1


def delivered_twice(simulation: Simulation) -> bool:
    """A subscriber gets an event again."""
    simulation.seen.extend(simulation.seen[-1:])
    return bool(simulation.seen)


def skipped(simulation: Simulation) -> bool:
    """A subscriber misses an event amid others."""
    del simulation.seen[-2:-1]
    return len(simulation.seen) > 0 and simulation.seen != simulation.stored[: len(simulation.seen)]


def stale(simulation: Simulation) -> bool:
    """A read that begins after everything sees nothing."""
    simulation.history.reads.append(ReadDone(KEY, 0, ThreadPage((), 0), AFTER_ALL, AFTER_ALL))
    return bool(simulation.acknowledged)


def too_early(simulation: Simulation) -> bool:
    """A read that ended before everything sees all."""
    simulation.read(BEFORE_ALL, BEFORE_ALL)
    return bool(simulation.stored)


def split(simulation: Simulation) -> bool:
    """Two that expected the same seq have both been told that they got it."""
    for done in simulation.acknowledged[:1]:
        assert isinstance(done.outcome, Appended)
        events = tuple(
            msgspec.structs.replace(event, append_id="other", id=f"other-{event.id}") for event in done.outcome.events
        )
        append = msgspec.structs.replace(done.append, append_id="other")
        simulation.history.appends.append(replace(done, append=append, outcome=Appended(events)))
    return bool(simulation.acknowledged)


def denied(simulation: Simulation) -> bool:
    """What is stored was answered with a conflict."""
    for done in simulation.acknowledged[:1]:
        assert isinstance(done.outcome, Appended)
        done.outcome = Conflict(done.outcome.next_expected)
        return True
    return False


def disowned(simulation: Simulation) -> bool:
    """A retry of what is stored is told that its id belongs to another append."""
    for done in simulation.acknowledged[:1]:
        assert isinstance(done.outcome, Appended)
        simulation.history.appends.append(replace(done, outcome=IdReused(done.outcome.events[0].seq)))
    return bool(simulation.acknowledged)


def acknowledged_twice(simulation: Simulation) -> bool:
    """Two calls of one append are both told that they stored it."""
    simulation.history.appends += simulation.acknowledged[:1]
    return bool(simulation.acknowledged)


def sent_too_late(simulation: Simulation) -> bool:
    """An append whose outcome nobody knows was sent after all answers, and stands before what they tell of."""
    ids = [done.append.append_id for done in simulation.history.appends]
    for done in simulation.acknowledged[:-1]:
        if ids.count(done.append.append_id) == 1:
            done.outcome, done.invoked, done.returned = None, AFTER_ALL, math.inf
            return True
    return False


def against_its_expectation(simulation: Simulation) -> bool:
    """An append whose outcome nobody knows is stored where its thread was not as it expected."""
    ids = [done.append.append_id for done in simulation.history.appends]
    for done in simulation.acknowledged:
        if ids.count(done.append.append_id) == 1:
            done.append = msgspec.structs.replace(done.append, expected=99_999)
            done.outcome = None
            return True
    return False


SPOILS: list[Callable[[Simulation], bool]] = [
    lost,
    phantom,
    reordered,
    delivered_twice,
    skipped,
    stale,
    too_early,
    split,
    denied,
    disowned,
    acknowledged_twice,
    sent_too_late,
    against_its_expectation,
]
"""What makes a history impossible; they return False where there is nothing to spoil."""


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_what_no_log_can_answer_is_found(spoil: Callable[[Simulation], bool]) -> None:
    """Whatever else happens around it."""
    spoiled = 0
    for seed in range(80):
        simulation = simulated(seed)
        if spoil(simulation):
            spoiled += 1
            assert simulation.history.check(simulation.stored), f"seed {seed}: nothing is found"
    assert spoiled > 10, "the simulation gives hardly any history that can be spoiled so"
