"""What the README shows works as it is written."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from threadlog.cli.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def shell_lines(containing: str) -> str:
    """The shell block of the README that contains a text."""
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if containing in block]
    return block


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty folder with the README's Python files in it."""
    for name, text in re.findall(r'```python title="(\w+\.py)"\n(.*?)```', README, re.DOTALL):
        (tmp_path / name).write_text(text)
    return tmp_path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(home: Path, *command: str | Path, ready: str) -> Iterator[None]:
    """A server in a process of its own, once `ready` answers; stopped as Ctrl-C would."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "XDG_DATA_HOME": str(home / "data")}
    with subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                assert server.poll() is None, "the server ended before it was ready"
                try:
                    if httpx.get(ready).status_code < 500:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def test_the_library_example_prints_the_two_events(home: Path) -> None:
    """Way one: open a log, write to a thread, follow it."""
    done = subprocess.run([sys.executable, "library.py"], cwd=home, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["1", "thread.created"], ["2", "thread.item.done"]]
    assert json.loads(lines[1].split(" ", 2)[2])["item"]["content"][0]["text"] == "Hello"


def test_the_curl_lines_work_when_pasted(home: Path) -> None:
    """The first command's server answers a question about the folder, streamed to curl."""
    port = free_port()
    (home / "notes.md").write_text("hello\n")
    default = f"127.0.0.1:{Settings().server.port}"
    lines = shell_lines("THREAD=$(curl")
    assert lines.count("http://") == lines.count(default), "the README names the port on which the server listens"
    lines = lines.replace(default, f"127.0.0.1:{port}")
    with running(home, BIN / "threadlog", "serve", "--port", str(port), ready=f"http://127.0.0.1:{port}/readyz"):
        done = subprocess.run(["bash", "-euc", lines], capture_output=True, text=True, check=True, timeout=60)
    assert "notes.md" in done.stdout
    assert "event: end" in done.stdout


def test_the_agent_example_answers(home: Path) -> None:
    """Way two: an agent of one's own, named on the command line."""
    port = free_port()
    (command,) = [line for line in shell_lines("my_agent:answer").splitlines() if line]
    arguments = command.split()[1:]
    url = f"http://127.0.0.1:{port}"
    with running(home, BIN / "threadlog", *arguments, "--port", str(port), ready=f"{url}/readyz"):
        assert say(f"{url}/v1", "hello there") == "HELLO THERE "


def test_the_application_example_answers(home: Path) -> None:
    """Way three: the routes in one's own application, for the principal that it names."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/chat/v1"
    uvicorn = (sys.executable, "-m", "uvicorn", "my_app:app", "--port", str(port), "--log-level", "warning")
    with running(home, *uvicorn, ready=f"http://127.0.0.1:{port}/openapi.json"):
        assert say(url, "hello there", {"X-User": "alice"}) == "HELLO THERE "
        assert httpx.get(f"{url}/threads", headers={"X-User": "bob"}).json()["data"] == []
        assert httpx.get(f"{url}/threads").status_code == 422


def say(url: str, text: str, headers: dict[str, str] | None = None) -> str:
    """Start a thread, say something in it, and wait for the answer."""
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        thread = client.post("/threads", json={"title": "t"}).raise_for_status().json()["id"]
        client.post(f"/threads/{thread}/messages", json={"text": text}).raise_for_status()
        stream = {"Accept": "text/event-stream"}
        client.get(f"/threads/{thread}/events", params={"until": "run-end"}, headers=stream).raise_for_status()
        items = client.get(f"/threads/{thread}/items").raise_for_status().json()["data"]
    (answer,) = [item for item in items if item["type"] == "assistant_message"]
    return "".join(part["text"] for part in answer["content"])
