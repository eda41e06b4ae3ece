"""A small log on a simulated disk, damaged in one place, and what may then be told and served."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from file.logs import everything
from file.power import workloads
from file.power.disk import Disk
from file.power.journal import Knowledge
from file.power.listing import PROJECTION, snapshot_of
from file.power.lives import PATH, Backend, Life, Scribe, fresh_disk, live
from file.power.seam import DiskFiles
from threadlog.log import Event, LogCorrupt, LogError, MaintenanceReport
from threadlog.log.memory import MemoryLog
from threadlog_file import FileLog, FileMaintenance, FileOptions

BACKEND = Backend(FileOptions(sync="inline", segment_bytes=4096, prefill_bytes=0, reserve_bytes=0))

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """A closed log of a few segments, with heads and a snapshot."""

    disk: Disk
    events: Sequence[Event]

    def files(self) -> dict[str, bytes]:
        """Name (within the log's folder) and content of each file."""
        tree = self.disk.tree()
        return {path.removeprefix(f"{PATH}/"): data for path, data in tree.items() if data is not None}

    def damaged(self, name: str, data: bytes | None) -> Disk:
        """The same log with another content of one file, or without it."""
        disk = self.disk.copy()
        files = DiskFiles(disk)
        if data is None:
            files.unlink(f"{PATH}/{name}")
            return disk
        fd = files.open(f"{PATH}/{name}", os.O_RDWR | os.O_TRUNC)
        files.pwrite(fd, data, 0)
        return disk


async def twins() -> tuple[Sample, Sample]:
    """A closed log and a copy of it, which went on from the middle on each by itself, in the same way."""
    base = await live(BACKEND, workloads.heads, fresh_disk(), Knowledge())
    both = [await live(BACKEND, workloads.heads, base.files.disk, base.journal.now) for _ in range(2)]
    return _sample_of(both[0]), _sample_of(both[1])


async def sample() -> Sample:
    """Make one."""

    async def work(scribe: Scribe) -> None:
        await workloads.heads(scribe)
        events = await everything(scribe.log)
        await scribe.log.save_snapshot(snapshot_of(events[3]))

    return _sample_of(await live(BACKEND, work, fresh_disk(), Knowledge()))


def _sample_of(life: Life) -> Sample:
    return Sample(life.files.disk, [life.journal.now.kept[key] for key in sorted(life.journal.now.kept)])


@dataclass
class Told:
    """What a damaged log says and serves, all told."""

    places: list[str] = field(default_factory=list)
    """Places named by errors and by notes."""
    findings: list[str] = field(default_factory=list)
    """Places named by verify as errors or warnings."""
    bad: list[str] = field(default_factory=list)
    """What was served and is not what was written."""


async def examine(disk: Disk, events: Sequence[Event]) -> Told:
    """Read all there is in every way, as a reader and as a writer; verify it."""
    told = Told()
    for read_only in (True, False):
        log = BACKEND.log(DiskFiles(disk.copy()), read_only=read_only)
        try:
            await log.open()
        except LogCorrupt as error:
            told.places.append(error.place)
        else:
            told.places += [note.partition(" is damaged")[0] for note in log.info.notes]
            await _read(log, events, told, complete=not read_only)
        await log.close()
    told.findings = [finding.place for finding in _verify(disk).findings if finding.level != "info"]
    return told


def covers(place: str, name: str, at: int) -> bool:
    """Whether a place such as ``NAME bytes 10-20`` is one in which byte `at` of the file `name` lies."""
    file, _, span = place.partition(" bytes ")
    first, _, last = span.partition("-")
    return file == name and (not span or int(first) <= at <= int(last))


def _verify(disk: Disk) -> MaintenanceReport:
    return FileMaintenance(PATH, BACKEND.how, files=DiskFiles(disk.copy())).verify()


async def _read(log: FileLog, events: Sequence[Event], told: Told, *, complete: bool) -> None:
    """Read by position, by thread, by head and by snapshot.

    Args:
        complete: whether everything that was acknowledged must be there or be refused.
    """
    for event in events:
        page = await _tried(log.read_shard(0, after=event.position - 1, limit=1), told)
        if page is not None and page.events[:1] != (event,) and (page.events or complete):
            told.bad.append(f"position {event.position} is {page.events[:1]}")
    for tenant, thread in sorted({(event.tenant, event.thread_id) for event in events}):
        expected = [event for event in events if (event.tenant, event.thread_id) == (tenant, thread)]
        found = await _thread(log, tenant, thread, told)
        if found != expected[: len(found)] or (complete and len(found) < len(expected) and not told.places):
            told.bad.append(f"thread {thread} is {found}")
        snapshot = await _tried(log.load_snapshot(tenant, thread, PROJECTION, 1), told)
        if snapshot is not None and snapshot not in map(snapshot_of, expected):
            told.bad.append(f"snapshot of {thread} is {snapshot}")
    await _read_heads(log, events, told, complete=complete)


async def _thread(log: FileLog, tenant: str, thread: str, told: Told) -> list[Event]:
    """The events of a thread up to its end, or to what cannot be read."""
    found: list[Event] = []
    while page := await _tried(log.read_thread(tenant, thread, after=len(found), limit=1000), told):
        found += page.events
        if not page.events or page.events[-1].seq == page.last_seq:
            break
    return found


async def _read_heads(log: FileLog, events: Sequence[Event], told: Told, *, complete: bool) -> None:
    page = await _tried(log.list_heads("acme", limit=100), told)
    if page is None or (not complete and log.info.notes):
        return
    async with MemoryLog() as reference:
        await reference.restore(0, list(events))
        expected = await reference.list_heads("acme", limit=100)
    if page != expected and complete:
        told.bad.append(f"heads are {page}")


async def _tried(call: Awaitable[T], told: Told) -> T | None:
    """What a call answers, or None where it says that something is damaged."""
    try:
        return await call
    except LogCorrupt as error:
        told.places.append(error.place)
    except LogError as error:
        told.bad.append(f"no place is named: {error!r}")
    return None
