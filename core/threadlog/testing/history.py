"""A record of what clients did and what they were answered, and a check that a log can have answered so.

Because seqs are dense, checking a thread for linearizability (Herlihy and Wing, 1990) needs no search: the stored
events tell the order in which appends took effect, and every answer tells the seq that it saw. The answers are
consistent when no client that asked later saw an earlier seq, and none saw what nobody had sent yet.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    EventLog,
    IdReused,
    LogBusy,
    Outcome,
    StorageFull,
    ThreadPage,
    TooLarge,
    is_expected,
    same_append,
)
from threadlog.testing.failures import ClauseBroken

Key = tuple[str, str]
"""Tenant and thread id."""


@dataclass(frozen=True)
class Violation:
    """An answer that a log which keeps its clauses cannot give."""

    clause: str
    message: str


@dataclass
class AppendDone:
    """One append as its client saw it."""

    append: Append
    invoked: float
    returned: float = math.inf
    """Infinite where the client never learned the outcome."""
    outcome: Outcome | None = None
    refused: bool = False
    """It ended with an error that says that nothing was written."""

    @property
    def may_have_stored(self) -> bool:
        """Whether its client has been told, or must reckon, that it is this call that stored the append."""
        return isinstance(self.outcome, Appended) or (self.outcome is None and not self.refused)


@dataclass
class ReadDone:
    """One page, read forward from the start of a thread or from a seq on."""

    key: Key
    after: int
    page: ThreadPage
    invoked: float
    returned: float


@dataclass
class History:
    """Records calls of many clients; give all clients the same one.

    Args:
        clock: a clock that all clients share and that never goes back.
    """

    clock: Callable[[], float] = time.monotonic
    appends: list[AppendDone] = field(default_factory=list)
    reads: list[ReadDone] = field(default_factory=list)
    seen: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    """What each subscriber of one thread got, in its order, from the thread's start."""

    async def append(self, log: EventLog, append: Append) -> Outcome:
        """Append through the record; an error is recorded, too, and passed on."""
        done = AppendDone(append, self.clock())
        self.appends.append(done)
        try:
            (done.outcome,) = await log.append(log.shard_of(append.tenant), [append])
        except (TooLarge, LogBusy, StorageFull):
            done.refused = True
            raise
        done.returned = self.clock()
        return done.outcome

    async def read_thread(self, log: EventLog, tenant: str, thread_id: str, *, after: int = 0) -> ThreadPage:
        """Read a page through the record."""
        invoked = self.clock()
        page = await log.read_thread(tenant, thread_id, after=after, limit=1_000)
        self.reads.append(ReadDone((tenant, thread_id), after, page, invoked, self.clock()))
        return page

    def see(self, subscriber: str, events: Sequence[Event]) -> None:
        """Record what a subscriber of a thread got."""
        self.seen[subscriber] += events

    def check(self, stored: Sequence[Event]) -> list[Violation]:
        """Compare the record with what is stored in the end.

        Args:
            stored: all events of all threads in the record, each thread's in the order in which it is read.
        """
        threads: dict[Key, list[Event]] = defaultdict(list)
        for event in stored:
            threads[event.tenant, event.thread_id].append(event)
        for done in self.appends:
            threads.setdefault((done.append.tenant, done.append.thread_id), [])
        found: list[Violation] = []
        for key, events in threads.items():
            appends = [done for done in self.appends if (done.append.tenant, done.append.thread_id) == key]
            reads = [done for done in self.reads if done.key == key]
            found += _Thread(events, appends, reads).violations()
        for name, seen in self.seen.items():
            found += _check_subscriber(name, seen, threads)
        return found

    def confirm(self, stored: Sequence[Event]) -> None:
        """Raise for the first violation.

        Raises:
            ClauseBroken: there is one.
        """
        for violation in self.check(stored):
            raise ClauseBroken(violation.clause, violation.message)


@dataclass(frozen=True)
class _Sight:
    """What one answer tells about the thread: its last seq before, and after, at some moment of the call."""

    what: str
    clause: str
    invoked: float
    returned: float
    before: float
    after: int


