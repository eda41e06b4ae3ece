"""What a run has streamed and the log does not hold yet: a bounded queue between an agent and its writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from threadlog.log import NewEvent, TooLarge
from threadlog.model import AssistantMessageContentPartTextDelta, ThreadEvent, ThreadItemUpdatedEvent
from threadlog.runs.bounds import RunBounds
from threadlog.runs.errors import RunEnded

_ESCAPED = 6
"""Bytes of the longest form of a character in JSON."""
_FRAME = 2_000
"""Bytes that a delta's event has at most beside its text."""


class Delta:
    """Text of one part of one message that waits to be stored, possibly of several events."""

    __slots__ = ("content_index", "item_id", "size", "texts")

    def __init__(self, item_id: str, content_index: int, text: str) -> None:
        self.item_id, self.content_index = item_id, content_index
        self.texts = [text]
        self.size = len(text)

    def takes(self, other: Delta, most: int) -> bool:
        """Whether `other` continues this text, and both together are at most `most` characters."""
        return (
            other.item_id == self.item_id
            and other.content_index == self.content_index
            and self.size + other.size <= most
        )

    def extend(self, other: Delta) -> None:
        """Add the text of `other`."""
        self.texts += other.texts
        self.size += other.size

    def event(self) -> ThreadItemUpdatedEvent:
        """The one event for all of its text."""
        update = AssistantMessageContentPartTextDelta(content_index=self.content_index, delta="".join(self.texts))
        return ThreadItemUpdatedEvent(item_id=self.item_id, update=update)


class Outbox:
    """The waiting events of one run, in order.

    `put` waits while the queue is full; text deltas that continue the last waiting one are merged into it. Events are
    serialised when they are put (what an agent changes in them later has no effect), save for deltas, whose text is
    taken.

    Args:
        dump: serialises an event.
        event_bytes: the log's limit of a payload.

    Attributes:
        error: what `fail` was given first.
    """

    def __init__(self, dump: Callable[[ThreadEvent], NewEvent], bounds: RunBounds, event_bytes: int) -> None:
        self._dump, self._bounds, self._event_bytes = dump, bounds, event_bytes
        # However its characters are escaped, what is merged must fit into one event.
        self._longest = min(bounds.delta_chars, max(0, event_bytes - _FRAME) // _ESCAPED)
        self._waiting: deque[NewEvent | Delta] = deque()
        self._bytes = 0
        self._put = self._stored = 0
        self._closed = False
        self.error: Exception | None = None
        self._changed = asyncio.Condition()

    async def put(self, event: ThreadEvent) -> None:
        """Queue an event, waiting for room if need be.

        Raises:
            TooLarge: its payload is over the log's limit.
            RunEnded: the outbox is closed.
            Exception: what `fail` was given.
        """
        entry = self._entry(event)
        async with self._changed:
            await self._changed.wait_for(self._is_ready)
            self._check()
            if self._closed:
                raise RunEnded("the run is over; nothing can be streamed into it any more.")
            self._add(entry)
            self._changed.notify_all()

    async def flush(self) -> None:
        """Wait until all that has been put is stored.

        Raises:
            Exception: what `fail` was given.
        """
        async with self._changed:
            mark = self._put
            await self._changed.wait_for(lambda: self._stored >= mark or self.error is not None)
            self._check()

    async def take(self, events: int, size: int) -> list[NewEvent]:
        """Take what waits, at most so many events and payload bytes (but at least one event); wait until there is some.

        Returns:
            The events in order; none once the outbox is closed and empty.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting or self._closed)
            batch = self._gather(events, size)
            self._changed.notify_all()
            return batch

    async def stored(self, count: int) -> None:
        """Tell that the events which were taken are in the log."""
        async with self._changed:
            self._stored += count
            self._changed.notify_all()

    async def fail(self, error: Exception) -> None:
        """Give up: what waits is dropped, and `put` and `flush` raise `error` from now on."""
        async with self._changed:
            self.error = self.error or error
            self._waiting.clear()
            self._changed.notify_all()

    async def close(self) -> None:
        """Refuse more events; `take` ends once the queue is empty."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def _is_ready(self) -> bool:
        if self.error is not None or self._closed or not self._waiting:
            return True
        return len(self._waiting) < self._bounds.waiting_events and self._bytes < self._bounds.waiting_bytes

    def _entry(self, event: ThreadEvent) -> NewEvent | Delta:
        if isinstance(event, ThreadItemUpdatedEvent) and isinstance(event.update, AssistantMessageContentPartTextDelta):
            delta = Delta(event.item_id, event.update.content_index, event.update.delta)
            if delta.size <= self._longest and not (event.model_extra or event.update.model_extra):
                return delta
        new = self._dump(event)
        if len(new.data) > self._event_bytes:
            raise TooLarge("event_bytes", len(new.data), self._event_bytes)
        return new

    def _add(self, entry: NewEvent | Delta) -> None:
        self._bytes += _size(entry)
        last = self._waiting[-1] if self._waiting else None
        if isinstance(entry, Delta) and isinstance(last, Delta) and last.takes(entry, self._longest):
            last.extend(entry)
            return
        self._waiting.append(entry)
        self._put += 1

    def _gather(self, events: int, size: int) -> list[NewEvent]:
        batch: list[NewEvent] = []
        taken = 0
        while self._waiting and len(batch) < events:
            entry = self._waiting[0]
            new = self._dump(entry.event()) if isinstance(entry, Delta) else entry
            taken += len(new.data)
            if batch and taken > size:
                break
            self._bytes -= _size(self._waiting.popleft())
            batch.append(new)
        return batch


def _size(entry: NewEvent | Delta) -> int:
    return entry.size if isinstance(entry, Delta) else len(entry.data)
