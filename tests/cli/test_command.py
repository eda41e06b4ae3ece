"""The command as a whole: help, exit codes, errors, commands of other packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from commands import Run, Start
from threadlog.cli.errors import ExitCode, exit_code

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "cli.md"
COMMANDS = [
    "db", "serve", "import", "export", "threads", "show", "tail", "replay", "verify", "repair", "backup", "copy",
    "plugins", "version",
]  # fmt: skip


def test_help_lists_every_command(here: Run) -> None:
    """Help names all commands and is plain in a pipe."""
    text = here("--help").out
    listed = [line.split()[0] for line in text.split("Commands:")[1].splitlines() if line.strip()]
    assert listed == COMMANDS
    assert "\x1b" not in text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(here: Run, name: str) -> None:
    """Each command explains itself, and the reference has a section on it."""
    assert "Usage: threadlog " + name in here(name, "--help").out
    assert f"## {name}\n" in REFERENCE.read_text()


def test_no_command_at_all_shows_help(here: Run) -> None:
    """Without arguments the help is printed, and it counts as wrong use."""
    assert "Commands:" in here(code=2).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shwo"], ["'shwo'", "'show'", "--help"]),
        (["threads", "--limit", "0"], ["--limit", "--help"]),
        (["show"], ["THREAD", "--help"]),
        (["threads", "--nope"], ["--nope"]),
        (["threads", "server.prot=1"], ["server.prot", "server.port"]),
        (["threads", "--settings", "none.yaml"], ["none.yaml"]),
        (["threads", "--log", "nope:x"], ["nope:", "file:", "memory:"]),
        (["threads", "--log", "nothing"], ["scheme"]),
        (["threads", "--log", "${"], ["scheme"]),
        (["threads", "log.url=${"], ["log.url"]),
        (["threads", "nonsense"], ["'nonsense'", "key=value"]),
        (["threads", "--tenant", ""], ["principal.tenant"]),
        (["threads", "--tenant", "a\nb"], ["tenant", "control character"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_is_one_sentence_and_exit_code_2(here: Run, arguments: list[str], words: list[str]) -> None:
    """What the command line has wrong is told in one line on stderr with the remedy, and nothing goes to stdout."""
    done = here(*arguments, code=2)
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    for word in words:
        assert word in done.err


def test_debug_shows_the_traceback(threadlog: Run) -> None:
    """With --debug, wherever it stands, the traceback precedes the sentence."""
    for arguments in (["--debug", "threads", "--log", "nope:"], ["threads", "--log", "nope:", "--debug"]):
        lines = threadlog(*arguments, code=2).err.splitlines()
        assert lines[0].startswith("Traceback")
        assert lines[-1].startswith("error: ")


def test_plugins_are_listed_without_importing_them(here: Run) -> None:
    """What is installed is listed from its metadata alone, for people and for programs."""
    found = json.loads(here("plugins", "--json").out)["plugins"]
    assert {"kind": "storage", "name": "memory:"}.items() <= found[1].items()
    assert here("plugins").out.splitlines()[0].split("\t")[:2] == ["storage", "file:"]
    script = (
        "import sys; from threadlog.cli.app import run; run(['plugins']);"
        "sys.exit(any(name in sys.modules for name in ('threadlog_file', 'threadlog_server', 'fastapi')))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_version(here: Run) -> None:
    """The version is that of the installed distribution."""
    version = metadata.version("threadlog")
    assert here("version").out.startswith(f"threadlog {version} ")
    assert json.loads(here("version", "--json").out)["threadlog"] == version
    assert here("--version") == here("version")


def test_missing_extra_is_named(threadlog: Run, tmp_path: Path) -> None:
    """Where the server's dependencies are missing, `serve` still is in the help and says which extra it needs."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['fastapi'] = None\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert "serve" in threadlog("--help", PYTHONPATH=path).out
    done = threadlog("serve", code=6, PYTHONPATH=path)
    assert "pip install 'threadlog[server]'" in done.err
    assert len(done.err.splitlines()) == 1


def test_closed_pipe_ends_quietly(start: Start) -> None:
    """A reader who has seen enough is no error: no words, and the exit code of a broken pipe."""
    process = start("version")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) == ExitCode.BROKEN_PIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_full_output_is_told(environment: dict[str, str]) -> None:
    """Output that cannot be written fails the command."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "threadlog", "version"],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == "error: No space left on device.\n"


def test_faults_of_our_own_say_so() -> None:
    """An error that nobody foresaw has an exit code of its own."""
    assert exit_code(KeyError("x")) is ExitCode.FAULT


def test_the_reference_lists_every_exit_code() -> None:
    """Each exit code stands in the reference with its meaning."""
    rows = {line.split("|")[1].strip() for line in REFERENCE.read_text().splitlines() if line.startswith("| ")}
    assert {str(code.value) for code in ExitCode} <= rows
