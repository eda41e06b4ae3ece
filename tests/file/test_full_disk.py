"""A disk that is really full."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from file.logs import append, everything, opened, threads_of
from threadlog.log import StorageFull
from threadlog_file import FileLog, FileOptions

pytestmark = pytest.mark.anyio


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "threadlog-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk; test_faults.py makes writes fail instead")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def grow(disk: Path) -> None:
    """Make room."""
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)


async def fill_up(log: FileLog) -> int:
    """Append until it is refused; returns how many appends were stored."""
    for number in itertools.count():
        try:
            await log.append(0, [append(number, thread=f"t{number % 5}", count=100)])
        except StorageFull:
            return number
    raise AssertionError


@pytest.mark.parametrize("reserve", [0, 1024 * 1024], ids=["no reserve", "reserve"])
@pytest.mark.parametrize("sync", ["inline", "thread"])
async def test_a_full_disk(small_disk: Path, reserve: int, sync: str) -> None:
    """Appends are refused when the disk is full, reading goes on, and so does writing when there is room again."""
    how = FileOptions(sync=sync, segment_bytes=256 * 1024, reserve_bytes=reserve)  # type: ignore[arg-type]
    async with opened(small_disk / "log", how) as log:
        number = await fill_up(log)
        assert number > 50
        free = os.statvfs(small_disk)
        assert free.f_bavail * free.f_frsize >= reserve * 0.9
        assert not (await log.status()).writable or not reserve
        events = await everything(log)
        assert len(events) == number * 100
        assert await threads_of(log, events) == events
    async with opened(small_disk / "log", how) as log:
        assert await everything(log) == events
        grow(small_disk)
        assert (await log.status()).writable
        await log.append(0, [append(number, count=100)])
        assert len(await everything(log)) == len(events) + 100
