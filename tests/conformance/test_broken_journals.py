"""What goes wrong only when a process is killed, or between processes: exactly that clause fails, in the whole kit."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.broken import journal
from conformance.broken.journal import Journal, LoneJournal
from threadlog.log import Durability, OpenOptions
from threadlog.testing import Backend, judge

BROKEN = [kind for kind in vars(journal).values() if isinstance(kind, type) and getattr(kind, "clause", "")]
MACHINES = ("test_crash", "test_history_of_many_processes", "test_history_of_readers")
"""Tests that start processes."""


def backend_of(kind: type[Journal], folder: Path) -> Backend:
    """Logs of one class in files of a folder, for this process and for others."""

    async def make(place: str, options: OpenOptions) -> Journal:
        return kind(str(folder / place), options)

    return Backend(
        make=make,
        durability=Durability.PROCESS,
        capabilities=kind.capabilities,
        patience=1,
        examples=20,
        address=lambda place: f"{kind.__name__} {folder / place}",
        factory="conformance.broken.journal:make",
    )


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: f"{kind.clause}-{kind.__name__}")
def test_a_broken_log_fails_exactly_its_clause(kind: type[Journal], tmp_path: Path) -> None:
    """The tests of the clause fail, and no others."""
    failed = [verdict for verdict in judge(backend_of(kind, tmp_path)) if verdict.error and not verdict.skipped]
    told = "\n".join(f"{verdict.clause} {verdict.test}: {verdict.error!r}" for verdict in failed)
    assert {verdict.clause for verdict in failed} == {kind.clause}, told or "nothing fails"


@pytest.mark.parametrize("kind", [Journal, LoneJournal])
def test_a_sound_log_fails_nothing(kind: type[Journal], tmp_path: Path) -> None:
    """The logs from which they derive keep all clauses, and no test that starts processes is skipped for both."""
    verdicts = judge(backend_of(kind, tmp_path))
    assert [verdict for verdict in verdicts if verdict.error and not verdict.skipped] == []
    started = {verdict.test for verdict in verdicts if verdict.test.startswith(MACHINES) and not verdict.skipped}
    assert len(started) == (3 if kind is Journal else 1)
