"""The contract of a storage plugin: `EventLog`, and what it says about itself.

Every sentence that a log promises is a numbered clause. They stand here, next to the method that keeps them;
`docs/reference/contract.md` lists them and the conformance kit (`threadlog.testing`) carries their numbers.
"""

from __future__ import annotations

import enum
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Self

from msgspec import Struct

from threadlog.log.envelope import Append, Event, HeadPage, Outcome, ShardPage, Snapshot, ThreadPage
from threadlog.log.errors import TooLarge


class Durability(enum.IntEnum):
    """What an acknowledged append survives; each level includes those below."""

    MEMORY = 0
    """Nothing: it is gone with the process."""
    PROCESS = 1
    """The death of the process, such as a SIGKILL."""
    DISK = 2
    """A power cut: the bytes are on stable storage."""
    REPLICATED = 3
    """The loss of one machine."""


class Capability(enum.StrEnum):
    """What only some logs can do; the conformance kit checks each declaration both ways."""

    PERSISTENT = "persistent"
    """Data outlives closing and can be opened again."""
    OTHER_READERS = "other-readers"
    """Other processes, and other log objects of this process, can read while one writes."""
    OTHER_WRITERS = "other-writers"
    """Several processes, and several log objects of one process, can write at once."""


class Limits(Struct, frozen=True, kw_only=True):
    """What is too large for a log (A9), and what keeps its pages bounded (R1)."""

    event_bytes: int = 1024 * 1024
    """Payload of one event."""
    append_events: int = 1_000
    """Events of one append."""
    append_bytes: int = 4 * 1024 * 1024
    """All payloads of one append."""
    batch_events: int = 2_000
    """Events of one `EventLog.append` call, unless it is a single append."""
    batch_bytes: int = 4 * 1024 * 1024
    """All payloads of one `EventLog.append` call, unless it is a single append."""
    page_events: int = 1_000
    """Events of one page, however many are asked for."""
    page_bytes: int = 4 * 1024 * 1024
    """Payloads of one page; the first event (or whole append) always fits, another that does not waits for the next."""

    def check(self, append: Append) -> int:
        """Refuse an append that this log can never take (A9).

        Returns:
            Bytes of all its payloads.

        Raises:
            TooLarge: it has too many events, or too many bytes in one or in all of them.
        """
        events = append.events
        if len(events) > self.append_events:
            raise TooLarge("append_events", len(events), self.append_events)
        total = 0
        for event in events:
            size = len(event.data)
            if size > self.event_bytes:
                raise TooLarge("event_bytes", size, self.event_bytes)
            total += size
        if total > self.append_bytes:
            raise TooLarge("append_bytes", total, self.append_bytes)
        return total

    def check_call(self, appends: Sequence[Append]) -> None:
        """Refuse a call of `EventLog.append` that is over a limit, in one append or in all together (A9).

        Raises:
            TooLarge: it is.
        """
        sizes = [len(event.data) for append in appends for event in append.events]
        events, size = len(sizes), sum(sizes)
        if events > self.append_events or size > min(self.event_bytes, self.append_bytes):
            for append in appends:
                self.check(append)
        if len(appends) < 2:
            return
        if events > self.batch_events:
            raise TooLarge("batch_events", events, self.batch_events)
        if size > self.batch_bytes:
            raise TooLarge("batch_bytes", size, self.batch_bytes)


class LogInfo(Struct, frozen=True, kw_only=True):
    """What an open log says about itself. Holds no secret."""

    scheme: str
    """The scheme of its URL."""
    location: str
    """Where it is, for people: such as a path, or a URL without credentials."""
    log_id: str
    """Names this history; made with the log, and kept by a backup of it."""
    shards: int
    """Number of shards, fixed when the log is made and stored in it."""
    durability: Durability
    """What it attains, with this storage and these options of the URL."""
    capabilities: frozenset[Capability]
    """All that this kind of log can do."""
    limits: Limits
    """What it checks appends and pages by."""
    read_only: bool = False
    """Whether it was opened with `OpenOptions.read_only`."""
    notes: tuple[str, ...] = ()
    """What this platform or this configuration cannot promise, a sentence each."""


class LogStatus(Struct, frozen=True):
    """Whether the log can append now, and if not, why."""

    writable: bool
    reason: str | None = None
    """One sentence for people where it cannot: a fault, no room, or that it was opened for reading."""


