"""`threads`, `show` and `replay`: reading what is stored."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from cli_filling import ANSWER, CALL, say
from commands import Run
from threadlog import open_store
from threadlog.store import Principal


def test_threads_newest_first(here: Run, log: str) -> None:
    """Threads are listed newest first, tab-separated in a pipe."""
    rows = [line.split("\t") for line in here("threads", "--log", log).out.splitlines()]
    assert [row[0] for row in rows] == ["thr_3", "thr_2", "thr_one"]
    assert rows[0][2:] == ["active", "Number 3"]


def test_threads_by_page(here: Run, log: str) -> None:
    """A page says how to get the next one, and the pages together are the whole list."""
    first = here("threads", "--log", log, "--limit", "2")
    assert first.err.strip() == "more: add --after thr_2"
    rest = here("threads", "--log", log, "--limit", "2", "--after", "thr_2")
    assert [line.split("\t")[0] for line in (first.out + rest.out).splitlines()] == ["thr_3", "thr_2", "thr_one"]
    assert rest.err == ""


def test_threads_as_json(here: Run, log: str) -> None:
    """For programs a page is one JSON object, with where to go on."""
    page = json.loads(here("threads", "--log", log, "--limit", "2", "--json").out)
    assert [thread["id"] for thread in page["data"]] == ["thr_3", "thr_2"]
    assert (page["has_more"], page["after"]) == (True, "thr_2")


def test_threads_of_another_tenant_are_not_seen(here: Run, log: str) -> None:
    """Another tenant has no threads, and cannot show those of this one."""
    done = here("threads", "--log", log, "--tenant", "other")
    assert (done.out, done.err) == ("", "no threads\n")
    here("show", "thr_one", "--log", log, "--tenant", "other", code=3)


def test_other_users_threads_of_the_tenant_are_seen(here: Run, log: str) -> None:
    """An operator of the tenant sees everybody's threads, hidden items included."""
    assert "thr_one" in here("threads", "--log", log, "--user", "somebody").out
    assert "the policy" in here("show", "thr_one", "--log", log, "--user", "somebody").out


def test_show_reads_well(here: Run, log: str) -> None:
    """Who said what, tool calls with their results, long ones shortened, escapes shown as text."""
    assert here("show", "thr_one", "--log", log).out.splitlines() == [
        "thr_one  Lines \\x1b]0;owned\\x07\\x9b2J  [owner developer, 5 events]",
        "user  msg_1",
        "  How many lines",
        "  has \\x1b]0;owned\\x07\\x9b2J the file?",
        '→ count {"path": "a"}  tc_1',
        f"  {'long ' * 60}… (699 more characters; --full shows all)",
        "hidden context  hcx_1",
        "  the policy",
        "assistant  msg_2",
        "  It has **200**.",
    ]


def test_show_full(here: Run, log: str) -> None:
    """With --full nothing is left out."""
    assert CALL["output"] in here("show", "thr_one", "--log", log, "--full").out


def test_show_an_earlier_state(here: Run, log: str) -> None:
    """A thread is shown as it was after an event, and a seq that it never had is refused."""
    earlier = here("show", "thr_one", "--log", log, "--at", "2").out
    assert "msg_1" in earlier
    assert "tc_1" not in earlier
    assert "1 to 5" in here("show", "thr_one", "--log", log, "--at", "6", code=3).err


def test_show_as_json(here: Run, log: str) -> None:
    """For programs a thread is one JSON object: metadata, items as they are, and the cursor."""
    shown = json.loads(here("show", "thr_one", "--log", log, "--json").out)
    assert shown["thread"]["id"] == "thr_one"
    assert [item["id"] for item in shown["items"]] == ["msg_1", "tc_1", "hcx_1", "msg_2"]
    assert shown["items"][3]["content"][0]["text"] == ANSWER["content"][0]["text"]
    assert shown["cursor"].startswith("5-")


def test_show_events(here: Run, log: str) -> None:
    """Events are one to a line with their whole payload, or one JSON object to a line."""
    rows = [line.split("\t") for line in here("show", "thr_one", "--log", log, "--events").out.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert json.loads(rows[4][4])["item"]["id"] == "msg_2"
    lines = here("show", "thr_one", "--log", log, "--events", "--json", "--at", "3").out.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]


