"""The journal of a life: what was asked of a log and what it answered, and what must therefore be there afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from file.power.disk import Operation
from threadlog.log import Append, Event

Place: TypeAlias = tuple[int, int]
"""Shard and position."""

Key: TypeAlias = tuple[str, str, str]
"""Tenant, thread and append id."""


class Broken(AssertionError):
    """A log broke its promise."""


@dataclass(frozen=True)
class Attempt:
    """Something that the log was asked to store and may have stored: each append of it wholly or not at all."""

    payloads: Mapping[Key, Sequence[bytes]]
    together: bool = False
    """All its appends or none."""

    @classmethod
    def of_appends(cls, appends: Sequence[Append]) -> Attempt:
        """What one call of `EventLog.append` asks for."""
        return cls({key_of(append): [event.data for event in append.events] for append in appends})

    @classmethod
    def of_events(cls, events: Sequence[Event]) -> Attempt:
        """What one call of `EventLog.restore` asks for."""
        payloads: dict[Key, list[bytes]] = {}
        for event in events:
            payloads.setdefault(key_of(event), []).append(event.data)
        return cls(payloads, together=True)


def key_of(what: Append | Event) -> Key:
    """Which append it is, or belongs to."""
    return what.tenant, what.thread_id, what.append_id


@dataclass(frozen=True)
class Knowledge:
    """What is known about a log at some moment."""

    kept: Mapping[Place, Event] = field(default_factory=dict)
    """What was acknowledged or served: it must stay where it is."""
    attempts: tuple[Attempt, ...] = ()
    """What else may be there."""

    def with_events(self, events: Sequence[Event]) -> Knowledge:
        """These were acknowledged."""
        return replace(self, kept={**self.kept, **{(event.shard, event.position): event for event in events}})

    def check(self, shard: int, events: Sequence[Event]) -> None:
        """Check what a shard holds.

        Raises:
            Broken: something is lost, there in part, doubled, or was never asked for.
        """
        if [event.position for event in events] != list(range(1, len(events) + 1)):
            raise Broken(f"positions have gaps: {[event.position for event in events]}")
        held = {(shard, event.position): event for event in events}
        for place, event in self.kept.items():
            if place[0] == shard and held.get(place) != event:
                raise Broken(f"lost or changed: {event}, there is {held.get(place)}")
        self._check_seqs(events)
        self._check_rest([event for place, event in held.items() if place not in self.kept])

    def _check_seqs(self, events: Sequence[Event]) -> None:
        last: dict[tuple[str, str], int] = {}
        for event in events:
            thread = (event.tenant, event.thread_id)
            if event.seq != last.get(thread, 0) + 1:
                raise Broken(f"seq {event.seq} follows on {last.get(thread, 0)} in {thread}")
            last[thread] = event.seq

    def _check_rest(self, events: Sequence[Event]) -> None:
        """What was not acknowledged is there wholly or not at all."""
        found: dict[Key, list[bytes]] = {}
        for event in events:
            found.setdefault(key_of(event), []).append(event.data)
        for key, data in found.items():
            if not any(attempt.payloads.get(key) == data for attempt in self.attempts):
                raise Broken(f"there in part, or never asked for: {key}, {data}")
        for attempt in self.attempts:
            there = attempt.payloads.keys() & found.keys()
            if attempt.together and there and there != attempt.payloads.keys():
                raise Broken(f"{len(there)} of {len(attempt.payloads)} appends of one restore are there")


class Journal:
    """What happened in one life of a log, beside the file operations that it made.

    Args:
        trace: the operations, which grows.
        before: what was known when the life began.
    """

    def __init__(self, trace: list[Operation], before: Knowledge) -> None:
        self._trace = trace
        self._moments = [(0, before)]
        """How many operations had been made when this became known."""

    @property
    def now(self) -> Knowledge:
        """What is known by now."""
        return self._moments[-1][1]

    def at(self, operations: int) -> Knowledge:
        """What was known when so many operations had been made."""
        return next(known for made, known in reversed(self._moments) if made <= operations)

    def asked(self, attempt: Attempt) -> None:
        """The log is going to be asked for this."""
        self._note(replace(self.now, attempts=(*self.now.attempts, attempt)))

    def refused(self) -> None:
        """The log said of what it was asked last that nothing of it is stored."""
        self._note(replace(self.now, attempts=self.now.attempts[:-1]))

    def acknowledged(self, events: Sequence[Event]) -> None:
        """The log said that these are stored."""
        self._note(self.now.with_events(events))

    def served(self, events: Sequence[Event]) -> None:
        """This is all that the log held after it was opened, so it is all there is of earlier lives."""
        self._note(Knowledge().with_events(events))

    def _note(self, known: Knowledge) -> None:
        self._moments.append((len(self._trace), known))
