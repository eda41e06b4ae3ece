"""One run of the workload of the level *faults*: what a log was asked while its storage failed, and the reckoning."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Diverged,
    Duplicate,
    Event,
    EventLog,
    HeadChange,
    LogBusy,
    LogClosed,
    LogCorrupt,
    LogError,
    LogStopped,
    Outcome,
    OutcomeUnknown,
    Snapshot,
)
from threadlog.log.ids import uuid7s
from threadlog.testing.derived import check_derived
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.faults import Faults, NthCall
from threadlog.testing.journal import Entry, Journal
from threadlog.testing.lab import Lab
from threadlog.testing.samples import make, read_heads, read_shard, read_thread

T = TypeVar("T")

SHARD = 0
WRITE_ERRORS = (LogStopped, LogBusy, OutcomeUnknown, LogCorrupt)
"""What an append may end with when storage fails."""


class Trial:
    """A log that is opened, used, closed and opened again while one call of its I/O fails; then looked at.

    Args:
        place: where the log is made; empty so far.
        call: the call that fails.
    """

    def __init__(self, lab: Lab, faults: Faults, place: str, call: NthCall) -> None:
        self._lab, self._faults, self._place, self._call = lab, faults, place, call
        self._journal = Journal(f"the fault at {call.number}")
        self._served: dict[int, Event] = {}
        self._snapshots: list[Snapshot] = []
        self._steps: list[str] = []
        self._struck = False

    async def run(self) -> None:
        """Work while the call fails, then see what there is.

        Raises:
            ClauseBroken: a clause is; a note tells the steps.
        """
        try:
            with self._faults.seam(self._call):
                await self._live(self._work)
                await self._live(self._work_again)
            self._step("the fault is over")
            self._journal.mishap = f"{self._call}"
            await self._reckon()
        except ClauseBroken as error:
            error.add_note("\n    ".join((f"What was done, while {self._call}:", *self._steps)))
            raise

    # The workload

    async def _live(self, work: Callable[[EventLog], Awaitable[None]]) -> None:
        log = await self._opened()
        if log is None:
            return
        try:
            await work(log)
        finally:
            await self._closed(log)

    async def _work(self, log: EventLog) -> None:
        first = make(1, 2, thread="t", append_id="a", head=HeadChange(owner="alice", title="one"))
        await self._append(log, first, make(3, thread="u", append_id="b"), _of_other("c"))
        await self._read(log)
        await self._append(log, first)
        await self._try("list heads", read_heads(log, "tenant"))
        wrong = make(9, thread="t", append_id="conflict", expected=10**6)
        renamed = make(4, thread="t", append_id="d", head=HeadChange(title="two"))
        await self._append(log, renamed, wrong, make(5, 6, thread="u", append_id="e"))
        await asyncio.gather(self._append(log, make(7, thread="v", append_id="f")), self._append(log, _of_other("g")))
        await self._snapshot(log)
        await self._read(log)
        await self._restore(log)
        await self._try("wait", log.wait(SHARD, after=0, timeout=0))

    async def _work_again(self, log: EventLog) -> None:
        await self._read(log)
        await self._append(log, make(8, 9, thread="t", append_id="h"), _of_other("i"))
        await self._read(log)

    async def _append(self, log: EventLog, *appends: Append) -> None:
        """Append, and once more where that failed, as a client does who wants to know."""
        for what in ("append", "append again"):
            entries = [self._send(append) for append in appends]
            name = f"{what} {', '.join(append.append_id for append in appends)}"
            outcomes = await self._try(name, log.append(SHARD, appends), WRITE_ERRORS)
            if not isinstance(outcomes, LogError):
                self._note(appends, outcomes)
                return
            for entry in entries:
                entry.end(outcomes)

    def _send(self, append: Append) -> Entry:
        entry = self._journal.send(append)
        if append.append_id == "conflict":
            entry.denied, entry.conflicts = "a conflict", True
        return entry

    def _note(self, appends: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        for append, outcome in zip(appends, outcomes, strict=True):
            entry = self._journal.entries[append.append_id]
            if append.append_id == "conflict":
                if not isinstance(outcome, Conflict):
                    raise ClauseBroken("A4", f"append conflict expected seq {append.expected} and is {outcome}")
                continue
            if not isinstance(outcome, Appended | Duplicate):
                raise ClauseBroken("A4", f"append {append.append_id}, which expects nothing, is answered {outcome}")
            if not entry.acknowledged:
                entry.promise = "X1" if self._call.struck else "A7"
                entry.acknowledged = outcome.events
            self._serve(outcome.events)

    async def _read(self, log: EventLog) -> None:
        """Read, and remember it: who saw it must find it later."""
        calls = {"shard": partial(read_shard, log, SHARD), "thread t": partial(read_thread, log, "t", "tenant")}
        for what, call in calls.items():
            events = await self._try(f"read {what}", call())
            if not isinstance(events, LogError):
                self._serve(events)

    def _serve(self, events: Sequence[Event]) -> None:
        for event in events:
            before = self._served.setdefault(event.position, event)
            if before != event:
                told = f"at position {event.position} was {before}, and now {event} is served there"
                raise ClauseBroken(self._journal.promise_of(before), told)

    async def _snapshot(self, log: EventLog) -> None:
        check = next((event.check for event in self._served.values()), "0123abcd")
        snapshot = Snapshot(
            tenant="tenant", thread_id="t", projection="items", version=1, seq=1, check=check, state=b'{"seq":1}'
        )
        self._snapshots.append(snapshot)
        await self._try("save snapshot", log.save_snapshot(snapshot))
        await self._check_snapshot(log)

    async def _restore(self, log: EventLog) -> None:
        """Restore two events that follow on what there is, as the next part of a copy."""
        page = await self._try("read the end", log.read_shard(SHARD, after=2**62))
        if isinstance(page, LogError) or "restored" in self._journal.entries:
            return
        append = make(20, 21, thread="restored", append_id="restored")
        entry = self._journal.send(append)
        entry.whole = "C1"
        events = _numbered(append, page.last_position)
        last = await self._try("restore", log.restore(SHARD, events), (*WRITE_ERRORS, Diverged))
        if isinstance(last, LogError):
            entry.end(last)
        else:
            entry.acknowledged, entry.promise = events, "X1" if self._call.struck else "A7"
            self._serve(events)

    async def _try(
        self, what: str, call: Awaitable[T], expected: tuple[type[LogError], ...] = (LogError,)
    ) -> T | LogError:
        """Give what a call returns, or the error with which it may end.

        Raises:
            ClauseBroken: it ends otherwise, or not at all.
        """
        try:
            async with asyncio.timeout(self._lab.patience):
                result = await call
        except ClauseBroken:
            raise
        except expected as error:
            self._step(f"{what}: {error!r}")
            if isinstance(error, LogClosed):
                raise ClauseBroken("X1", f"{what} ended with {error!r}, and the log is open") from error
            return error
        except TimeoutError as error:
            raise ClauseBroken(
                "X1", f"{what} hangs after {self._call}: no end within {self._lab.patience:g} s"
            ) from error
        except Exception as error:
            names = ", ".join(kind.__name__ for kind in expected)
            raise ClauseBroken(
                "X1",
                f"{what} ended with {error!r} after {self._call}; it may end with {names}. Likely an error of the "
                "system or the driver is not translated in this place.",
            ) from error
        self._step(f"{what}: done")
        return result

    async def _opened(self) -> EventLog | None:
        """The log, open at the second attempt at the latest; None where that fails, too."""
        for _ in range(2):
            log = await self._lab.make(self._place, shards=SHARD + 1)
            error = await self._try("open", log.open())
            if not isinstance(error, LogError):
                return log
            _check_is_closed(log, "an opening that failed")
        return None

    async def _closed(self, log: EventLog) -> None:
        await self._try("close", log.close())
        _check_is_closed(log, "closing")

    def _step(self, told: str) -> None:
        struck, self._struck = self._struck, self._call.struck is not None
        self._steps.append(told if struck == self._struck else f"{told}   <- the call that failed is in here")

    # The reckoning, without faults

    async def _reckon(self) -> None:
        log = await self._opened()
        if log is None:
            raise ClauseBroken("X1", f"after {self._call}, the log cannot be opened again: {self._steps[-1]}")
        try:
            kept = await self._check_stored(log)
            await self._retry(log, {event.append_id for event in kept})
            await self._check_stored(log)
            await self._check_snapshot(log)
        finally:
            await self._closed(log)

    async def _check_stored(self, log: EventLog) -> list[Event]:
        stored = await self._sure("read shard", read_shard(log, SHARD))
        self._journal.check(stored)
        there = {event.position: event for event in stored}
        for position, event in self._served.items():
            if there.get(position) != event:
                raise ClauseBroken(
                    "X1",
                    f"a reader saw {event}, and after {self._call} {there.get(position, 'nothing')} stands there. "
                    "Likely events are served before storage has them for sure.",
                )
        await self._sure("read threads and heads", check_derived(log, stored, f"{self._call}"))
        return stored

    async def _check_snapshot(self, log: EventLog) -> None:
        found = await self._try("load snapshot", log.load_snapshot("tenant", "t", "items", 1))
        if isinstance(found, Snapshot) and found not in self._snapshots:
            raise ClauseBroken("S1", f"after {self._call}, the snapshot {found} is loaded, and nobody saved that one")

    async def _retry(self, log: EventLog, kept: set[str]) -> None:
        """Send everything again: what is stored is a duplicate, and what is not is stored now."""
        appends = [*self._journal.acknowledged, *self._journal.unknown]
        if not appends:
            return
        outcomes = await self._sure("retry of all", log.append(SHARD, appends))
        for append, outcome in zip(appends, outcomes, strict=True):
            wanted = Duplicate if append.append_id in kept else Appended
            if not isinstance(outcome, wanted):
                raise ClauseBroken(
                    "A6",
                    f"the retry of {append.append_id} after {self._call} is answered with {outcome}, where "
                    f"{wanted.__name__} was due, since it is {'' if wanted is Duplicate else 'not '}stored. Likely "
                    "the append ids are kept apart from the events and were lost, or stored without them.",
                )
            entry = self._journal.entries[append.append_id]
            entry.acknowledged, entry.promise = outcome.events, "A6"

    async def _sure(self, what: str, call: Awaitable[T]) -> T:
        """What a call returns that must succeed, now that storage does not fail any more."""
        result = await self._try(what, call)
        if isinstance(result, LogError):
            raise ClauseBroken("X1", f"after {self._call} and reopening, {what} ends with {result!r}")
        return result


def _of_other(append_id: str) -> Append:
    return make(10, 11, 12, thread="t", tenant="other", append_id=append_id)


def _numbered(append: Append, last_position: int) -> tuple[Event, ...]:
    """The events of an append to a new thread, as another log would have numbered them."""
    names = uuid7s(1, len(append.events))
    return tuple(
        Event(
            tenant=append.tenant,
            thread_id=append.thread_id,
            seq=at,
            shard=SHARD,
            position=last_position + at,
            id=name,
            append_id=append.append_id,
            type=new.type,
            version=new.version,
            time_us=1,
            data=new.data,
        )
        for at, (new, name) in enumerate(zip(append.events, names, strict=True), 1)
    )


def _check_is_closed(log: EventLog, after: str) -> None:
    try:
        _ = log.info
    except LogClosed:
        return
    raise ClauseBroken("L1", f"after {after}, the log still gives its `info`, as if it were open")
