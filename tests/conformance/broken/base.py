"""What deliberately broken logs are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from threadlog.log import (
    Append,
    Capability,
    Durability,
    EventLog,
    Limits,
    LogNotFound,
    LogStatus,
    LogStopped,
    MemoryLog,
    OpenOptions,
    Outcome,
)
from threadlog.log.memory import _Shard, _Thread
from threadlog.testing import Backend

SECRET = "geheim-0815"

LIMITS = Limits(page_events=200, append_events=100, batch_events=150, event_bytes=100_000, append_bytes=250_000)
"""Small, so that many logs are judged in little time."""


class BrokenLog(MemoryLog):
    """A log that does not keep one clause. Subclasses say which, and how, in a sentence."""

    clause = ""

    def __init__(self, shards: int = 1, limits: Limits | None = None) -> None:
        super().__init__(shards, limits or LIMITS)
        self.reopened = False
        self._shards = [self.make_shard(number) for number in range(shards)]

    def make_shard(self, number: int) -> _Shard:
        """One shard; the broken ones are made here."""
        return _Shard(number)

    async def close(self) -> None:
        self.reopened = self._open or self.reopened
        await super().close()

    def all_threads(self) -> list[_Thread]:
        """Every thread of every shard."""
        return [thread for shard in self._shards for thread in shard.threads.values()]


class BrokenShard(_Shard):
    """A shard whose decisions can be spoiled before or after they are made."""

    def __init__(
        self,
        number: int,
        *,
        before: Callable[[Append, _Thread | None], Append] = lambda append, thread: append,
        after: Callable[[Append, _Thread | None, Outcome], Outcome] = lambda append, thread, outcome: outcome,
    ) -> None:
        super().__init__(number)
        self.before, self.after = before, after

    def take(self, append: Append, now_us: int) -> Outcome:
        thread = self.threads.get((append.tenant, append.thread_id))
        outcome = super().take(self.before(append, thread), now_us)
        return self.after(append, thread, outcome)


class FallibleLog(MemoryLog):
    """A log in memory whose storage can be made to fail; it keeps all clauses, X1 included."""

    def __init__(self, shards: int = 1, limits: Limits | None = None) -> None:
        super().__init__(shards, limits or LIMITS)
        self.failing = self.stopped = False

    async def open(self) -> None:
        self.stopped = False
        await super().open()

    async def status(self) -> LogStatus:
        await super().status()
        return LogStatus(False, "the storage failed.") if self.stopped else LogStatus(True)

    async def append(self, shard, appends):
        if appends and (self.failing or self.stopped):
            self.stopped = True
            raise LogStopped("the storage failed; open the log again.")
        return await super().append(shard, appends)


@contextmanager
def failing(log: EventLog) -> Iterator[None]:
    """A block in which the storage of a `FallibleLog` fails."""
    log.failing = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        log.failing = False  # type: ignore[attr-defined]


class _Nowhere(MemoryLog):
    async def open(self) -> None:
        raise LogNotFound("there is no log here, and none was to be made.")


def backend_of(kind: type[MemoryLog], *, patience: float = 1.0) -> Backend:
    """A backend that makes logs of one class; a place is an object."""
    places: dict[str, EventLog] = {}

    async def make(place: str, options: OpenOptions) -> EventLog:
        if options.read_only or not (options.create or place in places):
            return _Nowhere()
        return places.setdefault(place, kind(options.shards or 1))

    return Backend(
        make=make,
        durability=Durability.MEMORY,
        capabilities=frozenset({Capability.PERSISTENT}),
        secrets=(SECRET,),
        patience=patience,
        fault=failing if issubclass(kind, FallibleLog) else None,
    )


replace = msgspec.structs.replace
