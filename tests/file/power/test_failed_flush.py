"""A flush that failed, then another process, then a power cut: what only memory holds is not taken for stored."""

from __future__ import annotations

import errno
import random
from contextlib import suppress

import pytest

from file.power import workloads
from file.power.campaign import cut_everywhere, some_cuts
from file.power.disk import Disk
from file.power.journal import Journal, Knowledge
from file.power.lives import Backend, Life, Scribe, Work, fresh_disk, live
from file.power.seam import DiskFiles
from threadlog.log import LogError
from threadlog_file import FileOptions

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

BACKEND = Backend(FileOptions(sync="inline", segment_bytes=4096, prefill_bytes=2048, reserve_bytes=0))


class FailingFiles(DiskFiles):
    """File operations of which one flush of a file fails.

    Args:
        at: number of the flush.
    """

    def __init__(self, disk: Disk, at: int) -> None:
        super().__init__(disk)
        self.left = at

    def flush(self, fd: int) -> None:
        """Flush or fail; after that, what was not flushed looks as if it were."""
        self.left -= 1
        if self.left:
            super().flush(fd)
            return
        self._call("fail_flush", self._open[fd])
        raise OSError(errno.EIO, "made to fail")


async def life_with_a_failed_flush(work: Work, at: int) -> Life | None:
    """A life whose flush number `at` fails; None if there are not so many."""
    files = FailingFiles(fresh_disk(), at)
    life = Life(fresh_disk(), files, Journal(files.trace, Knowledge()), (f"flush {at} fails",))
    scribe = Scribe(BACKEND.log(files), life.journal, BACKEND, files)
    with suppress(LogError):
        await scribe.log.open()
        await work(scribe)
    await scribe.log.close()
    return life if files.left <= 0 else None


@pytest.mark.parametrize("work", [workloads.few, workloads.rolling], ids=lambda work: work.__name__)
async def test_a_failed_flush_then_a_cut(work: Work) -> None:
    """Whichever flush fails: what the next process serves and acknowledges is there after a cut at any moment of it."""
    rng, at = random.Random(3), 1
    while (life := await life_with_a_failed_flush(work, at)) is not None:
        after = await live(BACKEND, workloads.one, life.files.disk, life.journal.now, *life.ancestry)
        await cut_everywhere(BACKEND, after, some_cuts(3, rng))
        at += 1
    assert at > 8


async def test_an_append_whose_flush_failed_is_found_in_memory() -> None:
    """The simulated failure does what it says: not acknowledged, and yet the next process sees it whole."""
    found, at = set(), 1
    while (life := await life_with_a_failed_flush(workloads.one, at)) is not None:
        after = await live(BACKEND, workloads.nothing, life.files.disk, life.journal.now)
        found.add((len(life.journal.now.kept), len(after.journal.now.kept)))
        at += 1
    assert (0, 1) in found
