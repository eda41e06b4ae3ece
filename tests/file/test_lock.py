"""One writer at a time, held by the kernel."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from file.logs import append, everything, fill, opened
from threadlog.log import LogClosed, LogLocked, LogReadOnly, OpenOptions
from threadlog_file import FileLog

pytestmark = pytest.mark.anyio

HOLDER = """
import asyncio, sys
from threadlog.log import OpenOptions
from threadlog_file import FileLog
async def main():
    async with FileLog(sys.argv[1], OpenOptions(holder={"url": "http://127.0.0.1:8000"})):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@contextmanager
def holder_of(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the log open for writing."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder
        holder.kill()


async def test_a_second_writer_is_told_who_holds_the_log(tmp_path: Path) -> None:
    """The error carries what the holder wrote about itself, also from within one process."""
    options = OpenOptions(holder={"url": "http://127.0.0.1:1"})
    async with FileLog(str(tmp_path / "log"), options):
        with pytest.raises(LogLocked, match=f"process {os.getpid()}") as caught:
            await FileLog(str(tmp_path / "log")).open()
        assert caught.value.holder["url"] == "http://127.0.0.1:1"
        assert caught.value.holder["pid"] == str(os.getpid())
    async with opened(tmp_path / "log"):
        pass


async def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """Another process's lock keeps writers out while it lives, and is gone with it."""
    with holder_of(tmp_path / "log") as holder:
        with pytest.raises(LogLocked) as caught:
            await FileLog(str(tmp_path / "log")).open()
        assert caught.value.holder["url"] == "http://127.0.0.1:8000"
        holder.send_signal(signal.SIGKILL)
    async with opened(tmp_path / "log") as log:
        await log.append(0, [append(1)])


async def test_what_the_lock_says_does_not_lock(tmp_path: Path) -> None:
    """A LOCK file that names a living process but is locked by nobody keeps nobody out."""
    await fill(tmp_path / "log", 1)
    (tmp_path / "log" / "LOCK").write_text(f'{{"pid":"{os.getpid()}"}}')
    async with opened(tmp_path / "log") as log:
        assert len(await everything(log)) == 1


async def test_a_forked_child_cannot_use_the_log_and_does_not_hold_it(tmp_path: Path) -> None:
    """A child that was forked with the log open is refused, and does not keep the lock after its parent's close."""
    log = FileLog(str(tmp_path / "log"))
    await log.open()
    told, tell = os.pipe()
    go_on, let_go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(let_go)
        os.write(tell, b"refused" if _refuses(log) else b"works")
        os.read(go_on, 1)  # stay alive until the parent has opened the log again
        os._exit(0)
    try:
        assert os.read(told, 100) == b"refused"
        await log.append(0, [append(1)])
        await log.close()
        async with opened(tmp_path / "log") as again:
            assert len(await everything(again)) == 1
    finally:
        os.write(let_go, b".")
        await asyncio.to_thread(os.waitpid, child, 0)
        for fd in (told, tell, go_on, let_go):
            os.close(fd)


def _refuses(log: FileLog) -> bool:
    try:
        log._opened()
    except LogClosed:
        return True
    return False


async def test_a_reader_takes_no_lock_and_writes_nothing(tmp_path: Path) -> None:
    """A log opened for reading refuses appends and leaves every file as it was."""
    await fill(tmp_path / "log", 3)
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in (tmp_path / "log").iterdir()}
    async with opened(tmp_path / "log", read_only=True) as reader:
        async with opened(tmp_path / "log", read_only=True) as other:
            assert await everything(reader) == await everything(other)
        with pytest.raises(LogReadOnly):
            await reader.append(0, [append(1)])
        with pytest.raises(LogReadOnly):
            await reader.restore(0, [])
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in (tmp_path / "log").iterdir()} == before


async def test_opening_is_undone_when_it_is_cancelled(tmp_path: Path) -> None:
    """A cancelled opening leaves no lock behind."""
    for _ in range(5):
        opening = asyncio.ensure_future(FileLog(str(tmp_path / "log")).open())
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
    async with opened(tmp_path / "log"):
        pass
