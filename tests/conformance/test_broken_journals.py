"""What goes wrong only when a process is killed, or between processes, is found by the levels that are about that."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.broken import journal
from conformance.broken.journal import Journal
from threadlog.log import Capability, Durability, OpenOptions
from threadlog.testing import Backend, ClauseBroken, judge

KILLED = [journal.AcknowledgesEarly, journal.WritesBehind, journal.WritesEventByEvent, journal.WritesTwice]
BESIDE_WRITERS = [journal.ExpectsOldSeqs, journal.StaleReads]
BESIDE_READERS = [journal.ReadersSkip, journal.FindsLate]
CRASH, WRITERS, READERS = "test_crash", "test_history_of_many_processes", "test_history_of_readers"


def backend_of(kind: type[Journal], folder: Path) -> Backend:
    """Logs of one class in files of a folder, for this process and for others."""

    async def make(place: str, options: OpenOptions) -> Journal:
        return kind(str(folder / place), options)

    return Backend(
        make=make,
        durability=Durability.PROCESS,
        capabilities=frozenset(Capability),
        patience=3,
        address=lambda place: f"{kind.__name__} {folder / place}",
        factory="conformance.broken.journal:make",
    )


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        *((kind, CRASH) for kind in KILLED),
        *((kind, WRITERS) for kind in BESIDE_WRITERS),
        *((kind, READERS) for kind in BESIDE_READERS),
    ],
    ids=lambda it: getattr(it, "__name__", ""),
)
def test_a_broken_log_breaks_its_clause(kind: type[Journal], test: str, tmp_path: Path) -> None:
    """The test of the level blames the clause that the log does not keep."""
    (verdict,) = judge(backend_of(kind, tmp_path), only=lambda name: name.startswith(test))
    assert isinstance(verdict.error, ClauseBroken), verdict.error
    assert verdict.clause == kind.clause, verdict.error


def test_a_sound_log_passes(tmp_path: Path) -> None:
    """The log from which they derive passes all three tests, and none is skipped."""
    verdicts = judge(backend_of(Journal, tmp_path), only=lambda name: name.startswith((CRASH, WRITERS, READERS)))
    assert len(verdicts) == 3
    assert [verdict for verdict in verdicts if verdict.error] == []


@pytest.mark.parametrize("kind", [Journal, journal.AcknowledgesEarly], ids=lambda kind: kind.__name__)
def test_what_only_a_kill_shows_is_missed_without_it(kind: type[Journal], tmp_path: Path) -> None:
    """An acknowledgement before the writing passes every test that reopens the log in an orderly way."""
    verdicts = judge(backend_of(kind, tmp_path), only=lambda name: name.startswith("test_a7"))
    assert [verdict for verdict in verdicts if verdict.error and not verdict.skipped] == []
    assert any(not verdict.skipped for verdict in verdicts)
