"""Snapshots are a checked cache."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from file.faulty import FaultyFiles
from file.logs import opened
from threadlog.log import Snapshot

pytestmark = pytest.mark.anyio


def snapshot(seq: int, *, thread: str = "t", version: int = 1) -> Snapshot:
    """A snapshot at a seq."""
    return Snapshot(
        tenant="acme",
        thread_id=thread,
        projection="state",
        version=version,
        seq=seq,
        check="0a1b2c3d",
        state=b"line one\nstate at %d \x00\xff" % seq,
    )


async def test_a_snapshot_outlives_the_log(tmp_path: Path) -> None:
    """The newest one of exactly this thread, projection and version is found, also after reopening."""
    async with opened(tmp_path / "log") as log:
        await log.save_snapshot(snapshot(5))
        await log.save_snapshot(snapshot(9))
        await log.save_snapshot(snapshot(7))
    for read_only in (False, True):
        async with opened(tmp_path / "log", read_only=read_only) as log:
            assert await log.load_snapshot("acme", "t", "state", 1) == snapshot(9)
            assert await log.load_snapshot("acme", "t", "state", 2) is None
            assert await log.load_snapshot("other", "t", "state", 1) is None


async def test_a_damaged_snapshot_is_not_given(tmp_path: Path) -> None:
    """A flipped bit anywhere, or a cut, is as if there were none."""
    async with opened(tmp_path / "log") as log:
        await log.save_snapshot(snapshot(5))
        (file,) = (tmp_path / "log" / "snapshots").glob("*/*.snap")
        whole = file.read_bytes()
        for at in range(len(whole)):
            damaged = bytearray(whole)
            damaged[at] ^= 1
            file.write_bytes(damaged)
            assert await log.load_snapshot("acme", "t", "state", 1) is None
            file.write_bytes(whole[:at])
            assert await log.load_snapshot("acme", "t", "state", 1) is None
        await log.save_snapshot(snapshot(6))
        assert await log.load_snapshot("acme", "t", "state", 1) == snapshot(6)


async def test_a_snapshot_that_cannot_be_kept_is_lost(tmp_path: Path) -> None:
    """No room, or a log open for reading, raises nothing."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log:
        with files.failing("pwrite", "open", code=errno.ENOSPC):
            await log.save_snapshot(snapshot(5))
        assert await log.load_snapshot("acme", "t", "state", 1) is None
    async with opened(tmp_path / "log", read_only=True) as log:
        await log.save_snapshot(snapshot(5))
        assert await log.load_snapshot("acme", "t", "state", 1) is None
