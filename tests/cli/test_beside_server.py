"""Working while a server holds the log's one writer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from commands import Run, Start


class Server:
    """A running `threadlog serve`."""

    def __init__(self, process: subprocess.Popen[str], log: str) -> None:
        self.process = process
        self.log = log
        self.url = self._url()

    def _url(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip().startswith("at "):
                return line.split()[1]
        pytest.fail("the server did not start")


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Iterator[Server]:
    """A server on a log of its own, on a free port."""
    pytest.importorskip("fastapi")
    log = f"file:{tmp_path}/served"
    served = Server(start("serve", "--log", log, "--port", "0"), log)
    yield served
    served.process.terminate()


@pytest.fixture
def runs(tmp_path: Path) -> str:
    """A file of two runs."""
    path = tmp_path / "runs.jsonl"
    lines = [{"id": name, "messages": [{"role": "user", "content": "Hi"}]} for name in ("a", "b")]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_import_goes_through_the_server(here: Run, server: Server, runs: str) -> None:
    """The server that holds the log is found and takes the runs, again without change, and refuses what is none."""
    done = here("import", runs, "--log", server.log)
    assert done.out == "2 imported\n"
    assert server.url in done.err
    assert here("import", runs, "--log", server.log).out == "2 unchanged\n"
    threads = httpx.get(f"{server.url}/v1/threads").json()["data"]
    assert sorted(thread["title"] for thread in threads) == ["a", "b"]


def test_what_is_no_run_is_named_through_the_server_too(here: Run, server: Server, tmp_path: Path) -> None:
    """A line that is no run is told with its place, as without a server; odd texts go through whole."""
    file = tmp_path / "odd"
    file.write_text('{"messages": 3}\n{"id": "odd \\ud83d", "messages": [{"role": "user", "content": "\\ud83d"}]}\n')
    done = here("import", str(file), "--log", server.log, code=1)
    assert done.out == "1 invalid, 1 imported\n"
    assert f"{file}:1: invalid: " in done.err
    assert json.loads(here("export", "--log", server.log).out)["messages"][0]["content"] == "\ud83d"


def test_reading_goes_on_beside_the_server(here: Run, server: Server, runs: str, tmp_path: Path) -> None:
    """Listing, showing, exporting, verifying and backing up work while the server writes."""
    here("import", runs, "--log", server.log)
    thread = json.loads(here("threads", "--log", server.log, "--json").out)["data"][0]["id"]
    for command in (f"show {thread}", f"replay {thread} --speed 1000", "export", "verify", f"backup {tmp_path}/copy"):
        here(*command.split(), "--log", server.log)


def test_tail_reads_along_beside_the_server(start: Start, server: Server) -> None:
    """What the server's agent says is followed live from another process, to the end of the run."""
    thread = httpx.post(f"{server.url}/v1/threads", json={"title": "T"}).json()["id"]
    tail = start("tail", thread, "--log", server.log, "--until-run-ends")
    httpx.post(f"{server.url}/v1/threads/{thread}/messages", json={"text": "Which files are here?"}).raise_for_status()
    out, err = tail.communicate(timeout=90)
    assert tail.returncode == 0, err
    assert "Which files are here?" in out
    assert "\nassistant  msg_" in out
    assert out.endswith("run completed\n")


def test_repair_refuses_beside_the_server(here: Run, server: Server) -> None:
    """A repair while the server runs is refused with the code of a log that is not to be had."""
    assert str(server.process.pid) in here("repair", "--log", server.log, code=4).err


def test_principal_is_the_servers(here: Run, server: Server, runs: str) -> None:
    """Through a server nobody chooses who they are."""
    assert "--tenant" in here("import", runs, "--log", server.log, "--user", "eve", code=2).err


def test_killed_server_leaves_the_log_free(here: Run, server: Server, runs: str) -> None:
    """After a SIGKILL of the server the log is written to directly, without any waiting or repair."""
    here("import", runs, "--log", server.log)
    server.process.kill()
    server.process.wait(60)
    done = here("import", runs, "--log", server.log)
    assert (done.out, done.err) == ("2 unchanged\n", "")


def test_server_that_dies_during_an_import(start: Start, server: Server) -> None:
    """When the server goes away in the middle, the import says so and that running it again finishes it."""
    run = {"id": "a", "messages": [{"role": "user", "content": "Hi"}]}
    process = start("import", "-", "--json", "--log", server.log)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(run) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    server.process.kill()
    server.process.wait(60)
    _, err = process.communicate(json.dumps({**run, "id": "b"}) + "\n", timeout=60)
    assert process.returncode == 4
    assert "run this again" in err.splitlines()[-1]
