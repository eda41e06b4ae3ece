"""Running the command as a user does: as a process of its own, or, where that adds nothing, within the test."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from cli_filling import fill
from commands import Done, Run, Start
from threadlog.cli.app import run as run_here


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the machine's user is found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADLOG", "XDG"))}
    return kept | {"HOME": str(tmp_path / "home"), "COLUMNS": "100", "TERM": "xterm-256color"}


@pytest.fixture
def here(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Run a command line within the test; checks the exit code."""
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("threadlog"), "handlers", [])

    def run(*arguments: str, code: int = 0) -> Done:
        capfd.readouterr()
        done = Done(run_here(arguments), *capfd.readouterr())
        assert done.code == code, done
        return done

    return run


@pytest.fixture
def threadlog(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run ``threadlog`` as a process, its output piped; checks the exit code."""

    def run(*arguments: str, code: int = 0, stdin: str = "", **variables: str) -> Done:
        process = subprocess.run(
            [sys.executable, "-m", "threadlog", *arguments],
            cwd=tmp_path,
            env=environment | variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
        )
        done = Done(process.returncode, process.stdout, process.stderr)
        assert done.code == code, done
        return done

    return run


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start ``threadlog`` and leave it running; what still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "threadlog", *arguments],
            cwd=tmp_path,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def log(tmp_path: Path) -> str:
    """URL of a log with the thread ``thr_one``: a title, a question, a tool call, hidden context, an answer."""
    url = f"file:{tmp_path}/log"
    anyio.run(fill, url)
    return url
