"""What a run streams: checked, queued, stored by one task, and told to those who listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from threadlog.log import Limits, LogBusy, NewEvent
from threadlog.model import (
    Item,
    ThreadCreatedEvent,
    ThreadDeletedEvent,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadUpdatedEvent,
    UnknownEvent,
)
from threadlog.runs.bounds import RunBounds
from threadlog.runs.errors import InvalidOutput
from threadlog.runs.fence import Fence
from threadlog.runs.outbox import Outbox

_ITEM_EVENTS = (ThreadItemAddedEvent, ThreadItemDoneEvent, ThreadItemReplacedEvent)
_FORBIDDEN = (ThreadCreatedEvent, ThreadDeletedEvent, UnknownEvent)
_RESERVED = ("run.", "access.")


class Output:
    """The one way from an agent to its thread's log.

    Args:
        dump: serialises an event.
    """

    def __init__(
        self,
        thread_id: str,
        fence: Fence,
        dump: Callable[[ThreadEvent], NewEvent],
        bounds: RunBounds,
        limits: Limits,
    ) -> None:
        self._thread_id, self._fence, self._limits = thread_id, fence, limits
        self._outbox = Outbox(dump, bounds, limits.event_bytes)
        self._listeners: list[list[NewEvent]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, event: ThreadEvent) -> None:
        """Queue an event, waiting for room if need be.

        Raises:
            InvalidOutput: it may not be part of a run.
            TooLarge: its payload is over the log's limit.
            RunEnded: the run is over, or is not the thread's active one any more.
            LogError: an earlier event could not be stored.
        """
        self._check(event)
        await self._outbox.put(event)

    async def flush(self) -> None:
        """Wait until all that has been put is stored; raises what `put` raises for earlier events."""
        await self._outbox.flush()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[list[NewEvent]]:
        """A list to which events are added as they are stored; whoever listens takes them out."""
        stored: list[NewEvent] = []
        self._listeners.append(stored)
        try:
            yield stored
        finally:
            self._listeners.remove(stored)

    def start(self, on_error: Callable[[Exception], None]) -> None:
        """Begin to store.

        Args:
            on_error: told once when storing has come to an end by an error.
        """
        self._task = asyncio.create_task(self._write(on_error))

    async def end(self, timeout: float) -> Exception | None:
        """Refuse more events, and store those that wait within `timeout` seconds, or drop them.

        Returns:
            Why not everything was stored; None if it was.
        """
        await self._outbox.close()
        if self._task is None:
            return None
        await asyncio.wait([self._task], timeout=timeout)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
            return LogBusy(f"what the run had streamed was not stored within {timeout:g} seconds.")
        return self._outbox.error

    def abort(self) -> None:
        """Stop storing at once; harmless when it has ended."""
        if self._task is not None:
            self._task.cancel()

    async def _write(self, on_error: Callable[[Exception], None]) -> None:
        try:
            while batch := await self._outbox.take(self._limits.append_events, self._limits.append_bytes):
                await self._fence.append(batch)
                for listener in self._listeners:
                    listener.extend(batch)
                await self._outbox.stored(len(batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, the agent has to hear of it
            await self._outbox.fail(error)
            on_error(error)

    def _check(self, event: ThreadEvent) -> None:
        if isinstance(event, _FORBIDDEN) or event.type.startswith(_RESERVED):
            raise InvalidOutput(f"an agent cannot stream {event.type}; that is written by the store and the runner.")
        if isinstance(event, ThreadUpdatedEvent) and event.thread.id != self._thread_id:
            raise InvalidOutput(f"the event is of thread {event.thread.id!r}, and the run's is {self._thread_id!r}.")
        if isinstance(event, _ITEM_EVENTS):
            self._check_item(event.item)

    def _check_item(self, item: Item) -> None:
        thread_id = getattr(item, "thread_id", self._thread_id)
        if thread_id != self._thread_id:
            raise InvalidOutput(f"item {item.id!r} says thread {thread_id!r}, and the run's is {self._thread_id!r}.")
