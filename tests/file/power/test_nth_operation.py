"""Whichever change of a file fails, at once or for good: nothing acknowledged is lost, now, later and after a cut."""

from __future__ import annotations

import errno
import random
from contextlib import suppress

import pytest

from file.logs import everything
from file.power import workloads
from file.power.campaign import some_cuts
from file.power.disk import Disk
from file.power.journal import Broken, Journal, Knowledge
from file.power.lives import Backend, Life, Scribe, fresh_disk, live
from file.power.seam import DiskFiles
from file.power.workloads import append, give
from threadlog.log import HeadChange, LogBusy, LogError, StorageFull
from threadlog_file import FileOptions

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

BACKEND = Backend(FileOptions(sync="inline", segment_bytes=4096, prefill_bytes=600, reserve_bytes=0))

FAULTS = [
    ("fails", errno.EIO),
    ("fails", errno.ENOSPC),
    ("fails", errno.EINTR),
    ("fails from then on", errno.EIO),
    ("fails after it was done", errno.EIO),
    ("takes half of a write, then fails", errno.ENOSPC),
]


class FaultyDiskFiles(DiskFiles):
    """File operations of which one change fails.

    Args:
        at: number of the change.
        mode: how, of `FAULTS`.
        code: the error's number.
    """

    def __init__(self, disk: Disk, at: int, mode: str, code: int) -> None:
        super().__init__(disk)
        self.left = at
        self._mode = mode
        self._code = code

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write; or half of it, whereupon the next change fails."""
        if self._mode.startswith("takes half") and self.left == 1 and len(data) > 1:
            self._do("write", self._open[fd], offset, bytes(data)[: len(data) // 2])
            return len(data) // 2
        return super().pwrite(fd, data, offset)

    def _call(self, name: str, *arguments: object) -> None:
        self.left -= 1
        fails = self.left == 0 or (self.left < 0 and self._mode == "fails from then on")
        if not fails or (self._mode == "fails after it was done" and name != "write"):
            super()._call(name, *arguments)
        if fails:
            raise OSError(self._code, "made to fail")


async def stubborn(scribe: Scribe) -> None:
    """Append and append, whatever the log says; after each refusal what was acknowledged can be read."""
    for number in range(9):
        head = HeadChange(owner="alice", title=f"title {number}") if number % 3 == 0 else None
        try:
            await give(scribe, append(f"t{number % 2}", 2, size=500, head=head), append("t3", size=10))
        except (StorageFull, LogBusy):
            scribe.journal.refused()
        except LogError:
            pass
        held = {(event.shard, event.position): event for event in await everything(scribe.log)}
        if held != scribe.journal.now.kept:
            raise Broken(f"{sorted(held)} are served, {sorted(scribe.journal.now.kept)} were acknowledged")


async def life_with_a_fault(at: int, mode: str, code: int) -> Life | None:
    """A life in which change number `at` fails; None if there are not so many."""
    files = FaultyDiskFiles(fresh_disk(), at, mode, code)
    life = Life(fresh_disk(), files, Journal(files.trace, Knowledge()), (f"change {at} {mode}",))
    scribe = Scribe(BACKEND.log(files), life.journal, BACKEND, files)
    with suppress(LogError):
        await scribe.log.open()
        await stubborn(scribe)
    await scribe.log.close()
    return life if files.left <= 0 else None


@pytest.mark.parametrize(("mode", "code"), FAULTS, ids=lambda value: errno.errorcode.get(value, value))
async def test_the_nth_change_fails(mode: str, code: int) -> None:
    """For N = 1, 2, 3 …: the next process finds what was acknowledged, whether the power was cut meanwhile or not."""
    rng, at = random.Random(5), 1
    while (life := await life_with_a_fault(at, mode, code)) is not None:
        known = life.journal.now
        await live(BACKEND, workloads.one, life.files.disk, known, *life.ancestry, "closed")
        for state in some_cuts(4, rng)(life.files.disk):
            told = life.told(len(life.files.trace), "cut", life.files.disk, state)
            await live(BACKEND, workloads.one, state, known, *life.ancestry, told)
        at += 1
    assert at > 30
