"""Level crash: a writing process is killed, and what it was told must be there (A2, A3, A6, A7)."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence

from threadlog.log import (
    Append,
    Appended,
    Capability,
    Duplicate,
    Durability,
    EventLog,
    LogBusy,
    LogLocked,
    Outcome,
)
from threadlog.testing.blame import ACROSS
from threadlog.testing.child import TENANT
from threadlog.testing.children import Record
from threadlog.testing.clauses import clause
from threadlog.testing.derived import check_derived
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.journal import Journal
from threadlog.testing.lab import Lab
from threadlog.testing.samples import read_shard, send

KILLS = "THREADLOG_CRASHES"
"""Environment variable: how many processes are killed; 5 unless told."""


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
        chance, journal = random.Random(11), Journal("a SIGKILL")
        await (await lab.open()).close()
        for life in range(int(os.environ.get(KILLS, "5"))):
            async with lab.child("write", f"life{life}", threads=("a", "b")) as child:
                child.begin()
                await child.wait_for("answered", chance.randint(1, 12), lab.patience * 3)
                await asyncio.sleep(chance.uniform(0, 0.01))  # where the kill falls is left to chance
                _note(journal, await child.kill())
            await _check_life(lab, journal)


async def _check_life(lab: Lab, journal: Journal) -> None:
    log = await _open_again(lab)
    shard = log.shard_of(TENANT)
    stored = await read_shard(log, shard)
    journal.check(stored)
    await check_derived(log, stored, journal.mishap)
    for append in (*journal.acknowledged[-2:], *journal.unknown):
        await _settle(log, journal, append)
    journal.check(await read_shard(log, shard))
    await log.close()


def _note(journal: Journal, records: Sequence[Record]) -> None:
    """Take down what a killed process has told through its pipe."""
    for kind, told in records:
        if kind == "sent":
            for append in told:
                journal.send(append)
        else:
            for outcome in told:
                _acknowledge(journal, outcome)


def _acknowledge(journal: Journal, outcome: Outcome) -> None:
    if not isinstance(outcome, Appended):
        raise ClauseBroken("A4", f"an append that expected nothing was answered with {outcome}")
    journal.entries[outcome.events[0].append_id].acknowledged = outcome.events


async def _open_again(lab: Lab) -> EventLog:
    """Open the log after a kill, whose lock a service may give back a little later."""
    async with asyncio.timeout(lab.patience):
        while True:
            try:
                return await lab.try_open()
            except (LogLocked, LogBusy):
                await asyncio.sleep(0.05)


async def _settle(log: EventLog, journal: Journal, append: Append) -> None:
    """Send again what was or may have been stored."""
    entry = journal.entries[append.append_id]
    (outcome,) = await send(log, append)
    if not isinstance(outcome, Duplicate if entry.acknowledged else Appended | Duplicate):
        known = "acknowledged" if entry.acknowledged else "sent"
        raise ClauseBroken(
            "A6",
            f"append {append.append_id} was {known} before a SIGKILL, and its retry is answered with {outcome}. Likely "
            "append ids are kept apart from the events, and not found again after a crash.",
        )
    entry.acknowledged = entry.acknowledged or outcome.events
