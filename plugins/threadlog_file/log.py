"""`FileLog`: the event log in a folder of this machine."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from threadlog.log import (
    Append,
    Capability,
    Durability,
    Event,
    EventLog,
    HeadPage,
    InvalidAppend,
    Limits,
    LogClosed,
    LogError,
    LogInfo,
    LogReadOnly,
    LogStatus,
    LogStopped,
    OpenOptions,
    Outcome,
    ShardPage,
    Snapshot,
    ThreadPage,
    shard_of,
)
from threadlog_file.commits import Commits
from threadlog_file.doorbell import Doorbell
from threadlog_file.files import FORBIDDEN, Files
from threadlog_file.folder import Folder, open_folder
from threadlog_file.options import FileOptions
from threadlog_file.reading import ShardReader
from threadlog_file.snapshots import SnapshotFiles

_POLL_FIRST, _POLL_LAST = 0.002, 0.010
"""Seconds between two looks at the watermark of another process: the first ones, and after a while."""


class _Open(Struct, frozen=True):
    """What there is while the log is open."""

    pid: int
    info: LogInfo
    folder: Folder
    readers: list[ShardReader]
    commits: list[Commits]
    bells: list[Doorbell]
    workers: ThreadPoolExecutor
    snapshots: SnapshotFiles


class FileLog(EventLog):
    """An event log in a folder.

    Args:
        path: the folder, absolute.
        options: how to open it.
        how: how to work in it.
        limits: what is too large.
        files: the file operations; a test puts its own here.
    """

    def __init__(
        self,
        path: str,
        options: OpenOptions | None = None,
        how: FileOptions | None = None,
        *,
        limits: Limits | None = None,
        files: Files | None = None,
    ) -> None:
        self._path = path
        self._options = options or OpenOptions()
        self._how = how or FileOptions()
        self._limits = limits or Limits()
        self._files = files or Files()
        self._open: _Open | None = None

    @property
    def info(self) -> LogInfo:
        return self._opened().info

    async def open(self) -> None:
        if self._open is not None:
            return
        workers = ThreadPoolExecutor(9, thread_name_prefix="threadlog-file")
        opening = asyncio.get_running_loop().run_in_executor(
            workers, open_folder, self._files, self._path, self._options, self._how
        )
        try:
            folder = await asyncio.shield(opening)
        except BaseException as error:
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                opening.result().close()
            workers.shutdown()
            if isinstance(error, OSError) and not isinstance(error, LogError):
                raise LogStopped(self._unopened(error)) from error
            raise
        self._open = self._assemble(folder, workers)

    def _unopened(self, error: OSError) -> str:
        """Why the log could not be opened, and what to do."""
        remedy = "check the path, its rights and the disk"
        if error.errno in FORBIDDEN and not self._options.read_only:
            remedy = "give this process the right to write there, or open the log for reading only"
        return f"the log at {self._path} cannot be opened ({error}): {remedy}."

    async def close(self) -> None:
        opened, self._open = self._open, None
        if opened is None:
            return
        for bell in opened.bells:
            bell.ring()
        try:
            for commits in opened.commits:
                await commits.close()
        finally:
            opened.workers.shutdown()
            if opened.pid == os.getpid():
                opened.folder.close()

    async def status(self) -> LogStatus:
        opened = await self._turn()
        if self._options.read_only:
            return LogStatus(False, "the log is open for reading only.")
        for writer in opened.folder.writers:
            if writer.stopped is not None:
                return LogStatus(False, writer.stopped)
        try:
            full = any(writer.full() for writer in opened.folder.writers[:1])
        except OSError as error:
            return LogStatus(False, f"the storage does not answer: {error}.")
        return LogStatus(False, f"the disk of {self._path} is full; make room.") if full else LogStatus(True)

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        opened = await self._turn()
        commits = self._commits(opened, shard)
        if opened.info.shards > 1:
            for tenant in {append.tenant for append in appends}:
                _check_place(tenant, shard, opened.info.shards)
        self._limits.check_call(appends)
        return await commits.append(appends)

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        opened = await self._turn()
        _check_page(after, limit)
        reader = self._reader(opened, self.shard_of(tenant))
        return reader.healed(lambda: reader.thread_page(tenant, thread_id, after, limit, backward=backward))

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        opened = await self._turn()
        _check_page(after, limit)
        reader = self._reader(opened, shard)
        return reader.healed(lambda: reader.shard_page(after, limit, tenant))

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        opened = await self._turn()
        reader = self._reader(opened, shard)
        if reader.last <= after:
            if self._options.read_only:
                await self._poll(opened, shard, after, timeout)
            else:
                await opened.bells[shard].wait(timeout)
            self._opened()
        return self._reader(opened, shard).last

    async def list_heads(
        self,
        tenant: str,
        *,
        owner: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
    ) -> HeadPage:
        opened = await self._turn()
        _check_page(0, limit)
        reader = self._reader(opened, self.shard_of(tenant))
        most = min(limit, self._limits.page_events)
        return reader.healed(lambda: reader.heads_page(tenant, owner, after, most, newest_first=newest_first))

    async def load_snapshot(self, tenant: str, thread_id: str, projection: str, version: int) -> Snapshot | None:
        opened = await self._turn()
        return opened.snapshots.load(tenant, thread_id, projection, version)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        opened = await self._turn()
        if not self._options.read_only and not (await self.status()).reason:
            opened.snapshots.save(snapshot)

    async def restore(self, shard: int, events: Sequence[Event]) -> int:
        opened = await self._turn()
        return await self._commits(opened, shard).restore(events)

    def _assemble(self, folder: Folder, workers: ThreadPoolExecutor) -> _Open:
        readers = [ShardReader(shard, self._limits) for shard in folder.shards]
        bells = [Doorbell() for _ in folder.shards]
        commits = [
            Commits(shard, reader, writer, folder.policy, workers, bell, shards=len(folder.shards))
            for shard, reader, writer, bell in zip(folder.shards, readers, folder.writers, bells, strict=False)
        ]
        snapshots = SnapshotFiles(self._files, self._path)
        return _Open(os.getpid(), self._describe(folder), folder, readers, commits, bells, workers, snapshots)

    def _describe(self, folder: Folder) -> LogInfo:
        notes = [f"{damage.place} is damaged{damage.positions}" for shard in folder.shards for damage in shard.damage]
        if sys.platform == "darwin":
            notes.append("macOS: durable as far as the drive honours F_FULLFSYNC")
        return LogInfo(
            scheme="file",
            location=self._path,
            log_id=folder.manifest.log_id,
            shards=folder.manifest.shards,
            durability=Durability.DISK,
            capabilities=frozenset({Capability.PERSISTENT, Capability.OTHER_READERS}),
            limits=self._limits,
            read_only=self._options.read_only,
            notes=tuple(notes),
        )

    def _opened(self) -> _Open:
        if self._open is None:
            raise LogClosed("the log is not open; use it inside `async with`.")
        if self._open.pid != os.getpid():
            raise LogClosed("this process was forked after the log was opened; open a log of its own in each process.")
        return self._open

    async def _turn(self) -> _Open:
        """Give other tasks their turn: most of what follows waits for nothing."""
        self._opened()
        await asyncio.sleep(0)
        return self._opened()

    def _reader(self, opened: _Open, shard: int) -> ShardReader:
        """The reader of a shard, having seen everything that is there now."""
        _check_shard(shard, len(opened.readers))
        reader = opened.readers[shard]
        if self._options.read_only:
            reader.advance(opened.folder.watermark.load(shard))
        return reader

    def _commits(self, opened: _Open, shard: int) -> Commits:
        if self._options.read_only:
            raise LogReadOnly("the log is open for reading only; open it without read_only to append.")
        _check_shard(shard, len(opened.commits))
        return opened.commits[shard]

    async def _poll(self, opened: _Open, shard: int, after: int, timeout: float) -> None:
        """Watch the watermark, which another process moves."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + timeout, _POLL_FIRST
        while (left := end - loop.time()) > 0 and opened.folder.watermark.load(shard).position <= after:
            await opened.bells[shard].wait(min(pause, left))
            self._opened()
            pause = min(pause * 1.1, _POLL_LAST)


def _check_shard(shard: int, shards: int) -> None:
    if not 0 <= shard < shards:
        raise ValueError(f"shard is {shard}; this log has shards 0 to {shards - 1}.")


def _check_place(tenant: str, shard: int, shards: int) -> None:
    if shard_of(tenant, shards) != shard:
        raise InvalidAppend(f"tenant {tenant!r} does not live in shard {shard}; ask `shard_of`.")


def _check_page(after: int, limit: int) -> None:
    if after < 0:
        raise ValueError(f"after is {after}; numbers start at 1, and 0 stands before them.")
    if limit < 1:
        raise ValueError(f"limit is {limit}; a page holds at least 1.")
