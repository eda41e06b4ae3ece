"""`threadlog serve` as a user starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import required
from threadlog_server.listening import listen

THREADLOG = [sys.executable, "-m", "threadlog"]

PARROT = """
async def answer(context, message):
    await context.say("{word} " + message.content[0].text)
"""

SLOW = """
import asyncio

async def answer(context, message):
    await context.say("I begin.")
    await asyncio.sleep(600)
"""


def _ask(url: str, text: str, thread_id: str | None = None) -> str:
    """Send a message in a new thread or in a given one, and give the whole stream of the answer."""
    with httpx.Client(base_url=url, timeout=30) as client:
        thread_id = thread_id or client.post("/v1/threads", json={}).json()["id"]
        started = client.post(f"/v1/threads/{thread_id}/messages", json={"text": text})
        assert started.status_code == 202, started.text
        return client.get(started.headers["location"], headers={"accept": "text/event-stream"}).text


def _refused(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    command = [*THREADLOG, "serve", "--log", f"file:{tmp_path}/log", "--port", "0", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_the_lines_of_its_page_work_when_pasted(launch: Any, tmp_path: Path) -> None:
    """A thread, a question, the answer as it comes, the items, and the thread played again, with curl and a shell."""
    required("curl", found=Path("/usr/bin/curl").exists(), remedy="apt-get install curl")
    (tmp_path / "whale.txt").write_text("Call me Ishmael.")
    lines = re.findall(r"^\d\. .*\n  (.+)$", launch("--folder", str(tmp_path)).page, re.MULTILINE)
    assert len(lines) == 5
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = "\necho ======\n".join(lines)
    done = subprocess.run(
        ["bash", "-e", "-c", script], env={"PATH": path, "HOME": str(tmp_path)}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    thread, message, stream, items, replay = done.stdout.split("======\n")
    assert thread.startswith("thr_")
    assert json.loads(message)["thread_id"] == thread.strip()
    assert stream.rstrip().splitlines()[-2] == "event: end"
    assert '"reason":"completed"' in stream.rstrip().splitlines()[-1]
    said = [item["content"][0]["text"] for item in json.loads(items)["data"] if item["type"] == "assistant_message"]
    assert "whale.txt" in said[-1]
    assert "whale.txt" in replay


def test_ones_own_agent_answers(launch: Any, tmp_path: Path) -> None:
    """It is named as module:function and found in the current folder."""
    (tmp_path / "parrot.py").write_text(PARROT.format(word="Polly says"))
    launched = launch("--agent", "parrot:answer")
    assert "parrot:answer" in launched.page
    assert "Polly says hello" in _ask(launched.url, "hello")


def test_it_ends_orderly_when_told_to(launch: Any, tmp_path: Path) -> None:
    """Streams end with a word, the run is recorded as interrupted, what was said is kept, and the exit code is 0."""
    (tmp_path / "slow.py").write_text(SLOW)
    launched = launch("--agent", "slow:answer")
    with httpx.Client(base_url=launched.url, timeout=30) as client:
        thread_id = client.post("/v1/threads", json={}).json()["id"]
        path = client.post(f"/v1/threads/{thread_id}/messages", json={"text": "x"}).headers["location"]
        with client.stream("GET", path, headers={"accept": "text/event-stream"}) as response:
            lines = response.iter_lines()
            while "I begin." not in next(lines):
                pass
            launched.process.send_signal(signal.SIGTERM)
            rest = list(lines)
    assert launched.process.wait(30) == 0
    end = json.loads(rest[-2].removeprefix("data: "))
    assert (rest[-3], end["reason"]) == ("event: end", "shutdown")
    again = launch("--agent", "slow:answer")
    with httpx.Client(base_url=again.url) as client:
        state = client.get(f"/v1/threads/{thread_id}/state").json()
        assert [(run["status"], run["reason"]) for run in state["runs"]] == [("interrupted", "shutdown")]
        assert state["items"]["data"][1]["content"][0]["text"] == "I begin."
    assert again.stop(signal.SIGINT) == 0


def test_a_second_server_on_the_log_is_told_of_the_first(launch: Any, tmp_path: Path) -> None:
    """A log has one writer; the message says where it is."""
    launched = launch()
    code, said = _refused(tmp_path)
    assert code == 4
    assert launched.url in said
    assert "Traceback" not in said


def test_commands_find_the_server_that_holds_the_log(launch: Any, tmp_path: Path) -> None:
    """An import goes through it; what only reads, reads beside it."""
    launched = launch()
    run = {"id": "r1", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    (tmp_path / "runs.jsonl").write_text(json.dumps(run) + "\n")
    log = ["--log", f"file:{tmp_path}/log"]
    command = [*THREADLOG, "import", "runs.jsonl", *log]
    for expected in ("1 imported", "1 unchanged"):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert expected in done.stdout
        assert launched.url in done.stderr
    listed = subprocess.run([*THREADLOG, "threads", *log], capture_output=True, text=True, timeout=60, check=True)
    assert "r1" in listed.stdout
    assert httpx.get(f"{launched.url}/v1/threads").json()["data"][0]["title"] == "r1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_listens_on_loopback_alone(tmp_path: Path, host: str) -> None:
    """Nobody is authenticated, so nobody else may reach it; the message says what to do."""
    code, said = _refused(tmp_path, "--host", host)
    assert code != 0
    assert "loopback" in said
    assert "127.0.0.1" in said


def test_a_port_that_is_taken_is_told_of(tmp_path: Path) -> None:
    """In one sentence with a remedy, before the log is touched."""
    with listen("127.0.0.1", 0) as taken:
        code, said = _refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert code != 0
    assert "--port 0" in said
    assert "Traceback" not in said
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("option", "what"),
    [(("--port", "99999"), "--port"), (("--agent", "parrot"), "--agent"), (("--agent", ""), "--agent")],
)
def test_an_option_that_cannot_be_is_told_of(tmp_path: Path, option: tuple[str, str], what: str) -> None:
    """As the command line's fault, by the option's name."""
    code, said = _refused(tmp_path, *option)
    assert code == 2
    assert what in said
    assert "fault" not in said


@pytest.mark.parametrize(
    ("agent", "what"),
    [("nowhere:answer", "nowhere"), ("parrot:anser", "Did you mean 'answer'?"), ("broken:answer", "SyntaxError")],
)
def test_an_agent_that_cannot_be_had_is_told_of(tmp_path: Path, agent: str, what: str) -> None:
    """The module, the function, or what is wrong inside it."""
    (tmp_path / "parrot.py").write_text(PARROT.format(word="Polly"))
    (tmp_path / "broken.py").write_text("def answer(:")
    code, said = _refused(tmp_path, "--agent", agent)
    assert code != 0
    assert what in said
    assert "Traceback" not in said


def test_its_agent_is_reloaded_on_change(launch: Any, tmp_path: Path) -> None:
    """A change is in effect at the same address a moment later; a mistake is told of and can be mended."""
    source = tmp_path / "parrot.py"
    source.write_text(PARROT.format(word="Polly says"))
    launched = launch("--agent", "parrot:answer", "--reload")
    thread_id = httpx.post(f"{launched.url}/v1/threads", timeout=30).json()["id"]
    assert "Polly says one" in _ask(launched.url, "one", thread_id)
    for text, expected in (("def answer(:", "SyntaxError"), (PARROT.format(word="Lora says"), "ready")):
        told = (tmp_path / "stderr").read_text().count(expected)
        source.write_text(text)
        _wait_until(lambda told=told, expected=expected: (tmp_path / "stderr").read_text().count(expected) > told)
    assert "Lora says two" in _ask(launched.url, "two", thread_id)
    assert launched.stop() == 0
    verify = [*THREADLOG, "verify", "--log", f"file:{tmp_path}/log"]
    assert subprocess.run(verify, capture_output=True, timeout=60, check=False).returncode == 0


def _wait_until(condition: Any) -> None:
    while not condition():
        time.sleep(0.05)
