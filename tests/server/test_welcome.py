"""The page that `threadlog serve` prints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from threadlog_server.welcome import program, steps


def test_lines_name_the_program_where_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed on the PATH, it is called by its name."""
    (tmp_path / "threadlog").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == "threadlog"


def test_lines_name_the_place_of_a_program_that_the_shell_does_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started out of a virtual environment that is not active, it is called by its path, from any folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [".venv/bin/threadlog", "serve"])
    (_, line) = steps("http://127.0.0.1:1", "memory:")[-1]
    assert line.startswith(f"{tmp_path}/.venv/bin/threadlog replay ")


def test_lines_name_the_interpreter_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started as a module, it is called as one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["/somewhere/threadlog/__main__.py", "serve"])
    assert program() == f"{sys.executable} -m threadlog"
