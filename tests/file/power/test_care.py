"""A power cut or a kill during repair or backup: neither harms what is whole, and both can be done again."""

from __future__ import annotations

import os
import random

import pytest

from file.damaged import BACKEND, Sample, sample, twins
from file.logs import everything, threads_of
from file.power.disk import Disk
from file.power.lives import PATH
from file.power.seam import DiskFiles
from file.power.states import states
from threadlog_file import FileLog, FileMaintenance

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(3600)]

EFFORT = int(os.environ.get("THREADLOG_POWER_CUTS", "1"))
"""How many times as many states are sampled."""

COPY = "/srv/threads/copy"


@pytest.fixture
async def whole() -> Sample:
    """A whole log."""
    return await sample()


def settled(disk: Disk) -> Disk:
    """A disk on which everything is flushed."""
    for cell in disk.undecided():
        disk.flush(cell.node)
    return disk


def care(disk: Disk) -> tuple[FileMaintenance, DiskFiles]:
    """Maintenance of the log on a disk, and its file operations."""
    files = DiskFiles(disk)
    return FileMaintenance(PATH, BACKEND.how, files=files), files


def damaged(whole: Sample, how: str) -> Disk:
    """The log with something wrong."""
    name = "0-0000000000000005.seg"
    data = whole.files()[name]
    if how == "WATERMARK":
        return settled(whole.damaged("WATERMARK", None))
    if how == "missing":
        return settled(whole.damaged(name, None))
    return settled(whole.damaged(name, data[:700] + bytes(64) + data[764:]))


@pytest.mark.parametrize("how", ["frame", "missing", "WATERMARK"])
async def test_repair_may_be_cut_off_anywhere(whole: Sample, how: str) -> None:
    """Whatever of a repair has reached the disk, the next one ends as it would have, and loses nothing more."""
    assert bool(await ends_the_same(damaged(whole, how), whole)) == (how != "WATERMARK")


@pytest.mark.parametrize("how", ["frame", "sealed frame", "sealed last frame", "segment", "row", "index"])
async def test_repair_of_an_exchange_may_be_cut_off_anywhere(how: str) -> None:
    """The same where whole frames, segments or indexes are those of a copy that went on by itself."""
    whole, twin = await twins()
    assert bool(await ends_the_same(mixed(whole, twin, how), whole)) == (how != "index")


def mixed(whole: Sample, twin: Sample, how: str) -> Disk:
    """The log with something of its twin in place of its own."""
    names = sorted(name for name in whole.files() if name.endswith(".seg"))
    name, theirs = names[-1 if how == "frame" else -3], twin.files()
    if how.endswith("frame"):
        data = whole.files()[name]
        starts = [at for at in range(len(data)) if data.startswith(b'{"frame"', at)]
        start, end = (starts[-1], len(data)) if "last" in how else starts[:2]
        return settled(whole.damaged(name, data[:start] + theirs[name][start:end] + data[end:]))
    segments = {"segment": [name], "row": names[-3:-1]}.get(how, [])
    disk = whole.disk
    for taken in [*segments, *(segment.replace(".seg", ".idx") for segment in segments or [name])]:
        disk = Sample(disk, whole.events).damaged(taken, theirs[taken])
    return settled(disk)


async def ends_the_same(start: Disk, whole: Sample) -> set[int]:
    """Cut a repair off anywhere and do it again; returns for which positions a mark stands each time."""
    rng, reference = random.Random(3), start.copy()
    care(reference)[0].repair()
    lost = await marks(reference, whole)
    maintenance, files = care(start.copy())
    maintenance.repair()
    disk, count = start.copy(), 0
    for operation in files.trace:
        disk.apply(operation)
        for state in [disk.copy(), *states(disk, 3 * EFFORT, rng)]:
            assert care(state)[0].repair().ok
            assert await marks(state, whole) == lost
            count += 1
    print(f"{count} states")
    assert count > 20
    return lost


async def marks(disk: Disk, whole: Sample) -> set[int]:
    """Positions at which the log holds a mark for a lost event; all others are as they were."""
    async with BACKEND.log(DiskFiles(disk.copy())) as log:
        now = await everything(log)
        assert await threads_of(log, now) == now
    assert len(now) == len(whole.events)
    changed = [event for event, before in zip(now, whole.events, strict=True) if event != before]
    assert {event.type for event in changed} <= {"log.lost"}
    return {event.position for event in changed}


async def test_backup_may_be_cut_off_anywhere(whole: Sample) -> None:
    """The log stays whole, and a copy that has its name is whole as well; it has it for sure when all is said."""
    start, rng = settled(whole.disk.copy()), random.Random(3)
    maintenance, files = care(start.copy())
    assert maintenance.backup(COPY).ok
    disk, copies = start.copy(), 0
    for number, operation in enumerate(files.trace, 1):
        disk.apply(operation)
        for state in [disk.copy(), *states(disk, 3 * EFFORT, rng)]:
            assert await marks(state, whole) == set()
            there = DiskFiles(state).exists(COPY)
            copies += there
            assert there or number < len(files.trace)
            if there:
                async with FileLog(COPY, None, BACKEND.how, files=DiskFiles(state)) as log:
                    assert await everything(log) == whole.events
    assert copies
