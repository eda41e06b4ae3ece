"""Running the real command as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the machine's user is found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLOG", "XDG"))}
    return kept | {"HOME": str(tmp_path / "home"), "COLUMNS": "100", "TERM": "xterm-256color"}


@pytest.fixture
def threadlog(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run ``threadlog`` with some arguments to its end, its output piped."""

    def run(
        *arguments: str, check: int | None = 0, text: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "threadlog", *arguments],
            cwd=tmp_path,
            env=environment | variables,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check is not None:
            assert done.returncode == check, f"exit code {done.returncode}: {done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``threadlog`` and leave it running; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "threadlog", *arguments],
            cwd=tmp_path,
            env=environment | {"PYTHONUNBUFFERED": "1"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()