class EventLog(ABC):
    """An event log: appends and reads events of threads, in shards.

    - **L1** ``async with`` opens and closes; a log closes what it opened and nothing else. After closing, no
      connection, task, thread or file is left, and every call raises `LogClosed`; it can be opened again.
    - **L2** Secrets of the URL reach no repr, log, span or error.
    - **T1** No call returns another tenant's data, whatever ids it is given.
    - **X1** After a storage fault the log either recovers or refuses (`LogStopped`): it never acknowledges what it
      did not store, and never serves what a power cut could still take away.

    The constructor does no I/O and starts nothing. All methods are coroutines and may be called from many tasks of
    one event loop at once; after closing, the log may be opened in another loop. Cancelling a read has no effect on
    others.

    Ids (tenant, thread, append, owner) are compared exactly: case, trailing spaces and Unicode normal form tell them
    apart. They may hold any character but control characters, so a key built of several needs a separator that no id
    can hold, or their lengths.

    Every method raises `LogClosed` when the log is not open, and `ValueError` for a `shard` that the log does not
    have, an `after` below 0 or a `limit` below 1. An `after` may lie far beyond the end, up to 2⁶³ - 1.

    Where storage fails, opening and reading, too, end with a `LogError`, never with the driver's own: `LogStopped`
    usually, `LogBusy` where trying again may help, `LogCorrupt` for bytes that are not what was written. `LogStopped`
    and `LogBusy` are `OSError` themselves: where you translate the system's errors, let `LogError` pass first.
    """

    @property
    @abstractmethod
    def info(self) -> LogInfo:
        """What this log is. Valid once it is open; constant while it is.

        Raises:
            LogClosed: the log is not open.
        """

    @abstractmethod
    async def open(self) -> None:
        """Open or, if allowed, make the log; recover what a crash left. Harmless when it is open.

        When it raises or is cancelled, nothing is left open.

        Raises:
            LogNotFound: there is none and none was to be made (`OpenOptions.create`, `OpenOptions.read_only`).
            LogLocked: another process, or another log object of this one, holds the one writer's place.
            FormatTooNew: a newer threadlog or plugin wrote it.
            LogStopped: the storage fails.
            LogCorrupt: what says what the log is cannot be read.
        """

    @abstractmethod
    async def close(self) -> None:
        """Finish the append or restore that is being stored, release everything; harmless when not open.

        Calls that wait (`wait`, an append that has not begun) end with `LogClosed`.
        """

    @abstractmethod
    async def status(self) -> LogStatus:
        """Whether it can append now. Asks the storage where that is cheap; never raises for a storage fault.

        A log that was opened for reading cannot.
        """

    @abstractmethod
    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Store many appends, possibly of many threads and tenants of one shard.

        - **A1** Returns one outcome for each append, in order: `Appended`, `Conflict`, `Duplicate` or `IdReused`.
          Outcomes are values; one append's conflict does not disturb its neighbour.
        - **A2** Each append is all or nothing, also under a crash or cancellation. Cancelling this call leaves every
          append of it either stored or not, never in part, and the log usable.
        - **A3** Seq is gapless and in the order given.
        - **A4** `expected` decides by the table of `threadlog.log.Expected`, deleted threads included.
        - **A5** A conflict writes nothing and carries the thread's seq after earlier appends of the same call.
        - **A6** An append id is looked up before `expected`, under the same lock: the same id with the same bytes
          (`same_append`) is a `Duplicate` with the original events, whatever is expected and whenever it is retried,
          also within one call; with other bytes it is `IdReused`.
        - **A7** When the call returns, what it acknowledges is on storage at the level of `info.durability`.
        - **A8** Payload bytes come back exactly.
        - **A9** What is over a limit raises `TooLarge` (`Limits.check_call`), and nothing of the call is written. (What
          could never be valid is refused when the `Append` is made.)

        - **F4** Each event gets an id of its own, a UUIDv7 with 74 random bits, and keeps it for ever: by its last 8
          digits (`Event.check`) a cursor knows a history again.

        Ids and times of events are given by the log, under the lock that gives the position. Times are the clock's,
        and may go back. No appends: no outcomes.

        Raises:
            InvalidAppend: a tenant of `appends` does not live in `shard` (see `shard_of`); nothing was written.
            TooLarge: something is over a limit of `info.limits`.
            LogReadOnly: the log was opened for reading.
            LogBusy: the shard's lock was not had in time; nothing was written.
            LogStopped: a storage fault ended writing; nothing of this call was acknowledged.
            StorageFull: no room; nothing was written.
            OutcomeUnknown: the connection or the flush died before the answer; retry to learn.
            LogCorrupt: what the answer rests on cannot be read; nothing of this call was acknowledged.
        """

    @abstractmethod
    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        """Read a page of one thread.

        - **R1** Events come in seq order, from the first whose seq is greater than `after`; or `backward`, from the
          last whose seq is less than `after` (0: from the end) down. Pages are bounded by `limit` and by
          `info.limits`; a page is empty only where nothing is left. `last_seq` says where the thread ends.
        - **R2** What was acknowledged is visible to the next read of anyone.

        An unknown thread, and any thread of another tenant, is an empty page with `last_seq` 0. Beyond the end there
        is nothing: forward the page is empty, and `last_seq` tells; backward it begins at the end. The events of a
        deleted thread are read as before.
        """

    @abstractmethod
    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        """Read a page of a shard (an operators' capability), or the part of it that is one tenant's.

        - **F1** Events come in position order; positions are dense and in commit order. Pages hold whole appends:
          `limit` is exceeded only by the last append's own events. With `tenant`, only that tenant's events;
          `looked_to` says how far the page has looked, and is greater than `after` unless `after` is at the end or
          beyond it, where it is `after`.
        - **F2** No event ever appears at or below a position that a reader has passed.

        Neighbours with the same tenant, thread and append id are one append. If `after` is inside one, the page
        begins with the rest of it.
        """

    @abstractmethod
    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        """Wait until the shard may have events after position `after`, or `timeout` seconds have passed.

        - **F3** Tells that there may be something new, whoever wrote it; losing a wake-up delays and never loses.
          It returns at once when the shard's last position is greater than `after`.

        A `timeout` of 0 only asks. Many tasks may wait at once, each with an `after` of its own.

        Returns:
            The shard's last position as far as it is known (it may still be `after`).
        """

    @abstractmethod
    async def list_heads(
        self,
        tenant: str,
        *,
        owner: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
    ) -> HeadPage:
        """List the tenant's thread heads, of one owner or (`owner=None`) of all.

        - **H1** The order is that of creation (the thread's first event) and stable. A head changes only with an
          append that carries a `HeadChange`, field by field, and as atomically as the append, or it is repaired before
          it is next listed. Deleted threads and threads without a head change are not listed.

        A `HeadChange` without any field counts: the thread is listed, without an owner. Within an append, later
        changes win. A thread that is brought back is at its old place. An owner's list follows the head's present
        owner.

        Args:
            owner: only the threads of this user.
            after: thread id; list what comes after it in this order. A thread that is deleted or has another owner
                still marks its place; an unknown or foreign id, and a thread that never had a head change, gives an
                empty page.
            limit: at most this many heads, bounded by `info.limits.page_events`.
            newest_first: newest thread first, or oldest first.
        """

    @abstractmethod
    async def load_snapshot(self, tenant: str, thread_id: str, projection: str, version: int) -> Snapshot | None:
        """The newest snapshot kept for exactly this thread, projection and version, or None.

        - **S1** A snapshot is found by thread, projection name and projection version; losing all of them loses
          nothing. A snapshot that is damaged is not returned.
        """

    @abstractmethod
    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, in place of an older one of the same thread, projection and version.

        One at a lower seq than the kept one changes nothing. May be lost at any time (S1): a log that cannot keep it
        (opened for reading, storage fault, too large) drops it without an error.
        """

    @abstractmethod
    async def restore(self, shard: int, events: Sequence[Event]) -> int:
        """Take over events of another log with the numbers, ids and times that they have.

        - **C1** `events` are whole appends in dense position order. What the log already holds is compared by id and
          passed over; the rest must follow on its last position, and is stored in one all-or-nothing step. So a copy
          continues where it stopped.

        All else follows as if they had been appended here: append ids are known again, heads are listed, who waits is
        woken. The limits of `append` do not apply. No events: nothing happens.

        Returns:
            The shard's last position afterwards.

        Raises:
            Diverged: the log holds another history, or `events` leave a gap (in position or in the seq of a thread),
                go on with an append that the log holds already, or are of another shard (of a log with another
                number of shards); nothing was written.
            LogReadOnly, LogStopped, StorageFull, OutcomeUnknown: as in `append`.
        """

    def shard_of(self, tenant: str) -> int:
        """The shard in which the tenant lives: a stable hash of its name over `info.shards`."""
        return shard_of(tenant, self.info.shards)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@lru_cache(maxsize=10_000)
def shard_of(tenant: str, shards: int) -> int:
    """Shard of a tenant in a log of `shards` shards: the first 8 bytes of SHA-256 of the name, modulo `shards`."""
    return int.from_bytes(hashlib.sha256(tenant.encode()).digest()[:8], "big") % shards
