"""`import` and `export`: whole, again, cut off, grown, differing, and what is no run."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from commands import Done, Run, Start


def run(name: str, *texts: str) -> dict[str, Any]:
    """A run in which user and assistant take turns."""
    roles = ("user", "assistant")
    return {"id": name, "messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]}


def write(path: Path, *runs: Any) -> str:
    """A file of runs; gives its name."""
    path.write_text("".join(json.dumps(each) + "\n" for each in runs))
    return str(path)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A log that is not there yet."""
    return f"file:{tmp_path}/log"


def exported(done: Done) -> list[dict[str, Any]]:
    """The runs that an export printed."""
    return [json.loads(line) for line in done.out.splitlines()]


def test_there_and_back(here: Run, url: str, airline_runs: list[dict[str, Any]], tmp_path: Path) -> None:
    """Real runs come back as they were, and importing them again changes nothing and says so."""
    file = write(tmp_path / "runs.jsonl", *airline_runs)
    assert here("import", file, "--log", url).out == "100 imported\n"
    assert exported(here("export", "--log", url)) == airline_runs
    assert here("import", file, "--log", url).out == "100 unchanged\n"
    assert here("verify", "--log", url).out.endswith("all is well\n")


def test_several_files_gzipped_and_stdin(threadlog: Run, url: str, tmp_path: Path) -> None:
    """Files may be gzipped or stdin, blank lines are nothing, and settings may stand among the files."""
    plain = write(tmp_path / "a.jsonl", run("a", "Hi"))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"\n" + json.dumps(run("b", "Hi")).encode() + b"\n\n"))
    stdin = json.dumps(run("c", "Hi"))
    done = threadlog("import", plain, "b.gz", f"log.url={url}", "-", stdin=stdin)
    assert done == Done(0, "3 imported\n", "")
    assert [each["id"] for each in exported(threadlog("export", "--log", url))] == ["a", "b", "c"]


def test_grown_and_differing_runs(here: Run, url: str, tmp_path: Path) -> None:
    """A run that has grown gets its tail; one whose past differs is named, left alone, and counts as a failure."""
    here("import", write(tmp_path / "a", run("one", "Hi"), run("two", "Hi")), "--log", url)
    file = write(tmp_path / "b", run("one", "Hi", "Hello"), run("two", "Ho"), run("three", "Hi"))
    done = here("import", file, "--log", url, code=1)
    assert done.out == "1 grown, 1 differs, 1 imported\n"
    assert done.err.startswith(f"{file}:2: differs: ")
    assert "'two'" in done.err
    assert exported(here("export", "--log", url)) == [run("one", "Hi", "Hello"), run("two", "Hi"), run("three", "Hi")]


@pytest.mark.parametrize("line", [b"nonsense", b"[1]", b'{"messages": 3}', b'{"id": [], "messages": []}', b"\xff"])
def test_what_is_no_run_is_named_and_the_rest_imported(here: Run, url: str, tmp_path: Path, line: bytes) -> None:
    """A line that is no run is told with its place and reason; the others are imported."""
    file = tmp_path / "runs"
    file.write_bytes(line + b"\n" + json.dumps(run("fine", "Hi")).encode())
    done = here("import", str(file), "--log", url, code=1)
    assert done.out == "1 invalid, 1 imported\n"
    assert done.err.startswith(f"{file}:1: invalid: ")


def test_outcomes_as_json(here: Run, url: str, tmp_path: Path) -> None:
    """For programs each run is one JSON object: where it stood, what became of it, its thread."""
    file = write(tmp_path / "runs", run("a\ud83d", "Hi"), 7)
    first, second = map(json.loads, here("import", file, "--log", url, "--json", code=1).out.splitlines())
    assert (first["file"], first["line"], first["status"]) == (file, 1, "imported")
    assert first["thread_id"].startswith("thr_")
    assert (second["status"], second["thread_id"]) == ("invalid", None)


