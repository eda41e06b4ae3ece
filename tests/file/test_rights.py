"""A log in a folder in which this process may read and not write."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from file.logs import SMALL, fill

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

READ = """
import asyncio, os, sys
from threadlog.log import LogStopped, OpenOptions
from threadlog_file import FileLog, FileMaintenance

async def main(path):
    async with FileLog(path, OpenOptions(read_only=True)) as log:
        print((await log.read_shard(0, limit=1000)).last_position)
    print(FileMaintenance(path).verify().ok)
    try:
        await FileLog(path).open()
    except LogStopped as error:
        print(error)

if os.geteuid() == 0:  # who may write everywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def read(path: Path) -> str:
    """What another process says of the log that may not write."""
    command = [sys.executable, "-c", READ, str(path)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=30, check=True).stdout


async def test_a_log_may_be_read_where_nothing_may_be_written(place: Path) -> None:
    """A reader and verify need no right to write; a writer is told what to do."""
    path = place / "log"
    events = await fill(path, 30, SMALL)
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    told = await asyncio.to_thread(read, path)
    path.chmod(0o755)
    last, ok, error = told.splitlines()
    assert (last, ok) == (str(len(events)), "True")
    assert "LOCK" in error
    assert "open the log for reading only" in error
