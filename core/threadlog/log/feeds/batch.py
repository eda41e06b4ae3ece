"""Events on their way to subscribers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from msgspec import Struct

from threadlog.log.envelope import Event


class Batch:
    """Some events that follow one another; at least one.

    All subscribers that are equally far get the same object, so that what is made of it once can be kept for all.
    """

    __slots__ = ("events", "memo")

    events: tuple[Event, ...]
    memo: dict[Hashable, Any]
    """A place for what subscribers make of the events, such as an encoding, under a key of their own."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = tuple(events)
        self.memo = {}

    def __repr__(self) -> str:
        return f"Batch({len(self.events)} events)"


class Stretch(Struct, frozen=True, eq=False, weakref=True):
    """All that a view has after the number `after`, up to and including the number `upto`.

    Numbers are seqs in the view of a thread and positions in the others.
    """

    after: int
    upto: int
    batch: Batch
    """Empty where a view has nothing in this stretch."""