class _Thread:
    """The check of one thread."""

    def __init__(self, events: Sequence[Event], appends: Sequence[AppendDone], reads: Sequence[ReadDone]) -> None:
        self.events, self.appends, self.reads = events, appends, reads
        self.stored: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            self.stored[event.append_id].append(event)
        self.sent: dict[str, list[AppendDone]] = defaultdict(list)
        for done in appends:
            self.sent[done.append.append_id].append(done)
        self.deleted = [False]
        """Whether the thread was deleted, by last seq."""
        for event in events:
            changed = event.head is not None and isinstance(event.head.deleted, bool)
            self.deleted.append(bool(event.head.deleted) if changed and event.head is not None else self.deleted[-1])

    def violations(self) -> list[Violation]:
        numbering = list(self._check_numbers())
        if numbering:
            return numbering  # nothing else can be told of a thread whose seqs are not 1, 2, 3 …
        return [*self._check_appends(), *self._check_outcomes(), *self._check_reads(), *self._check_order()]

    def _check_numbers(self) -> Iterator[Violation]:
        for place, event in enumerate(self.events, 1):
            if event.seq != place:
                yield Violation("A3", f"seq {event.seq} stands at place {place} of thread {event.thread_id}")
                return

    def _check_appends(self) -> Iterator[Violation]:
        """What is stored is what was sent: wholly, once, in one piece, as expected, and not what was refused."""
        for append_id, events in self.stored.items():
            sent = self.sent[append_id]
            as_sent = any(same_append(done.append, events) for done in sent)
            if not as_sent and any(_is_twice(done.append, events) for done in sent):
                yield Violation("A6", f"append {append_id} is stored twice")
            elif events[-1].seq - events[0].seq + 1 != len(events):
                yield Violation("A2", f"the events of append {append_id} do not stand together")
            else:
                yield from self._check_writers(append_id, events, [d for d in sent if same_append(d.append, events)])

    def _check_writers(self, append_id: str, events: list[Event], sent: list[AppendDone]) -> Iterator[Violation]:
        """Some call that sent these very events can have stored them, where they stand."""
        writers = [done for done in sent if done.may_have_stored]
        if not sent:
            whole = any(len(done.append.events) == len(events) for done in self.sent[append_id])
            yield Violation("A8" if whole else "A2", f"append {append_id} is not stored as it was sent")
        elif not writers and any(done.refused for done in sent):
            yield Violation("A9", f"append {append_id} was refused and is stored")
        elif not writers and any(isinstance(done.outcome, Conflict) for done in sent):
            yield Violation("A5", f"append {append_id} was answered with a conflict and is stored")
        elif not any(self._was_due(done.append, events[0].seq) for done in writers or sent):
            expected = " or ".join(str(done.append.expected) for done in writers or sent)
            yield Violation("A4", f"append {append_id} expected {expected} and got seq {events[0].seq}")

    def _was_due(self, append: Append, seq: int) -> bool:
        """Whether the thread was as the append expected when its first event got this seq."""
        return is_expected(append.expected, seq - 1, self.deleted[seq - 1])

    def _check_outcomes(self) -> Iterator[Violation]:
        appended: set[str] = set()
        for done in self.appends:
            stored = self.stored.get(done.append.append_id, [])
            match done.outcome:
                case Appended(events):
                    yield from self._check_appended(done.append, events, stored)
                    if done.append.append_id in appended:
                        yield Violation("A6", f"append {done.append.append_id} was stored twice")
                    appended.add(done.append.append_id)
                case Duplicate(events):
                    yield from self._check_duplicate(done, events, stored)
                case IdReused(first):
                    if not stored or first != stored[0].seq or same_append(done.append, stored):
                        yield Violation("A6", f"the id {done.append.append_id} is said to be reused and is not")
                case Conflict(seq, deleted):
                    yield from self._check_conflict(done, seq, deleted, stored)

    def _check_appended(self, append: Append, events: Sequence[Event], stored: list[Event]) -> Iterator[Violation]:
        if list(events) != stored:
            yield Violation("A7", f"append {append.append_id} was acknowledged as {events} and is stored as {stored}")
        elif not same_append(append, stored):
            yield Violation("A6", f"append {append.append_id} was acknowledged with the events of another one")
        elif not self._was_due(append, events[0].seq):
            yield Violation("A4", f"append {append.append_id} expected {append.expected} and got seq {events[0].seq}")

    def _check_duplicate(self, done: AppendDone, events: Sequence[Event], stored: list[Event]) -> Iterator[Violation]:
        append = done.append
        if list(events) != stored or not same_append(append, stored):
            yield Violation("A6", f"a duplicate of {append.append_id} gives other events than stored")
        elif not any(one.may_have_stored and one.invoked <= done.returned for one in self.sent[append.append_id]):
            yield Violation(
                "A6", f"append {append.append_id} is said to be a duplicate, and no other call can be meant"
            )

    def _check_conflict(self, done: AppendDone, seq: int, deleted: bool, stored: list[Event]) -> Iterator[Violation]:
        append = done.append
        ends = {0, *(events[-1].seq for events in self.stored.values())}
        if seq not in ends or self.deleted[seq] != deleted:
            yield Violation("A5", f"a conflict tells of seq {seq} (deleted: {deleted}), where no append ended so")
        elif is_expected(append.expected, seq, deleted):
            told = f"append {append.append_id} expected {append.expected} and was refused at seq {seq}"
            yield Violation("A5" if self._may_be_refused_after(done, seq) else "A4", told)
        elif stored and stored[-1].seq <= seq:
            yield Violation(
                "A6",
                f"append {append.append_id} stood at seq {stored[0].seq}, and its retry is a conflict at seq {seq}",
            )

    def _may_be_refused_after(self, done: AppendDone, seq: int) -> bool:
        """Whether a call can have met the thread at a later seq, where it was right to refuse."""
        later = (events[-1].seq for events in self.stored.values() if events[-1].seq > seq)
        first_sent = self._first_sent()
        return any(first_sent[at] <= done.returned and not self._was_due(done.append, at + 1) for at in later)

    def _check_reads(self) -> Iterator[Violation]:
        for read in self.reads:
            events = list(read.page.events)
            if events != self.events[read.after : read.after + len(events)]:
                yield Violation("R1", f"a page after {read.after} holds other events than are stored there")
            if events[-1:] and events[-1].seq > read.page.last_seq:
                yield Violation(
                    "R1", f"a page holds seq {events[-1].seq} and says that {read.page.last_seq} is the last"
                )
            elif not events and read.after < read.page.last_seq:
                yield Violation(
                    "R1", f"a page after {read.after} is empty, though {read.page.last_seq} is the last seq"
                )
            if read.page.last_seq > len(self.events):
                yield Violation("A7", f"a read saw seq {read.page.last_seq}, and {len(self.events)} is the last stored")
            elif read.page.last_seq not in {0, *(stored[-1].seq for stored in self.stored.values())}:
                yield Violation("A2", f"a read ends at seq {read.page.last_seq}, inside an append")

    def _check_order(self) -> Iterator[Violation]:
        """Linearizability: what was seen never goes back, and nobody sees what was not yet sent."""
        sights = [sight for sight in self._sights() if sight.after <= len(self.events)]
        first_sent = self._first_sent()
        early = [sight for sight in sights if first_sent[sight.after] > sight.returned]
        for sight in early:
            what = f"{sight.what} saw seq {sight.after} before all that stands up to there was sent"
            yield Violation(sight.clause, what)
        yield from _check_monotone([sight for sight in sights if sight not in early])

    def _first_sent(self) -> list[float]:
        """By seq: when all appends up to the one that holds it had been sent; earlier, nobody can have seen it."""
        sent: dict[str, float] = {}
        for append_id, events in self.stored.items():
            calls = [done for done in self.sent[append_id] if same_append(done.append, events)]
            writers = [done for done in calls if done.may_have_stored] or calls
            sent[append_id] = min((done.invoked for done in writers), default=-math.inf)
        return [-math.inf, *accumulate((sent[event.append_id] for event in self.events), max)]

    def _sights(self) -> Iterator[_Sight]:
        for read in self.reads:
            seq = read.page.last_seq
            yield _Sight("a read", "R2", read.invoked, read.returned, seq, seq)
        for done in self.appends:
            match done.outcome:
                case Appended(events) if events:
                    first, last = events[0].seq, events[-1].seq
                    yield _Sight("an append", "A3", done.invoked, done.returned, first - 1, last)
                case Duplicate(events) if events:
                    yield _Sight("a duplicate", "A6", done.invoked, done.returned, math.inf, events[-1].seq)
                case IdReused(first):
                    yield _Sight("a reused id", "A6", done.invoked, done.returned, math.inf, first)
                case Conflict(seq):
                    yield _Sight("a conflict", "A5", done.invoked, done.returned, seq, seq)


