"""Opening a large log after a SIGKILL of its writer in the middle of writing: time, memory, bytes on disk.

A million events in 100,000 threads. Each round opens the log in a process of its own, reads a thread and a list of
threads, goes on writing, and is killed with SIGKILL while it writes. The limit is reading all of the log's bytes, which
an open that looks at everything would have to do at the least.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import opening
from effort import Effort
from raw import DATA
from report import Found, Goal, Row, Sample, row

MIB = 1024 * 1024


async def run(effort: Effort) -> Found:
    """Make the log, then open it again and again."""
    events = effort.of(1_000_000, 1_000)
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as name:
        folder = Path(name) / "log"
        made = killed(folder, events)
        stored = size_of(folder)
        warm = [opened(folder) for _ in range(effort.of(5, 1))]
        cold = [opened(folder, from_disk=True) for _ in range(effort.of(3, 1))]
    return [
        *times(f"{events:,} events", warm, Goal("value", "≤", 2)),
        *times(f"{events:,} events, nothing of it in the page cache", cold, Goal("value", "≤", 2)),
        *memory(warm),
        row("bytes on disk an event", "bytes", [Sample(stored / events, len(DATA))], "its payload"),
        row("making the log, killed in the middle of a write", "events/s", [Sample(events / made["seconds"])]),
    ]


def times(name: str, rounds: list[dict[str, float]], goal: Goal) -> Iterator[Row]:
    """How long opening took."""
    limit = "reading all its bytes"
    yield row(f"{name}: open", "s", [Sample(one["opened"], one["limit"]) for one in rounds], limit)
    read = [Sample(one["read"], one["limit"]) for one in rounds]
    yield row(f"{name}: open and read", "s", read, limit, goal)


def memory(rounds: list[dict[str, float]]) -> Iterator[Row]:
    """What memory it took."""
    names = {
        "more_memory": "memory that the open log takes",
        "memory": "memory of the whole process",
        "peak": "most memory of the process while opening",
    }
    for key, name in names.items():
        yield row(name, "MiB", [Sample(one[key] / MIB) for one in rounds])


def opened(folder: Path, *, from_disk: bool = False) -> dict[str, float]:
    """One round: what the process says that opens the log, and how long reading all of the log takes."""
    if from_disk:
        forget(folder)
    found = killed(folder, 0)
    if from_disk:
        forget(folder)
    began = perf_counter()
    for path in files(folder):
        path.read_bytes()
    return {**found, "limit": perf_counter() - began}


def killed(folder: Path, events: int) -> dict[str, Any]:
    """Run the process until it writes on, and kill it while it does; what it said before."""
    arguments = [sys.executable, opening.__file__, f"file:{folder}", str(events)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline() or "null")
        writing = json.loads(process.stdout.readline() or "null")
        if not found or not writing:
            raise RuntimeError(f"the process that opens the log ended with {process.wait()}; see its error above.")
        sleep(0.02 + 0.05 * random.random())
        process.send_signal(signal.SIGKILL)
    return dict(found)


def forget(folder: Path) -> None:
    """Let the kernel drop the log's files from its memory."""
    os.sync()
    for path in files(folder):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def files(folder: Path) -> list[Path]:
    """All files of the log."""
    return [path for path in folder.rglob("*") if path.is_file()]


def size_of(folder: Path) -> int:
    """Bytes of all of them."""
    return sum(path.stat().st_size for path in files(folder))
