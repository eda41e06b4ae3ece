"""`tail`: reading along while another process writes, and going on later."""

from __future__ import annotations

import json
import signal
import subprocess

import anyio
import pytest

from cli_filling import WHO, say
from commands import Run, Start
from threadlog import open_store


def lines_until(process: subprocess.Popen[str], mark: str) -> list[str]:
    """What a process prints up to the first line that holds `mark`."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if mark in line:
            return lines
    pytest.fail(f"it ended before {mark!r}: {lines}")


def test_tail_follows_another_process(start: Start, log: str) -> None:
    """What is stored is printed, then what another process appends, as it comes."""
    tail = start("tail", "thr_one", "--log", log)
    assert lines_until(tail, "It has")[0].startswith("thread thr_one")
    anyio.run(say, log, "Hello ", "there")
    assert "".join(lines_until(tail, "run completed")).endswith("assistant  msg_3\n  Hello there\nrun completed\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tail_ends_cleanly_and_says_how_to_go_on(start: Start, here: Run, log: str, number: signal.Signals) -> None:
    """Told to stop it ends with code 0 and the cursor, from which the next tail has the rest, each event once."""
    tail = start("tail", "thr_one", "--log", log, "--json")
    lines = lines_until(tail, "msg_2")
    tail.send_signal(number)
    out, err = tail.communicate(timeout=60)
    assert (tail.returncode, out) == (0, "")
    cursor = json.loads(lines[-1])["cursor"]
    assert err == f"to go on: threadlog tail thr_one --after {cursor}\n"
    anyio.run(say, log, "Hello")
    rest = here("tail", "thr_one", "--log", log, "--json", "--after", cursor, "--until-run-ends").out.splitlines()
    assert [json.loads(line)["seq"] for line in lines + rest] == list(range(1, 11))


def test_tail_of_what_is_new(start: Start, log: str) -> None:
    """With --new nothing old is printed."""
    tail = start("tail", "thr_one", "--log", log, "--new", "--events", "--until-run-ends")
    while tail.poll() is None:
        # Whenever the tail begins, one of these runs is new to it.
        anyio.run(say, log, "Hello")
        anyio.run(anyio.sleep, 0.2)
    out, _ = tail.communicate(timeout=60)
    assert "msg_2" not in out
    assert out.splitlines()[-1].split("\t")[2] == "run.completed"


def test_tail_refuses_another_history(here: Run, log: str) -> None:
    """A cursor of another log is refused, and so is what is no cursor."""
    assert "another history" in here("tail", "thr_one", "--log", log, "--after", "5-00000000", code=1).err
    assert "no cursor" in here("tail", "thr_one", "--log", log, "--after", "five", code=2).err


def test_tail_ends_with_its_thread(start: Start, log: str) -> None:
    """When the thread is deleted, its tail says so and ends by itself."""
    tail = start("tail", "thr_one", "--log", log)
    lines_until(tail, "It has")

    async def delete() -> None:
        async with open_store(log) as store:
            await store.delete_thread(WHO, "thr_one")

    anyio.run(delete)
    out, _ = tail.communicate(timeout=60)
    assert (tail.returncode, out) == (0, "thread deleted\n")


def test_tail_into_a_closed_pipe(start: Start, log: str) -> None:
    """When nobody reads any more, tail ends by itself and without words."""
    tail = start("tail", "thr_one", "--log", log, "--events")
    assert tail.stdout is not None
    assert tail.stdout.readline().startswith("1\t")
    tail.stdout.close()
    anyio.run(say, log, "Hello")
    assert tail.wait(60) == 141
    assert tail.stderr is not None
    assert tail.stderr.read() == ""
