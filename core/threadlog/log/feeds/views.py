"""What a feed shows: a thread, a tenant or a whole shard, read from the log page by page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from threadlog.log.contract import EventLog
from threadlog.log.cursor import Cursor
from threadlog.log.envelope import Event, ShardPage
from threadlog.log.errors import Diverged, LogCorrupt
from threadlog.log.feeds.batch import Batch, Stretch
from threadlog.log.feeds.cursors import ShardCursor, TenantCursor

C = TypeVar("C", bound=Struct)
"""The cursor of a view."""

Key: TypeAlias = "tuple[str | None, str | None]"
"""Names a view of a shard: tenant and thread; or the tenant alone; or neither for all of it."""

SHARD_KEY: Key = (None, None)


class Reach(Struct, frozen=True):
    """Where a subscriber stands, and where the view ends as of now."""

    at: int
    last: int


class View(ABC, Generic[C]):
    """What one feed shows of a shard, numbered by seq or by position."""

    shard: int
    key: Key
    number: Callable[[Event], int]
    """The number of an event in this view."""
    dense: bool
    """Whether the view's numbers have no gaps. A tenant's have: the events of others."""

    @abstractmethod
    async def locate(self, after: C | None) -> Reach:
        """Find where a subscriber stands; None is the end.

        Raises:
            Diverged: the log does not hold the event that the cursor names.
        """

    @abstractmethod
    async def read(self, at: int, limit: int) -> tuple[Stretch, int]:
        """Read on after the number `at`, where there must be more; also gives where the view ends.

        Raises:
            LogCorrupt: there is nothing, or not what must follow.
        """


class ThreadView(View[Cursor]):
    """One thread, by seq."""

    number = attrgetter("seq")
    dense = True

    def __init__(self, log: EventLog, tenant: str, thread_id: str) -> None:
        self._log, self._tenant, self._thread_id = log, tenant, thread_id
        self.shard = log.shard_of(tenant)
        self.key = (tenant, thread_id)

    async def locate(self, after: Cursor | None) -> Reach:
        if after is None:
            end = await self._log.read_thread(self._tenant, self._thread_id, limit=1, backward=True)
            return Reach(end.last_seq, end.last_seq)
        page = await self._log.read_thread(self._tenant, self._thread_id, after=max(after.seq - 1, 0), limit=1)
        if after.seq > 0:
            _verify(page.events, after.seq, after.check, self.number, after)
        return Reach(after.seq, page.last_seq)

    async def read(self, at: int, limit: int) -> tuple[Stretch, int]:
        page = await self._log.read_thread(self._tenant, self._thread_id, after=at, limit=limit)
        _check_dense(page.events, at, self.number, f"thread {self._thread_id!r}")
        return Stretch(at, page.events[-1].seq, Batch(page.events)), page.last_seq


class TenantView(View[TenantCursor]):
    """All threads of a tenant, by position."""

    number = attrgetter("position")
    dense = False

    def __init__(self, log: EventLog, tenant: str) -> None:
        self._log, self._tenant = log, tenant
        self.shard = log.shard_of(tenant)
        self.key = (tenant, None)

    async def locate(self, after: TenantCursor | None) -> Reach:
        last = await _last_position(self._log, self.shard)
        if after is None:
            return Reach(last, last)
        if after.at.seq == 0:
            return Reach(0, last)
        page = await self._log.read_thread(self._tenant, after.thread_id, after=after.at.seq - 1, limit=1)
        _verify(page.events, after.at.seq, after.at.check, attrgetter("seq"), after)
        return Reach(page.events[0].position, last)

    async def read(self, at: int, limit: int) -> tuple[Stretch, int]:
        page = await self._log.read_shard(self.shard, after=at, limit=limit, tenant=self._tenant)
        return _stretch(page, at, self.shard), page.last_position


class ShardView(View[ShardCursor]):
    """A whole shard, by position."""

    number = attrgetter("position")
    dense = True

    def __init__(self, log: EventLog, shard: int) -> None:
        self._log = log
        self.shard = shard
        self.key = SHARD_KEY

    async def locate(self, after: ShardCursor | None) -> Reach:
        if after is None:
            last = await _last_position(self._log, self.shard)
            return Reach(last, last)
        page = await self._log.read_shard(self.shard, after=max(after.position - 1, 0), limit=1)
        if after.position > 0:
            _verify(page.events, after.position, after.check, self.number, after)
        return Reach(after.position, page.last_position)

    async def read(self, at: int, limit: int) -> tuple[Stretch, int]:
        page = await self._log.read_shard(self.shard, after=at, limit=limit)
        _check_dense(page.events, at, self.number, f"shard {self.shard}")
        return _stretch(page, at, self.shard), page.last_position


async def _last_position(log: EventLog, shard: int) -> int:
    return await log.wait(shard, after=0, timeout=0)


def _stretch(page: ShardPage, at: int, shard: int) -> Stretch:
    if page.looked_to <= at:
        raise LogCorrupt(
            f"shard {shard} gives nothing after position {at}, where there was more; verify the log.",
            f"shard {shard} position {at + 1}",
        )
    return Stretch(at, page.looked_to, Batch(page.events))


def _verify(
    events: Sequence[Event], number: int, check: str | None, number_of: Callable[[Event], int], cursor: object
) -> None:
    """Make sure that the event on which a cursor stands is the first of `events` (F4)."""
    if not events or number_of(events[0]) != number:
        raise Diverged(f"cursor {cursor} lies beyond the end of what this log holds; read again from the start.")
    if check is not None and events[0].check != check:
        raise Diverged(f"cursor {cursor} is of another history than this log's; read again from the start.")


def _check_dense(events: Sequence[Event], after: int, number_of: Callable[[Event], int], what: str) -> None:
    """Make sure that `events` follow on the number `after` without a gap: in one stroke, as they are in order."""
    if events and number_of(events[0]) == after + 1 and number_of(events[-1]) == after + len(events):
        return
    raise LogCorrupt(f"{what} does not go on with number {after + 1}; verify the log.", f"{what} after {after}")
