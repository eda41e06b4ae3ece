"""A writing process that is killed loses nothing that it acknowledged.

Half of the kills come from outside at any time, half from inside at any change of a file.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from file.faulty import HastyFiles
from file.logs import everything, opened, threads_of
from threadlog.log import Event
from threadlog_file.frames import is_filling
from threadlog_file.handles import Handles
from threadlog_file.scanning import Source, read_frame
from threadlog_file.segments import TITLE, segment_path, segments_in
from threadlog_file.watermark import Watermark

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

KILLS = int(os.environ.get("THREADLOG_KILLS", "120"))
WRITER = Path(__file__).parent / "killed_writer.py"


@pytest.fixture
def writers() -> Iterator[subprocess.Popen[bytes]]:
    """The program that forks writers."""
    environment = {**os.environ, "PYTHONPATH": str(WRITER.parent.parent)}
    with subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def run_and_kill(writers: subprocess.Popen[bytes], path: Path, start: int, sync: str, when: float) -> list[list[str]]:
    """Let a process write until it is killed; returns what it told, in words.

    Args:
        when: seconds after which it is killed or, if negative, at which change of its files it kills itself.
    """
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write(f"{path} {start} {sync} {max(0, -int(when))}\n".encode())
    writers.stdin.flush()
    pid = int(writers.stdout.readline().split()[1])
    if when > 0:
        time.sleep(when)  # where the kill falls is left to chance
        os.kill(pid, signal.SIGKILL)
    told = []
    while (line := writers.stdout.readline().split()) != [b"dead"]:
        told.append([word.decode() for word in line])
    return told


def left_behind(path: Path) -> str:
    """What stands behind the watermark after a kill."""
    if not (path / "MANIFEST").exists():
        return "no log yet"
    files = HastyFiles()
    watermark = Watermark(files, str(path), 1, writable=False)
    mark = watermark.load(0)
    watermark.close()
    last = segment_path(str(path), 0, max([0, *segments_in(files.names(str(path)), 0)]))
    if not os.path.exists(last):
        return "nothing written"
    data = Path(last).read_bytes()
    offset = mark.offset if last == segment_path(str(path), 0, mark.segment) else TITLE
    if is_filling(data[offset:]):
        return "between frames"
    handles = Handles(files)
    frame = read_frame(Source(handles, last, len(data)), offset)
    handles.close()
    return "a torn frame" if frame is None else "a whole frame"


def check(events: list[Event], acknowledged: dict[int, tuple[int, int]], started: set[int]) -> None:
    """Everything acknowledged is there, and nothing is there in part or that was never written."""
    by_append: dict[int, list[Event]] = {}
    for event in events:
        by_append.setdefault(int(event.append_id.split("-")[1]), []).append(event)
    for number, seqs in acknowledged.items():
        assert by_append[number][-1].seq == seqs[0]
        assert by_append[number + 1][-1].seq == seqs[1]
    for number, stored in by_append.items():
        pair = number - (number - min(started)) % 2
        assert pair in started
        assert {pair, pair + 1} <= by_append.keys()
        parts = [event.data for event in stored]
        assert parts == [b'{"append":%d,"part":%d}' % (number, part) for part in range(len(parts))]
    assert [event.position for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize("sync", ["inline", "thread"])
async def test_kills_lose_nothing(tmp_path: Path, writers: subprocess.Popen[bytes], sync: str) -> None:
    """However often a writer is killed, what it acknowledged is there and nothing is there half."""
    rng = random.Random(7)
    acknowledged: dict[int, tuple[int, int]] = {}
    started: set[int] = set()
    places: Counter[str] = Counter()
    start = 0
    for kill in range(KILLS // 2):
        when = rng.uniform(0, 0.04) if kill % 2 else -rng.randint(1, 50)
        for line in run_and_kill(writers, tmp_path / "log", start, sync, when):
            if line[0] == "start":
                started.add(int(line[1]))
            else:
                acknowledged[int(line[1])] = (int(line[2]), int(line[3]))
        places[left_behind(tmp_path / "log")] += 1
        start = max(started, default=-2) + 2
        if kill % 10 == 9 or kill == KILLS // 2 - 1:
            async with opened(tmp_path / "log") as log:
                events = await everything(log)
                check(events, acknowledged, started)
                assert await threads_of(log, events) == events
    print(f"{KILLS // 2} kills ({sync}); {len(acknowledged)} of {len(started)} calls acknowledged; left:", dict(places))
    assert acknowledged
    assert places["a torn frame"] + places["a whole frame"] >= KILLS // 8