def _check_monotone(sights: Sequence[_Sight]) -> Iterator[Violation]:
    """Nobody who asks after somebody was answered sees an earlier seq than that answer."""
    ended = sorted(sights, key=lambda sight: sight.returned)
    newest, place = 0, 0
    for sight in sorted(sights, key=lambda sight: sight.invoked):
        while place < len(ended) and ended[place].returned < sight.invoked:
            newest, place = max(newest, ended[place].after), place + 1
        if sight.before < newest:
            yield Violation(sight.clause, f"{sight.what} saw seq {sight.before} after somebody saw {newest}")


def _is_twice(append: Append, stored: Sequence[Event]) -> bool:
    size = len(append.events)
    return len(stored) > size and all(same_append(append, part) for part in (stored[:size], stored[size : 2 * size]))


def _check_subscriber(name: str, seen: Sequence[Event], threads: dict[Key, list[Event]]) -> Iterator[Violation]:
    """A subscriber has seen a prefix of the thread: every event once, in order, and no other."""
    if not seen:
        return
    stored = threads.get((seen[0].tenant, seen[0].thread_id), [])
    for place, event in enumerate(seen):
        if place >= len(stored) or stored[place] != event:
            wanted = f"seq {stored[place].seq} ({stored[place].id})" if place < len(stored) else "nothing"
            yield Violation("F2", f"{name} saw seq {event.seq} ({event.id}) where {wanted} is stored")
            return
