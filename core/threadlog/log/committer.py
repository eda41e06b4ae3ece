"""Group commit: many callers' appends in few flushes of the log.

Batching is natural: while one batch is being stored, what arrives queues up, and the queue is the next batch. There is
no timer: a lone append goes at once, and a crowd shares a flush.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from functools import lru_cache
from operator import attrgetter
from types import TracebackType
from typing import Self, TypeVar

from msgspec import Struct

from threadlog.log.contract import EventLog, Limits
from threadlog.log.envelope import Append, Appended, Event, Outcome
from threadlog.log.errors import (
    InvalidAppend,
    LogBusy,
    LogClosed,
    LogError,
    LogReadOnly,
    LogStopped,
    OutcomeUnknown,
    fresh,
)
from threadlog.log.turns import Turns

T = TypeVar("T")

OnCommit = Callable[[Sequence[Event]], None]
"""Gets the events that a flush has stored, in position order."""

OnAnswered = Callable[[float], None]
"""Gets the seconds from acceptance to answer of the append of a flush that waited longest."""

_SPEAKS_FOR_ITSELF = (LogStopped, LogBusy, LogReadOnly, LogClosed, InvalidAppend, OutcomeUnknown)
"""Errors of a flush that say what has become of its appends, so that their callers get them as they are."""

_TENANTS_REMEMBERED = 10_000

_logger = logging.getLogger(__name__)
_by_position = attrgetter("position")


class CommitterBounds(Struct, frozen=True, kw_only=True):
    """How much may wait to be stored, per shard."""

    queue_events: int = 20_000
    """Events that wait for their flush. A caller that comes when the queue is full waits for room."""
    queue_bytes: int = 32 * 1024 * 1024
    """Payload bytes that wait for their flush, likewise."""
    wait_seconds: float = 5.0
    """How long a caller waits for room before it gets `LogBusy`."""


class QueueDepth(Struct, frozen=True):
    """What waits in a committer, all shards together."""

    events: int = 0
    """Events in the queues."""
    bytes: int = 0
    """Their payload bytes."""
    callers: int = 0
    """Callers that wait for room in a queue."""


class Committer:
    """Stores appends through a log, a flush at a time for each shard. One per open log.

    ``async with`` starts it; leaving flushes what was accepted, then stops; it does not close the log. The queue of a
    shard is bounded: a caller that finds it full waits for room, for a bounded time. Tenants take turns, at the queue's
    door and in it; appends of one tenant keep their order.

    Args:
        log: an open log.
        bounds: how much may wait.
        on_commit: called with the events of each flush, in position order, before their callers are answered.
        on_answered: called after each flush, stored or failed, with what its slowest append took.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        bounds: CommitterBounds | None = None,
        on_commit: OnCommit | None = None,
        on_answered: OnAnswered | None = None,
    ) -> None:
        self._log = log
        self._bounds = bounds or CommitterBounds()
        self._hooks = _Hooks(on_commit, on_answered)
        self._shard_of = lru_cache(_TENANTS_REMEMBERED)(log.shard_of)
        self._flushers: dict[int, _Flusher] = {}
        self._limits: Limits | None = None

    async def append(self, append: Append) -> Outcome:
        """Store an append together with those of other callers.

        Cancelling the caller withdraws an append that has not been sent, and never disturbs others; one that is being
        flushed is stored or not, as if its answer had been lost.

        Raises:
            TooLarge: it is over a limit of the log; nothing was written.
            LogBusy: no room was free in time; nothing was written.
            OutcomeUnknown: the flush died; a retry with the same append id settles it.
            LogStopped: a storage fault ended writing (`StorageFull`: until there is room).
            LogReadOnly: the log was opened for reading.
            LogClosed: the committer is not running, or the log was closed below it.
        """
        if self._limits is None:
            raise LogClosed("the committer is not running; append inside its `async with`.")
        size = self._limits.check(append)
        shard = self._shard_of(append.tenant)
        flusher = self._flushers.get(shard) or self._start(shard, self._limits)
        return await flusher.accept(append, size)

    async def drain(self) -> None:
        """Wait until everything accepted before this call has been flushed or refused."""
        await asyncio.gather(*(flusher.drain() for flusher in self._flushers.values()))

    @property
    def depth(self) -> QueueDepth:
        """What waits now."""
        depths = [flusher.depth for flusher in list(self._flushers.values())]  # others may ask from their own thread
        return QueueDepth(*(sum(numbers) for numbers in zip(*depths, strict=True))) if depths else QueueDepth()

    async def __aenter__(self) -> Self:
        self._limits = self._log.info.limits
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limits = None
        await asyncio.gather(*(flusher.finish() for flusher in self._flushers.values()))
        self._flushers.clear()

    def _start(self, shard: int, limits: Limits) -> _Flusher:
        flusher = self._flushers[shard] = _Flusher(self._log, shard, limits, self._bounds, self._hooks)
        return flusher


