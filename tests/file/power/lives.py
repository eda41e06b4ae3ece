"""Lives of a log on a simulated disk: it is opened, checked and worked with, and a cut or a kill may come anywhere."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from file.logs import everything, threads_of
from file.power.disk import Disk
from file.power.journal import Broken, Journal, Knowledge
from file.power.listing import check_heads, check_snapshots
from file.power.seam import DiskFiles
from file.power.states import any_state
from threadlog.log import Event, LogError, OpenOptions
from threadlog_file import FileLog, FileOptions
from threadlog_file.manifest import NAME as MANIFEST

PATH = "/srv/threads/log"
"""Where the log lies; on a fresh disk there is only ``/srv``."""


@dataclass(frozen=True)
class Backend:
    """The log under test, right or wrong, and how it works."""

    how: FileOptions
    shards: int = 1
    files: type[DiskFiles] = DiskFiles
    """The file operations; a wrong backend leaves some out."""

    def log(self, files: DiskFiles, *, read_only: bool = False) -> FileLog:
        """The log on a disk."""
        return FileLog(PATH, OpenOptions(read_only=read_only, shards=self.shards), self.how, files=files)


Work: TypeAlias = Callable[["Scribe"], Awaitable[None]]
"""What is done with an open log."""


@dataclass
class Scribe:
    """An open log, and the journal in which to write what is asked of it and what it answers."""

    log: FileLog
    journal: Journal
    backend: Backend
    files: DiskFiles

    async def reopen(self) -> None:
        """Close the log and open it again, as another process would."""
        await self.log.close()
        self.log = self.backend.log(self.files)
        await self.log.open()


@dataclass(frozen=True)
class Life:
    """What was done to a disk, from opening a log to closing it."""

    start: Disk
    files: DiskFiles
    journal: Journal
    ancestry: tuple[str, ...] = field(default=())
    """How it came to this life, for people."""

    def moments(self) -> Iterator[tuple[int, Disk, Knowledge]]:
        """After each operation: its number, the disk (which changes with the next one), and what was known."""
        disk = self.start.copy()
        yield 0, disk, self.journal.at(0)
        for number, operation in enumerate(self.files.trace, 1):
            disk.apply(operation)
            yield number, disk, self.journal.at(number)

    def moment(self, number: int) -> tuple[Disk, Knowledge]:
        """One of them."""
        disk = self.start.copy()
        for operation in self.files.trace[:number]:
            disk.apply(operation)
        return disk, self.journal.at(number)

    def told(self, number: int, how: str, before: Disk | None = None, after: Disk | None = None) -> str:
        """How a life ended, for people: the last operations before it, and what the disk did not get."""
        lines = [f"{how} after operation {number} of {len(self.files.trace)}:"]
        lines += [f"    {operation}" for operation in self.files.trace[max(0, number - 8) : number]]
        if before is not None and after is not None:
            lines += [f"    not as seen: {before.path_of(cell.node)} {cell.key}" for cell in before.unlike(after)]
        return "\n".join(lines)


def fresh_disk() -> Disk:
    """A disk with nothing but the folder ``/srv``."""
    files = DiskFiles(Disk())
    files.mkdir("/srv")
    files.flush_dir("/")
    return files.disk


async def live(backend: Backend, work: Work, disk: Disk, known: Knowledge, *ancestry: str) -> Life:
    """Open the log on a disk, check that it holds what it must, and work with it.

    Raises:
        Broken: it does not, cannot be opened, or cannot go on; the message says how it came to that.
    """
    files = backend.files(disk.copy())
    life = Life(disk.copy(), files, Journal(files.trace, known), ancestry)
    scribe = Scribe(backend.log(files), life.journal, backend, files)
    try:
        read = await _read(backend, disk)
        await scribe.log.open()
        served = await _all(scribe.log)
        _check_prefix(read, served)
        await _check(scribe.log, served, known)
        life.journal.served(served)
        await work(scribe)
    except (LogError, AssertionError) as error:
        raise Broken("\n".join((*ancestry, f"{type(error).__name__}: {error}"))) from error
    finally:
        await scribe.log.close()
    return life


async def _read(backend: Backend, disk: Disk) -> list[Event]:
    """What a reader is served before a writer has opened the log."""
    files = DiskFiles(disk.copy())
    if not files.exists(f"{PATH}/{MANIFEST}"):
        return []
    async with backend.log(files, read_only=True) as log:
        if log.info.notes:
            raise Broken(f"a reader finds damage: {log.info.notes}")
        return await _all(log)


async def _all(log: FileLog) -> list[Event]:
    """All events, shard by shard."""
    return [event for shard in range(log.info.shards) for event in await everything(log, shard)]


def _check_prefix(read: list[Event], served: list[Event]) -> None:
    """What a reader was served is still there when the writer has recovered."""
    there = set(map(_place, served))
    for event in read:
        if _place(event) not in there:
            raise Broken(f"a reader was served {event}, and now it is gone")


def _place(event: Event) -> tuple[int, int, str]:
    return event.shard, event.position, event.id


async def _check(log: FileLog, served: list[Event], known: Knowledge) -> None:
    """What the log serves is what it must serve, whichever way it is asked."""
    for shard in range(log.info.shards):
        events = [event for event in served if event.shard == shard]
        known.check(shard, events)
        if await threads_of(log, events) != events:
            raise Broken("threads hold other events than the shard")
    await check_heads(log, served)
    await check_snapshots(log, served)


async def first_life(backend: Backend, work: Work) -> Life:
    """The life of a log that is made on a fresh disk."""
    return await live(backend, work, fresh_disk(), Knowledge())


async def next_life(backend: Backend, work: Work, life: Life, rng: random.Random) -> Life:
    """Let a life end anywhere, by a power cut or by a kill, and the next one begin."""
    number = rng.randint(0, len(life.files.trace))
    disk, known = life.moment(number)
    if rng.random() < 0.3:
        return await live(backend, work, disk, known, *life.ancestry, life.told(number, "killed"))
    cut = any_state(disk, rng)
    return await live(backend, work, cut, known, *life.ancestry, life.told(number, "cut", disk, cut))
