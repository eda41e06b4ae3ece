"""Readers in other processes see what was acknowledged, all of it, and nothing else."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from file.faulty import FaultyFiles
from file.logs import PLAIN, SMALL, append, everything, fill, opened, threads_of
from threadlog.log import HeadChange, LogNotFound, LogStopped, OpenOptions
from threadlog_file import FileLog, FileOptions

pytestmark = pytest.mark.anyio

READER = Path(__file__).parent / "following_reader.py"


def start_reader(path: Path, events: int) -> subprocess.Popen[bytes]:
    """A process that follows the log until it has seen as many events."""
    environment = {**os.environ, "PYTHONPATH": str(READER.parent.parent)}
    arguments = [sys.executable, str(READER), str(path), str(events)]
    reader = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"ready\n"
    return reader


async def test_other_processes_follow_a_writer(tmp_path: Path) -> None:
    """Two processes follow through segments, indexes, reopenings and recovery, and get every event once."""
    path = tmp_path / "log"
    async with opened(path):
        pass
    readers = [start_reader(path, 600) for _ in range(2)]
    for part in range(6):
        async with opened(path, FileOptions(sync="inline", segment_bytes=16384, reserve_bytes=0)) as log:
            for number in range(part * 50, part * 50 + 50):
                head = HeadChange(title=f"T{number}")
                await log.append(0, [append(number, thread=f"t{number % 7}", count=2, head=head)])
            events = await everything(log)
    told = [f"{event.position} {event.id}" for event in events]
    for reader in readers:
        out, _ = await asyncio.to_thread(reader.communicate)
        assert reader.returncode == 0
        assert out.decode().splitlines() == [*told, "heads 7"]


async def test_a_reader_stops_at_the_watermark(tmp_path: Path) -> None:
    """What is written and not acknowledged is seen by nobody, with a writer or without one."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log, opened(tmp_path / "log", read_only=True) as reader:
        await log.append(0, [append(0)])
        with files.failing("flush"), pytest.raises(LogStopped):
            await log.append(0, [append(1)])
        assert b"append-1" in next((tmp_path / "log").glob("*.seg")).read_bytes()
        for one in (log, reader):
            assert [event.append_id for event in await everything(one)] == ["append-0"]
    async with opened(tmp_path / "log", read_only=True) as reader:
        assert [event.append_id for event in await everything(reader)] == ["append-0"]


async def test_a_reader_goes_through_recovery(tmp_path: Path) -> None:
    """A reader that was open while a writer failed and another one recovered goes on without a gap."""
    files = FaultyFiles()
    path = tmp_path / "log"
    async with opened(path):
        pass
    async with opened(path, read_only=True) as reader:
        for number in range(0, 12, 2):
            async with opened(path, files=files) as log:
                files.judge = frame_flush(files, is_first=number == 0)
                with pytest.raises(LogStopped):
                    await log.append(0, [append(number, count=2)])
                files.judge = lambda name, number: None
                assert len(await everything(reader)) == number
            async with opened(path) as log:
                # recovery has taken in what was written without an acknowledgement
                assert (await log.append(0, [append(number, count=2)]))[0].__class__.__name__ == "Duplicate"
                events = await everything(log)
                assert await everything(reader) == events
                assert await threads_of(reader, events) == events


def frame_flush(files: FaultyFiles, *, is_first: bool) -> Callable[[str, int], OSError | None]:
    """A judge that fails the flush of the next frame, and not that of a new segment before it."""
    before = files.calls.count("flush") + is_first
    error = OSError(errno.EIO, "made to fail")
    return lambda name, number: error if name == "flush" and files.calls.count("flush") > before else None


async def test_a_reader_takes_up_indexes(tmp_path: Path) -> None:
    """A reader that follows over many segments does not keep all of them in memory."""
    path = tmp_path / "log"
    async with opened(path, SMALL) as log, opened(path, read_only=True) as reader:
        for number in range(60):
            await log.append(0, [append(number, count=3)])
            if number % 10 == 9:
                assert await everything(reader) == await everything(log)
        await log._open.commits[0].close()  # type: ignore[union-attr]
    async with opened(path, read_only=True) as reader:
        kinds = [type(segment.index).__name__ for segment in reader._open.folder.shards[0].segments]  # type: ignore[union-attr]
        assert kinds.count("OpenIndex") == 1


async def test_waiting_readers_are_woken(tmp_path: Path) -> None:
    """A reader that waits sees another log's append; one that waits for nothing gives up in time."""
    path = tmp_path / "log"
    async with opened(path) as log, opened(path, read_only=True) as reader:
        assert await reader.wait(0, after=0, timeout=0.01) == 0
        waiting = asyncio.ensure_future(reader.wait(0, after=0, timeout=60))
        await log.append(0, [append(1)])
        assert await waiting == 1
        assert await reader.wait(0, after=0, timeout=60) == 1


async def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Reading, and opening without making, tell that there is no log and make no folder."""
    for options in (OpenOptions(read_only=True), OpenOptions(create=False)):
        with pytest.raises(LogNotFound, match="does not exist"):
            await FileLog(str(tmp_path / "none"), options).open()
    assert not (tmp_path / "none").exists()


async def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A folder with other files in it does not become a log."""
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(LogNotFound, match=r"letter\.txt"):
        await FileLog(str(tmp_path)).open()
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


async def test_reading_sees_its_own_writes_at_once(tmp_path: Path) -> None:
    """What was acknowledged is in the next read of the writer and of a reader."""
    path = tmp_path / "log"
    await fill(path, 1)
    async with opened(path, PLAIN) as log, opened(path, read_only=True) as reader:
        for number in range(1, 20):
            await log.append(0, [append(number)])
            for one in (log, reader):
                assert (await one.read_thread("acme", "t", limit=1, backward=True)).last_seq == number