class _Hooks(Struct, frozen=True):
    """Whom to tell of a flush."""

    commit: OnCommit | None
    answered: OnAnswered | None


class _Waiting(Struct, eq=False):
    """An append and the future in which its caller waits. A future that is done means that the caller has gone."""

    append: Append
    events: int
    size: int
    since: float
    """When it was accepted, by the loop's clock."""
    answer: asyncio.Future[Outcome]
    gives_up: asyncio.TimerHandle | None = None

    def refuse(self, error: LogError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class _Flusher:
    """The queue of one shard and the task that flushes it."""

    def __init__(self, log: EventLog, shard: int, limits: Limits, bounds: CommitterBounds, hooks: _Hooks) -> None:
        self._log, self._shard, self._limits, self._bounds, self._hooks = log, shard, limits, bounds, hooks
        self._loop = asyncio.get_running_loop()
        self._queue: Turns[_Waiting] = Turns()
        self._door: Turns[_Waiting] = Turns()
        self._events = self._bytes = 0
        self._closing = False
        self._news = asyncio.Event()
        self._flight: asyncio.Future[None] | None = None
        # The context is empty, or the spans of all flushes would be children of the first caller's span.
        self._task = self._loop.create_task(self._run(), name=f"threadlog flusher {shard}", context=Context())

    @property
    def depth(self) -> tuple[int, int, int]:
        """Queued events and bytes, and callers at the door."""
        return self._events, self._bytes, len(self._door)

    def accept(self, append: Append, size: int) -> asyncio.Future[Outcome]:
        """Queue an append, or let it wait at the door if the queue is full; gives its answer."""
        if self._task.done():
            raise LogClosed("the committer was stopped; nothing was written.")
        waiting = _Waiting(append, len(append.events), size, self._loop.time(), self._loop.create_future())
        if self._door or not self._has_room(waiting):
            waiting.gives_up = self._loop.call_later(self._bounds.wait_seconds, self._turn_away, waiting)
            self._door.put(append.tenant, waiting)
        else:
            self._admit(waiting)
        return waiting.answer

    async def drain(self) -> None:
        """Wait until what is here now is flushed or refused."""
        pending = [waiting.answer for waiting in (*self._queue, *self._door)]
        if pending:
            await asyncio.wait(pending)
        if self._flight is not None:  # answers do not tell of a flush whose callers have gone
            await asyncio.wait([self._flight])

    async def finish(self) -> None:
        """Flush what was accepted and end. Cancelling it ends the flush that is on its way and refuses the rest."""
        self._closing = True
        self._news.set()
        try:
            await asyncio.wait([self._task])
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise

    def _has_room(self, waiting: _Waiting) -> bool:
        return not self._events or (
            self._events + waiting.events <= self._bounds.queue_events
            and self._bytes + waiting.size <= self._bounds.queue_bytes
        )

    def _admit(self, waiting: _Waiting) -> None:
        if not self._events:
            self._news.set()
        self._events += waiting.events
        self._bytes += waiting.size
        self._queue.put(waiting.append.tenant, waiting)

    def _admit_from_door(self) -> None:
        while self._door and (self._door.first().answer.done() or self._has_room(self._door.first())):
            waiting = self._door.take()
            if waiting.gives_up is not None:
                waiting.gives_up.cancel()
            if not waiting.answer.done():
                self._admit(waiting)

    def _turn_away(self, waiting: _Waiting) -> None:
        waiting.refuse(
            LogBusy(
                f"the queue of the log stayed full for {self._bounds.wait_seconds} s and nothing was written; "
                "try again later."
            )
        )
        # All wait equally long, so those of a tenant that give up are always its first ones.
        tenant = waiting.append.tenant
        while (first := self._door.first_of(tenant)) is not None and first.answer.done():
            self._door.drop_first_of(tenant)

    async def _run(self) -> None:
        try:
            while self._queue or not self._closing:
                if not self._queue:
                    self._news.clear()
                    await self._news.wait()
                elif batch := self._next_batch():
                    await self._flush(batch)
                    await asyncio.sleep(0)  # whoever was just answered can join the next batch
        finally:
            _refuse_unsent(self._queue)
            _refuse_unsent(self._door)

    def _next_batch(self) -> list[_Waiting]:
        """Take as much as one call of the log may carry, in fair turns, and let the door refill the queue."""
        if self._events <= self._limits.batch_events and self._bytes <= self._limits.batch_bytes:
            taken = self._queue.take_all()
            self._events = self._bytes = 0
        else:
            taken = self._take_a_call()
        self._admit_from_door()
        return [waiting for waiting in taken if not waiting.answer.done()]

    def _take_a_call(self) -> list[_Waiting]:
        """Take what fits into one call of the log, at least one append."""
        taken: list[_Waiting] = []
        events = size = 0
        while self._queue:
            waiting = self._queue.first()
            events += waiting.events
            size += waiting.size
            if taken and (events > self._limits.batch_events or size > self._limits.batch_bytes):
                break
            taken.append(self._queue.take())
            self._events -= waiting.events
            self._bytes -= waiting.size
        return taken

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        self._flight = self._loop.create_future()
        try:
            await self._send(batch)
        finally:
            _refuse_unsent(batch)
            self._flight.set_result(None)
            self._flight = None
            self._tell(self._hooks.answered, self._loop.time() - min([waiting.since for waiting in batch]))

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        """Store a batch and answer its callers, whatever happens."""
        try:
            outcomes = await self._log.append(self._shard, [waiting.append for waiting in batch])
            self._check_count(outcomes, batch)
        except InvalidAppend as error:
            await self._send_each(batch, error)
        except BaseException as error:  # whatever it is, nobody may be left waiting
            for waiting in batch:
                waiting.refuse(_verdict(error))
            if self._must_end(error):
                raise
        else:
            self._announce(outcomes)
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)

    async def _send_each(self, batch: Sequence[_Waiting], error: InvalidAppend) -> None:
        """Find out which append of a refused call it was; a log may be stricter than its limits say."""
        if len(batch) == 1:
            batch[0].refuse(_verdict(error))
            return
        for waiting in batch:
            if not waiting.answer.done():
                await self._send([waiting])

    def _check_count(self, outcomes: Sequence[Outcome], batch: Sequence[_Waiting]) -> None:
        if len(outcomes) != len(batch):
            raise OutcomeUnknown(
                f"the plugin of {self._log.info.scheme!r} gave {len(outcomes)} outcomes for {len(batch)} appends, "
                "against clause A1; report it to its authors."
            )

    def _announce(self, outcomes: Iterable[Outcome]) -> None:
        if self._hooks.commit is None:
            return
        events = [event for outcome in outcomes if type(outcome) is Appended for event in outcome.events]
        if events:
            events.sort(key=_by_position)
            self._tell(self._hooks.commit, events)

    def _tell(self, hook: Callable[[T], None] | None, what: T) -> None:
        if hook is None:
            return
        try:
            hook(what)
        except Exception:
            _logger.exception("appends were answered rightly, but what was to be told of them failed")

    def _must_end(self, error: BaseException) -> bool:
        """Whether an error is meant for this task and not an accident of one flush."""
        if isinstance(error, asyncio.CancelledError):
            return self._task.cancelling() > 0
        return not isinstance(error, Exception)


def _refuse_unsent(waitings: Iterable[_Waiting]) -> None:
    """Answer everybody who has no answer yet, because the flusher ends."""
    for waiting in waitings:
        if waiting.gives_up is not None:
            waiting.gives_up.cancel()
        waiting.refuse(LogClosed("the committer was stopped before this append was sent; nothing was written."))


def _verdict(error: BaseException) -> LogError:
    """What a caller is told about a flush that ended in `error`: an exception of its own."""
    if isinstance(error, _SPEAKS_FOR_ITSELF):
        return fresh(error)
    unknown = OutcomeUnknown(
        f"the flush ended without an answer ({type(error).__name__}: {error}); retry with the same append id to learn "
        "whether the append is stored."
    )
    unknown.__cause__ = error
    return unknown
