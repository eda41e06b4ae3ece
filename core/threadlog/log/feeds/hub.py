"""The live events of one shard, in position order without gaps, given to the channels that show them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from threadlog.log.contract import EventLog
from threadlog.log.envelope import Event
from threadlog.log.errors import LogCorrupt, LogError
from threadlog.log.feeds.bounds import FeedBounds
from threadlog.log.feeds.channel import Channel
from threadlog.log.feeds.tasks import Tasks
from threadlog.log.feeds.views import SHARD_KEY, Key, View

_thread_key: Callable[[Event], Key] = attrgetter("tenant", "thread_id")


class Hub:
    """Follows a shard as long as somebody subscribes to a part of it.

    What this process commits comes by `publish`. It is passed on if it follows on what came before; otherwise others
    have written in between, and all of it is read from the log by the one task that watches the shard. So channels get
    every event once, in order, whoever wrote it and whatever became of a wake-up.
    """

    def __init__(self, log: EventLog, shard: int, bounds: FeedBounds, tasks: Tasks) -> None:
        self.ended = False
        self._log, self._shard, self._bounds, self._tasks = log, shard, bounds, tasks
        self._known: int | None = None  # the last position that was passed on
        self._ready = asyncio.Event()
        self._channels: dict[Key, Channel] = {}
        self._watcher = tasks.start(self._watch(), f"watch of shard {shard}")

    @property
    def channels(self) -> int:
        """Number of different views that are followed."""
        return len(self._channels)

    def join(self, view: View[Any]) -> Channel:
        """Count one more subscriber of a view."""
        channel = self._channels.get(view.key)
        if channel is None:
            channel = self._channels[view.key] = Channel(view, self._bounds, self._tasks)
        channel.subscribers += 1
        return channel

    def leave(self, view: View[Any], channel: Channel) -> None:
        """Count one subscriber less; the last one takes the channel along, and the last of all the hub."""
        channel.subscribers -= 1
        if channel.subscribers == 0:
            channel.end()
            del self._channels[view.key]
        if not self._channels:
            self.end()

    async def ready(self) -> None:
        """Wait until whatever is committed from now on will reach the channels."""
        await self._ready.wait()

    def publish(self, events: Sequence[Event]) -> None:
        """Pass on events in position order, if they follow on what is known."""
        before = self._known
        if before is None:
            return
        if events and events[0].position <= before:
            events = [event for event in events if event.position > before]
        if events and events[0].position == before + 1 and events[-1].position == before + len(events):
            self._known = before + len(events)
            self._pass_on(events, before, self._known)

    def end(self, error: LogError | None = None) -> None:
        """End all channels and stop watching."""
        self.ended, self._known = True, None
        for channel in self._channels.values():
            channel.end(error)
        self._ready.set()
        self._watcher.cancel()

    def _pass_on(self, events: Sequence[Event], before: int, upto: int) -> None:
        for key, group in _grouped(events, _thread_key).items():
            if (thread := self._channels.get(key)) is not None:
                thread.add(group[0].seq - 1, group[-1].seq, group)
        for key, group in _grouped(events, _tenant_key).items():
            if (tenant := self._channels.get(key)) is not None:
                tenant.add(before, upto, group)
        if (shard := self._channels.get(SHARD_KEY)) is not None:
            shard.add(before, upto, events)

    async def _watch(self) -> None:
        try:
            await self._follow_log()
        except LogError as error:
            self.end(error)
        except Exception as error:  # noqa: BLE001 (whatever a driver raises, subscribers must not wait in vain)
            failure = LogError(f"shard {self._shard} cannot be watched ({type(error).__name__}); subscribe again.")
            failure.__cause__ = error
            self.end(failure)
        finally:
            if not self.ended:  # somebody cancelled this task
                self.end(LogError(f"the watch of shard {self._shard} was stopped; subscribe again."))

    async def _follow_log(self) -> None:
        self._known = await self._log.wait(self._shard, after=0, timeout=0)
        self._ready.set()
        while True:
            await self._look()

    async def _look(self) -> None:
        """Wait for news, and read what this process has not published itself."""
        assert self._known is not None
        last = await self._log.wait(self._shard, after=self._known, timeout=self._bounds.watch_seconds)
        await asyncio.sleep(0)  # what this process commits is published in the turn in which it becomes visible
        if last <= self._known:
            await asyncio.sleep(self._bounds.watch_pause)
        while self._known < last:
            await self._read_on()

    async def _read_on(self) -> None:
        assert self._known is not None
        page = await self._log.read_shard(self._shard, after=self._known, limit=self._bounds.page_events)
        self.publish(page.events)
        if not page.events or self._known < page.events[-1].position:
            raise LogCorrupt(
                f"shard {self._shard} does not go on with position {self._known + 1}; verify the log.",
                f"shard {self._shard} after position {self._known}",
            )


def _grouped(events: Iterable[Event], key_of: Callable[[Event], Key]) -> dict[Key, list[Event]]:
    groups: dict[Key, list[Event]] = {}
    for event in events:
        groups.setdefault(key_of(event), []).append(event)
    return groups


def _tenant_key(event: Event) -> Key:
    return event.tenant, None
