"""The guide for authors of plugins is true: its files, put into an empty folder, make a plugin that passes."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-plugin.md"
_FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder with the guide's files, and the metadata that installing them would leave."""
    for name, text in _FILE.findall(GUIDE.read_text()):
        (tmp_path / name).write_text(text)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    info = tmp_path / "threadlog_journal-0.1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    ((scheme, module),) = project["entry-points"]["threadlog.storage"].items()
    info.joinpath("entry_points.txt").write_text(f"[threadlog.storage]\n{scheme} = {module}\n")
    return tmp_path


@pytest.mark.timeout(300)
def test_the_guides_plugin_passes_the_kit(plugin: Path) -> None:
    """Nothing fails, every clause is checked, and the report says so."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "threadlog.testing.plugin",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
    ]
    run = subprocess.run(
        [*command, "--conformance-report=CONFORMANCE.md"],
        cwd=plugin,
        env={"PYTHONPATH": str(plugin), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr
    assert "TestJournalLog: keeps every clause that was checked\n" in run.stdout
    assert re.search(r"\| A6 \| [1-9]\d* \| 0 \| 0 \|", (plugin / "CONFORMANCE.md").read_text())
