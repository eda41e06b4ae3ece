"""What a log was given and what it acknowledged, to be compared with what it holds after it went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from threadlog.log import Append, Conflict, Diverged, Event, LogBusy, LogError, StorageFull, same_append
from threadlog.testing.failures import ClauseBroken

NOTHING_WRITTEN = (Conflict, Diverged, LogBusy, StorageFull)
"""Answers that say so."""


@dataclass
class Entry:
    """One append, and what is known about it."""

    append: Append
    acknowledged: tuple[Event, ...] = ()
    """Empty where its outcome was never learned."""
    promise: str = "A7"
    """The clause that is broken when it was acknowledged and is lost."""
    whole: str = "A2"
    """The clause that is broken when it is stored in part."""
    denied: str = ""
    """What says that it is not written, if anything does."""
    conflicts: bool = False
    """It expects what is never so."""
    unsure: bool = False
    """It was sent and may be stored, whatever was said of it later."""

    def end(self, told: Conflict | Diverged | LogError) -> None:
        """Note how a call that carried it ended otherwise than by storing it."""
        self.unsure = self.unsure or not isinstance(told, NOTHING_WRITTEN)
        self.denied = f"{told!r}" if self.conflicts or not self.unsure else ""


@dataclass
class Journal:
    """All appends of a test, by append id.

    Args:
        mishap: what happened to the log, for people: ``"a SIGKILL"``.
    """

    mishap: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def send(self, append: Append) -> Entry:
        """Note that an append is sent, perhaps again."""
        return self.entries.setdefault(append.append_id, Entry(append))

    @property
    def unknown(self) -> list[Append]:
        """Appends whose outcome is not known."""
        return [entry.append for entry in self.entries.values() if not entry.acknowledged and not entry.denied]

    @property
    def acknowledged(self) -> list[Append]:
        """Appends that are stored, as far as one was told."""
        return [entry.append for entry in self.entries.values() if entry.acknowledged]

    def promise_of(self, event: Event) -> str:
        """The clause that is broken when an event is gone that somebody saw."""
        entry = self.entries.get(event.append_id)
        return entry.promise if entry is not None and entry.acknowledged else "X1"

    def check(self, stored: Sequence[Event]) -> None:
        """Compare with what is stored in a shard, in position order.

        Raises:
            ClauseBroken: something acknowledged is lost, something is there in part, twice or though it was refused,
                or numbers have gaps.
        """
        appends: dict[str, list[Event]] = {}
        for event in stored:
            appends.setdefault(event.append_id, []).append(event)
        for name, entry in self.entries.items():
            self._check_kept(name, entry, appends.get(name, []))
        for name, found in appends.items():
            self._check_whole(name, found)
        _check_dense(stored, self.mishap)

    def _check_kept(self, name: str, entry: Entry, found: list[Event]) -> None:
        if entry.acknowledged and not found:
            raise ClauseBroken(
                entry.promise,
                f"append {name} was acknowledged as {_numbers(entry.acknowledged)}, and is lost after {self.mishap}. "
                "Likely the acknowledgement does not wait until storage has it, or recovery drops what is whole.",
            )
        if entry.denied and not entry.acknowledged and found:
            raise ClauseBroken(
                "A5" if entry.conflicts else "X1",
                f"append {name} ended with {entry.denied}, which says that nothing was written, and after {self.mishap}"
                f" it is stored as {_numbers(found)}. Likely that was told after the call had been sent to storage, "
                "where only `OutcomeUnknown` is true.",
            )

    def _check_whole(self, name: str, found: list[Event]) -> None:
        if name not in self.entries:
            raise ClauseBroken("A2", f"append {name} is stored after {self.mishap}, and nobody sent it")
        entry = self.entries[name]
        wanted, got = len(entry.append.events), len(found)
        if got > wanted:
            raise ClauseBroken(
                "A6",
                f"append {name} has {wanted} events, and after {self.mishap} and a retry {got} are stored: "
                f"{_numbers(found)}. Likely its id is not stored together with its events, or not looked up.",
            )
        if not same_append(entry.append, found):
            raise ClauseBroken(
                entry.whole,
                f"append {name} has {wanted} events, and {got} are stored after {self.mishap}: {_numbers(found)}. "
                "Likely the events of one append are not written in one transaction, or a torn end is not cut off.",
            )
        if entry.acknowledged and tuple(found) != entry.acknowledged:
            raise ClauseBroken(
                entry.promise,
                f"append {name} was acknowledged as {entry.acknowledged} and is stored after {self.mishap} as {found}",
            )


def _check_dense(stored: Sequence[Event], mishap: str) -> None:
    seqs: dict[tuple[str, str], int] = {}
    for position, event in enumerate(stored, 1):
        key = event.tenant, event.thread_id
        seqs[key] = seqs.get(key, 0) + 1
        if event.seq != seqs[key]:
            told = f"seq {event.seq} of thread {event.thread_id} stands where {seqs[key]} follows"
            raise ClauseBroken("A3", f"after {mishap}, {told}: {_numbers(stored)}")
        if event.position != position:
            told = f"position {event.position} stands where {position} follows"
            raise ClauseBroken("F1", f"after {mishap}, {told}: {_numbers(stored)}")


def _numbers(events: Sequence[Event]) -> str:
    """Where events stand, for people."""
    return ", ".join(f"{event.tenant}/{event.thread_id}@{event.seq} at {event.position}" for event in events)
