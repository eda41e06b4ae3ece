"""Level crash: a writing process is killed, and what it was told must be there (A2, A3, A6, A7)."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from threadlog.log import (
    Append,
    Appended,
    Capability,
    Duplicate,
    Durability,
    Event,
    EventLog,
    LogBusy,
    LogLocked,
    Outcome,
    same_append,
)
from threadlog.testing.child import TENANT
from threadlog.testing.children import Child, Record
from threadlog.testing.clauses import ACROSS, ClauseBroken, clause
from threadlog.testing.lab import Lab
from threadlog.testing.samples import read_shard, send

KILLS = "THREADLOG_CRASHES"
"""Environment variable: how many processes are killed; 5 unless told."""


@dataclass
class Journal:
    """What was sent and what was acknowledged, as the killed processes told through their pipes."""

    sent: dict[str, Append] = field(default_factory=dict)
    acknowledged: dict[str, tuple[Event, ...]] = field(default_factory=dict)

    def note(self, records: Sequence[Record]) -> None:
        """Take down what one process has told."""
        for kind, told in records:
            if kind == "sent":
                self.sent |= {append.append_id: append for append in told}
            else:
                self._acknowledge(told)

    def _acknowledge(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if not isinstance(outcome, Appended):
                raise ClauseBroken("A4", f"an append that expected nothing was answered with {outcome}")
            self.acknowledged[outcome.events[0].append_id] = outcome.events

    @property
    def unknown(self) -> list[Append]:
        """Appends whose answer never came."""
        return [append for name, append in self.sent.items() if name not in self.acknowledged]

    def check(self, stored: Sequence[Event]) -> None:
        """Compare what is stored with what was told.

        Raises:
            ClauseBroken: something acknowledged is lost, something is there in part or twice, or numbers have gaps.
        """
        appends: dict[str, list[Event]] = {}
        for event in stored:
            appends.setdefault(event.append_id, []).append(event)
        for name, events in self.acknowledged.items():
            if name not in appends:
                raise ClauseBroken("A7", f"append {name} was acknowledged as {events}, and is lost after a SIGKILL")
        for name, found in appends.items():
            self._check_whole(name, found)
        _check_dense(stored)

    def _check_whole(self, name: str, found: list[Event]) -> None:
        if name not in self.sent:
            raise ClauseBroken("A2", f"append {name} is stored, and nobody sent it")
        wanted = self.sent[name]
        if len(found) > len(wanted.events):
            raise ClauseBroken("A6", f"append {name} is stored more than once after a SIGKILL and a retry: {found}")
        if not same_append(wanted, found):
            raise ClauseBroken("A2", f"append {name} is stored in part after a SIGKILL: {found}")
        if name in self.acknowledged and tuple(found) != self.acknowledged[name]:
            raise ClauseBroken("A7", f"{name} was acknowledged as {self.acknowledged[name]} and is stored as {found}")


class CrashTests:
    """A process that is killed amid its writing; needs a way to open the log in another process."""

    @clause(ACROSS)
    async def test_crash_kills_lose_nothing_that_was_acknowledged(self, lab: Lab) -> None:
        """However often a writer is killed, what it acknowledged is there once and wholly, and retries settle the rest.

        Set THREADLOG_CRASHES for more kills than 5.
        """
        lab.need(Capability.PERSISTENT)
        lab.need_durability(Durability.PROCESS)
        lab.need_children()
        chance, journal = random.Random(11), Journal()
        await (await lab.open()).close()
        for life in range(int(os.environ.get(KILLS, "5"))):
            async with Child(lab.job("write", f"life{life}", threads=("a", "b"))) as child:
                child.start()
                await child.wait_for("answered", chance.randint(1, 12), lab.patience * 3)
                await asyncio.sleep(chance.uniform(0, 0.01))  # where the kill falls is left to chance
                journal.note(await child.kill())
            await _check_life(lab, journal)


async def _check_life(lab: Lab, journal: Journal) -> None:
    log = await _open_again(lab)
    shard = log.shard_of(TENANT)
    journal.check(await read_shard(log, shard))
    for append in journal.unknown:
        await _settle(log, journal, append)
    journal.check(await read_shard(log, shard))
    await log.close()


async def _open_again(lab: Lab) -> EventLog:
    """Open the log after a kill, whose lock a service may give back a little later."""
    async with asyncio.timeout(lab.patience):
        while True:
            try:
                return await lab.open()
            except (LogLocked, LogBusy):
                await asyncio.sleep(0.05)


async def _settle(log: EventLog, journal: Journal, append: Append) -> None:
    (outcome,) = await send(log, append)
    if not isinstance(outcome, Appended | Duplicate):
        raise ClauseBroken("A6", f"the retry of {append.append_id} after a SIGKILL was answered with {outcome}")
    journal.acknowledged[append.append_id] = outcome.events


def _check_dense(stored: Sequence[Event]) -> None:
    seqs: dict[tuple[str, str], int] = {}
    for position, event in enumerate(stored, 1):
        key = event.tenant, event.thread_id
        seqs[key] = seqs.get(key, 0) + 1
        if event.seq != seqs[key]:
            raise ClauseBroken("A3", f"seq {event.seq} of thread {event.thread_id} stands where {seqs[key]} follows")
        if event.position != position:
            raise ClauseBroken("F1", f"position {event.position} stands where {position} follows")
