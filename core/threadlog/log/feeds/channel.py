"""One view and its subscribers: a ring of recent events that they share, and one bell that wakes them all."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from threadlog.log.envelope import Event
from threadlog.log.errors import LogError, fresh
from threadlog.log.feeds.batch import Batch, Stretch
from threadlog.log.feeds.bounds import FeedBounds
from threadlog.log.feeds.pages import Pages
from threadlog.log.feeds.tasks import Tasks
from threadlog.log.feeds.views import View

_EVENT_MEMORY = 1024
"""Rough memory of an event beside its payload: the envelope, its strings, and what surrounds its encoding."""

_SHORTEST_PACE = 0.001

_after = attrgetter("after")


class Channel:
    """The live end of a view. A subscriber keeps nothing but the number of the event that it has seen last.

    Events that the ring no longer holds are read from the log. Between two awaits, what the channel says holds still.
    """

    def __init__(self, view: View[Any], bounds: FeedBounds, tasks: Tasks) -> None:
        self.subscribers = 0
        self._last = 0  # the highest number that is known to exist; there may be events up to it
        self._ended = False
        self._pages = Pages(view, bounds.page_events, tasks)
        self._view, self._bounds = view, bounds
        self._loop = asyncio.get_running_loop()
        self._error: LogError | None = None
        self._ring: deque[Stretch] = deque()
        self._ring_events = self._ring_bytes = 0
        self._upto: int | None = None  # up to here everything has been given to `add`
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._held: list[Event] = []
        self._held_after = 0
        self._quiet_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def saw(self, last: int) -> None:
        """Learn from a read where the view ends."""
        self._last = max(self._last, last)

    def add(self, after: int, upto: int, events: Sequence[Event]) -> None:
        """Take the view's events after `after` up to `upto`, which follow on what was added before.

        Many subscribers are not woken for each: while the last call is being answered, events gather and go out
        together, as they do on the way in.
        """
        if self._upto is not None and self._upto != after:
            if self._view.dense:  # never, by the contract; then only reading the log can tell what is wrong
                self._drop_ring()
                self._held.clear()
            else:
                after = self._upto
        if not self._held:
            self._held_after = after
        self._held.extend(events)
        self._upto = upto
        delay = self._quiet_until - self._loop.time()
        if delay <= 0 or len(self._held) >= self._bounds.ring_events // 2:
            self._release()
        elif self._timer is None:
            self._timer = self._loop.call_later(delay, self._release)

    async def next(self, at: int) -> Stretch | None:
        """What follows on the number `at`, sooner or later; None at the end.

        Raises:
            LogError: the log cannot be read or watched; each subscriber gets an exception of its own.
        """
        while True:
            if at >= self._last and not self._ended:
                await self._wait()
            elif (stretch := self._in_ring(at)) is not None:
                return stretch
            elif self._ended:
                if self._error is not None:
                    raise fresh(self._error)
                return None
            elif (page := await self._pages.read(at)) is not None:
                stretch, last = page
                self.saw(last)
                return stretch

    def end(self, error: LogError | None = None) -> None:
        """Let subscribers take what is in the ring, then stop, with an error or without one."""
        if self._held:
            self._release()
        self._ended, self._error = True, error
        self._pages.cancel()
        self._ring_the_bell()

    def _in_ring(self, at: int) -> Stretch | None:
        ring = self._ring
        if not ring or not ring[0].after <= at < ring[-1].upto:
            return None
        last = ring[-1]
        stretch = last if last.after <= at else ring[bisect_right(ring, at, key=_after) - 1]
        if stretch.after == at:
            return stretch
        number = self._view.number
        return Stretch(at, stretch.upto, Batch([event for event in stretch.batch.events if number(event) > at]))

    async def _wait(self) -> None:
        bell: asyncio.Future[None] = self._loop.create_future()
        self._waiting[bell] = None
        try:
            await bell
        finally:
            self._waiting.pop(bell, None)

    def _release(self) -> None:
        """Give what was held to everybody as one batch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        assert self._upto is not None
        if len(self._waiting) == self.subscribers:  # nobody needs anything older
            self._drop_ring()
        self._push(Stretch(self._held_after, self._upto, Batch(self._held)))
        self._held.clear()
        self.saw(self._upto)
        self._pace()
        self._ring_the_bell()

    def _push(self, stretch: Stretch) -> None:
        self._ring.append(stretch)
        self._count(stretch, 1)
        while len(self._ring) > 1 and (
            self._ring_events > self._bounds.ring_events or self._ring_bytes > self._bounds.ring_bytes
        ):
            self._count(self._ring.popleft(), -1)

    def _drop_ring(self) -> None:
        self._ring.clear()
        self._ring_events = self._ring_bytes = 0

    def _count(self, stretch: Stretch, sign: int) -> None:
        events = stretch.batch.events
        self._ring_events += sign * len(events)
        self._ring_bytes += sign * sum(2 * len(event.data) + _EVENT_MEMORY for event in events)

    def _pace(self) -> None:
        pace = min(len(self._waiting) * self._bounds.pace_each, self._bounds.pace_most)
        self._quiet_until = self._loop.time() + pace if pace >= _SHORTEST_PACE else 0.0

    def _ring_the_bell(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for bell in waiting:
            if not bell.done():
                bell.set_result(None)
