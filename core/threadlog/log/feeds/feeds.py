"""The feeds of one log: subscribe to a thread, a tenant or a shard."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self

from msgspec import Struct

from threadlog.log.contract import EventLog
from threadlog.log.cursor import START, Cursor
from threadlog.log.envelope import Event
from threadlog.log.errors import LogClosed
from threadlog.log.feeds.batch import Batch
from threadlog.log.feeds.bounds import FeedBounds
from threadlog.log.feeds.channel import Channel
from threadlog.log.feeds.cursors import SHARD_START, TENANT_START, ShardCursor, TenantCursor
from threadlog.log.feeds.hub import Hub
from threadlog.log.feeds.tasks import Tasks
from threadlog.log.feeds.views import C, ShardView, TenantView, ThreadView, View


class FeedStats(Struct, frozen=True):
    """What feeds are doing."""

    subscribers: int
    """Feeds that are being read now."""
    channels: int
    """Different threads, tenants and shards among them."""
    resumed: int
    """Subscriptions since the start that went on from a cursor."""
    delivered: int
    """Events given to subscribers since the start, each counted as often as it was given."""


class Feeds:
    """Gives the events of a log to any number of subscribers, each from where it stands, without gap or repetition.

    Each feed is an async generator of batches, first read from the log, then live. A subscriber holds its place and
    the batch that it is working on: one that stops reading costs nothing more, and goes on from the log later. Closing
    the generator (or dropping it) ends the subscription. ``async with`` starts and ends: at the end, feeds give what is
    in memory and stop.

    Subscribers that have caught up get the same `Batch` object.

    Args:
        log: an open log. Its events are read through it; it is not closed.
        bounds: what may be held in memory.
    """

    def __init__(self, log: EventLog, *, bounds: FeedBounds | None = None) -> None:
        self._log = log
        self._bounds = bounds or FeedBounds()
        self._hubs: dict[int, Hub] = {}
        self._tasks = Tasks()
        self._open = False
        self._subscribers = self._resumed = self._delivered = 0

    def publish(self, events: Sequence[Event]) -> None:
        """Tell of events of one shard that this process has just committed, in position order.

        Optional: what is not told is read from the log when its watch tells of it. Meant as the committer's
        ``on_commit``.
        """
        hub = self._hubs.get(events[0].shard) if events else None
        if hub is not None:
            hub.publish(events)

    def thread(self, tenant: str, thread_id: str, *, after: Cursor | None = START) -> AsyncGenerator[Batch, None]:
        """Follow one thread, which need not exist yet.

        Args:
            after: begin behind this cursor; None: with what comes from the first ``anext`` on.

        Raises:
            Diverged: the thread does not hold the event on which the cursor stands.
            LogClosed: the feeds are not running.
            LogError: the log cannot be read.
        """
        return self._follow(ThreadView(self._log, tenant, thread_id), after)

    def tenant(self, tenant: str, *, after: TenantCursor | None = TENANT_START) -> AsyncGenerator[Batch, None]:
        """Follow all threads of a tenant, in the order in which they were stored.

        `TenantCursor.of` gives the cursor of an event. Arguments and errors are those of `thread`.
        """
        return self._follow(TenantView(self._log, tenant), after)

    def shard(self, shard: int, *, after: ShardCursor | None = SHARD_START) -> AsyncGenerator[Batch, None]:
        """Follow all events of a shard, of all tenants: for operators.

        `ShardCursor.of` gives the cursor of an event. Arguments and errors are those of `thread`.
        """
        return self._follow(ShardView(self._log, shard), after)

    @property
    def stats(self) -> FeedStats:
        """What the feeds are doing now."""
        channels = sum(hub.channels for hub in list(self._hubs.values()))  # others may ask from their thread
        return FeedStats(self._subscribers, channels, self._resumed, self._delivered)

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        for hub in self._hubs.values():
            hub.end()
        self._hubs.clear()
        await self._tasks.finish()

    async def _follow(self, view: View[C], after: C | None) -> AsyncGenerator[Batch, None]:
        hub = self._hub(view.shard)
        channel = hub.join(view)
        self._subscribers += 1
        try:
            await hub.ready()
            at = await self._locate(view, channel, after)
            while (stretch := await channel.next(at)) is not None:
                at = stretch.upto
                if stretch.batch.events:
                    self._delivered += len(stretch.batch.events)
                    yield stretch.batch
        except LogClosed:
            if self._open:
                raise
            # The log was closed behind the feeds, while this subscriber was still reading: the end, as for the others.
        finally:
            self._subscribers -= 1
            hub.leave(view, channel)
            if hub.ended and self._hubs.get(view.shard) is hub:
                del self._hubs[view.shard]

    async def _locate(self, view: View[C], channel: Channel, after: C | None) -> int:
        reach = await view.locate(after)
        channel.saw(reach.last)
        self._resumed += after is not None and reach.at > 0
        return reach.at

    def _hub(self, shard: int) -> Hub:
        if not self._open:
            raise LogClosed("the feeds are not running; subscribe inside their `async with`.")
        hub = self._hubs.get(shard)
        if hub is None or hub.ended:
            hub = self._hubs[shard] = Hub(self._log, shard, self._bounds, self._tasks)
        return hub
