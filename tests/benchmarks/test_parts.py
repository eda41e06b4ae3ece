"""The benchmarks still run; how fast anything is, no test says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import required
from postgres.clusters import installations

HERE = Path(__file__).parent
PARTS = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_runs_alone_and_writes_its_numbers(part: str, tmp_path: Path) -> None:
    """Each part, in its smallest size, prints a table and writes a JSON file with a number for each thing measured."""
    if part.startswith("postgres"):
        found = "18" in installations() or "THREADLOG_POSTGRES_URL" in os.environ
        required("PostgreSQL 18", found=found, remedy="pip install 'threadlog[dev]'")
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, str(HERE), part, "--quick", "--json", str(numbers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert part in done.stdout
    rows = json.loads(numbers.read_text())["parts"][part]
    assert rows
    assert all(row["value"] > 0 for row in rows if "value" in row)


def test_an_unknown_part_is_named_with_those_there_are(tmp_path: Path) -> None:
    """Whoever mistypes a part is told which ones there are, and nothing is measured."""
    command = [sys.executable, str(HERE), "apend"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "no such part: apend" in done.stderr
    assert "append" in done.stderr
    assert not list(tmp_path.iterdir())