@pytest.mark.parametrize("command", ["show", "tail", "replay", "export"])
def test_unknown_thread(here: Run, log: str, command: str) -> None:
    """A thread that is not there is one sentence and exit code 3."""
    done = here(command, "thr_none", "--log", log, code=3)
    assert "thr_none" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["threads", "show x", "tail x", "replay x", "export", "verify", "repair", "backup b"]
)
def test_no_log(here: Run, tmp_path: Path, command: str) -> None:
    """Where there is no log none is made, and the sentence says what to check."""
    done = here(*command.split(), "--log", f"file:{tmp_path}/none", code=3)
    assert f"{tmp_path}/none" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("thread", ["", "a\x1bb", "x" * 201], ids=["empty", "control character", "too long"])
def test_impossible_ids_are_wrong_use(here: Run, log: str, thread: str) -> None:
    """What can be no thread's id is refused by name, its control characters shown as text."""
    done = here("show", thread, "--log", log, code=2)
    assert "thread's id" in done.err
    assert "\x1b" not in done.err


def test_unknown_page_is_wrong_use(here: Run, log: str) -> None:
    """A page after a thread that is not there is refused and not empty."""
    assert "thr_none" in here("threads", "--log", log, "--after", "thr_none", code=2).err


def test_memory_holds_nothing_to_read(here: Run) -> None:
    """Reading from memory: cannot find anything, so it is refused with what to name instead."""
    assert "file:PATH" in here("threads", "--log", "memory:", code=2).err


def test_default_log_is_in_the_data_folder(here: Run, tmp_path: Path) -> None:
    """Without --log the log of the user's data folder is read."""
    assert f"{tmp_path}/home/.local/share/threadlog/log" in here("threads", code=3).err


def test_log_of_the_settings(here: Run, log: str, tmp_path: Path) -> None:
    """The settings file, an override and the environment may each name the log."""
    file = tmp_path / "threadlog.yaml"
    file.write_text(f"log: {{url: '{log}'}}")
    assert "thr_one" in here("threads", "--settings", str(file)).out
    assert "thr_one" in here("threads", f"log.url={log}").out
    assert "thr_one" in here("threads", "log.url=${oc.env:LOG_FROM_ENV,'" + log + "'}").out


def test_replay_prints_the_thread(here: Run, log: str) -> None:
    """A replay prints what a viewer saw, streamed text once, and appends nothing."""
    anyio.run(say, log, "One ", "two\n", "three.")
    before = here("show", "thr_one", "--log", log, "--events").out
    played = here("replay", "thr_one", "--log", log, "--speed", "1000", "--max-pause", "0").out
    assert played.endswith("run started (speaker)\nassistant  msg_3\n  One two\n  three.\nrun completed\n")
    assert here("show", "thr_one", "--log", log, "--events").out == before


def test_replay_as_json(here: Run, log: str) -> None:
    """For programs a replay is the events themselves, in order."""
    lines = here("replay", "thr_one", "--log", log, "--natural", "--speed", "1000", "--json").out.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("option", [("--speed", "0"), ("--speed", "nan"), ("--speed", "-1"), ("--max-pause", "-1")])
def test_replay_refuses_odd_speeds(here: Run, log: str, option: tuple[str, str]) -> None:
    """Speeds and pauses that make no sense are refused by name."""
    assert option[0] in here("replay", "thr_one", "--log", log, *option, code=2).err


def test_terminal_gets_colours_and_no_stored_escape(environment: dict[str, str], log: str) -> None:
    """On a real terminal there is colour, and of what is stored not one escape sequence arrives."""
    seen = b"".join(
        _on_terminal(environment, *command.split(), "--log", log)
        for command in ("threads", "show thr_one", "show thr_one --events", "show thr_one --json", "export")
    )
    assert b"\x1b[1m" in seen
    assert b"owned" in seen
    for steering in (b"\x1b]", b"\x07", "\x9b".encode()):
        assert steering not in seen


def _on_terminal(environment: dict[str, str], *arguments: str) -> bytes:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "threadlog", *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how Linux says that the other side of a terminal is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0, seen
    return seen


def test_deleted_thread_is_not_listed(here: Run, log: str) -> None:
    """A deleted thread is gone from the list; an operator who shows it is told that it was deleted."""

    async def delete() -> None:
        async with open_store(log) as store:
            await store.delete_thread(Principal("default", "developer"), "thr_2")

    anyio.run(delete)
    assert "thr_2" not in here("threads", "--log", log).out
    assert "deleted" in here("show", "thr_2", "--log", log).out
