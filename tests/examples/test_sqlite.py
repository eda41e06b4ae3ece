"""The example plugin is a distribution of its own: installed beside the wheel of threadlog, it passes the kit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "threadlog-sqlite"


def run(*command: object, cwd: Path) -> str:
    """What a program prints, away from the checkout's packages; a failure shows all of it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-6000:]}"
    return done.stdout


def install(home: Path, *distributions: str) -> Path:
    """Make an environment with some distributions; returns the folder of its programs."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    programs = home / "venv" / "bin"
    if uv:
        run(uv, "venv", "--quiet", "--python", sys.executable, home / "venv", cwd=home)
        run(uv, "pip", "install", "--quiet", "--python", programs / "python", *distributions, cwd=home)
    else:
        venv.create(home / "venv", with_pip=True)
        run(programs / "python", "-m", "pip", "install", "--quiet", *distributions, cwd=home)
    return programs


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment that holds the built wheel and the example, and with the example's tests."""
    home = tmp_path_factory.mktemp("example")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", home)
    run(*build, ROOT, cwd=home)
    run(*build, EXAMPLE, cwd=home)
    (core,), (example,) = home.glob("threadlog-*.whl"), home.glob("threadlog_sqlite-*.whl")
    install(home, f"{core}[testing]", str(example))
    shutil.copytree(EXAMPLE / "tests", home / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    return home


@pytest.mark.timeout(240)
def test_the_example_passes_the_kit_beside_the_wheel(home: Path) -> None:
    """Nothing fails and nothing that the kit can check of it is left out."""
    told = run(
        *(home / "venv" / "bin" / "python", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
        *("-p", "threadlog.testing.plugin", "--conformance-report=CONFORMANCE.md", "tests"),
        cwd=home,
    )
    assert "TestSQLite: keeps every clause that was checked\n" in told
    assert re.search(r"\| A6 \| [1-9]\d* \| 0 \| 0 \|", (home / "CONFORMANCE.md").read_text())


def test_the_example_is_found_by_its_entry_point(home: Path) -> None:
    """`threadlog plugins` names the scheme and the distribution that serves it."""
    told = run(home / "venv" / "bin" / "threadlog", "plugins", cwd=home)
    assert re.search(r"sqlite\b.*threadlog-sqlite", told), told