def test_wrong_files(here: Run, url: str, tmp_path: Path) -> None:
    """A file that is not there, is a folder or is broken gzip is named, and a call without files refused."""
    assert "none.jsonl: No such file" in here("import", "none.jsonl", "--log", url, code=3).err
    assert "Is a directory" in here("import", str(tmp_path), "--log", url, code=1).err
    (tmp_path / "cut.gz").write_bytes(gzip.compress(json.dumps(run("a", "Hi" * 500)).encode())[:-20])
    assert "cut.gz" in here("import", "cut.gz", "--log", url, code=1).err
    assert "FILE" in here("import", "--log", url, code=2).err
    assert "FILE" in here("import", f"log.url={url}", code=2).err


def test_killed_import_is_finished_by_running_it_again(start: Start, here: Run, url: str, tmp_path: Path) -> None:
    """An import that was killed half way left whole runs, and the next one brings the rest."""
    runs = [run(f"run {number}", "Hi", "Hello") for number in range(6)]
    cut = start("import", "-", "--json", "--log", url)
    assert cut.stdin is not None
    assert cut.stdout is not None
    for each in runs[:3]:
        cut.stdin.write(json.dumps(each) + "\n")
        cut.stdin.flush()
    assert [json.loads(cut.stdout.readline())["status"] for _ in range(3)] == ["imported"] * 3
    cut.kill()
    cut.wait(60)
    assert here("import", write(tmp_path / "all", *runs), "--log", url).out == "3 unchanged, 3 imported\n"
    assert exported(here("export", "--log", url)) == runs


def test_log_that_another_import_holds(start: Start, here: Run, url: str, tmp_path: Path) -> None:
    """While a process that is no server writes, an import says who it is and what to do, and reading goes on."""
    other = start("import", "-", "--json", "--log", url)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write(json.dumps(run("theirs", "Hi")) + "\n")
    other.stdin.flush()
    assert json.loads(other.stdout.readline())["status"] == "imported"
    done = here("import", write(tmp_path / "mine", run("mine", "Hi")), "--log", url, code=4)
    assert f"process {other.pid} (threadlog import)" in done.err
    assert len(done.err.splitlines()) == 1
    assert str(other.pid) in here("repair", "--log", url, code=4).err
    assert [each["id"] for each in exported(here("export", "--log", url))] == ["theirs"]
    other.stdin.close()
    assert other.wait(60) == 0
    assert here("import", str(tmp_path / "mine"), "--log", url).out == "1 imported\n"


def test_export_of_some_threads(here: Run, log: str) -> None:
    """Named threads are exported in the order they were named."""
    assert [each["id"] for each in exported(here("export", "thr_2", "thr_one", "--log", log))] == ["thr_2", "thr_one"]


def test_export_into_a_file_is_all_or_nothing(here: Run, log: str, tmp_path: Path) -> None:
    """The file appears whole; where the export fails, what was there stays and nothing is left over."""
    target = tmp_path / "out.jsonl"
    done = here("export", "--log", log, "-o", str(target))
    assert (done.out, done.err) == ("", f"3 threads written to {target}\n")
    whole = target.read_bytes()
    assert len(whole.splitlines()) == 3
    here("export", "thr_one", "thr_none", "--log", log, "-o", str(target), code=3)
    assert target.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "out.jsonl"]


def test_export_into_what_is_no_file(here: Run, log: str) -> None:
    """A device is written to and not replaced."""
    here("export", "--log", log, "-o", os.devnull)
    assert not os.path.isfile(os.devnull)


def test_piped_export_is_exact(threadlog: Run, url: str, tmp_path: Path) -> None:
    """In a pipe the bytes are those of the export: letters as they are, no escapes for terminals."""
    threadlog("import", write(tmp_path / "a", run("é", "\x1b[31m \x9b日本")), "--log", url)
    out = threadlog("export", "--log", url).out
    assert "\x9b日本" in out
    assert exported(Done(0, out, "")) == [run("é", "\x1b[31m \x9b日本")]


def test_interrupted_import_closes_its_log(start: Start, here: Run, url: str) -> None:
    """Ctrl-C ends an import with code 130 and no traceback."""
    process = start("import", "-", "--json", "--log", url)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(run("a", "Hi")) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(2)
    out, err = _rest(process)
    assert (process.returncode, out, err) == (130, "", "")
    assert len(exported(here("export", "--log", url))) == 1


def _rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    return process.communicate(timeout=60)
