"""The report by clause that a run ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

SUITE = """
import pytest
from conformance.broken.appends import CheckThenAct
from conformance.broken.base import backend_of
from threadlog.testing import EventLogConformance

class TestRacy(EventLogConformance):
    @pytest.fixture
    def backend(self):
        return backend_of(CheckThenAct)
"""


@pytest.mark.timeout(120)
def test_what_a_test_across_clauses_finds_counts_for_the_clause_that_is_broken(tmp_path: Path) -> None:
    """A recorded history that shows that `expected` is not kept is told as a failure of A4."""
    (tmp_path / "test_racy.py").write_text(SUITE)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "threadlog.testing.plugin", "-k", "history_of_many_clients", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TestRacy: fails tests of A4; not checked: " in run.stdout, run.stdout + run.stderr


BLOCKING = """
import time
import pytest
from conformance.broken.base import BrokenLog, backend_of
from threadlog.testing import EventLogConformance, plugin

plugin.SILENT_SECONDS = 0.5

class Blocking(BrokenLog):
    async def close(self):
        time.sleep(2)
        await super().close()

class TestBlocking(EventLogConformance):
    @pytest.fixture
    def backend(self):
        return backend_of(Blocking)
"""


@pytest.mark.timeout(120)
def test_where_a_log_blocks_the_event_loop_is_told_while_it_does(tmp_path: Path) -> None:
    """No timeout can end a call that never gives the loop back, so the run at least says where it stands."""
    (tmp_path / "test_blocking.py").write_text(BLOCKING)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "threadlog.testing.plugin",
            "-k",
            "test_a1_no_appends_have_no_outcomes",
            ".",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "still runs after 0.5 s" in run.stdout, run.stdout + run.stderr
    assert "time.sleep(2)" in run.stdout
