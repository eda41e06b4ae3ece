"""What people use instead: the event store of the `eventsourcing` package, and a plain table in SQLite.

The package is used as its documentation has it, in its durable mode. It is synchronous: many tasks reach it through a
pool of threads. It keeps fewer columns than the log (no append id, actor, time or type of its own).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from raw import DATA, Load
from report import Run, Skipped

from threadlog.log import Append, Appended, MemoryLog, Outcome

if TYPE_CHECKING:
    from eventsourcing.persistence import ApplicationRecorder

EVENTSOURCING = "eventsourcing"
PLAIN = "plain SQLite"
"""What the peers are called."""

MISSING = Skipped("beside the eventsourcing package", "not installed: pip install 'threadlog[bench]'")

THREADS = 5
"""Threads for many tasks: as many as the package has connections by default."""


def are_installed() -> bool:
    """Whether the packages are there."""
    return all(find_spec(name) is not None for name in ("eventsourcing", "psycopg", "psycopg_pool"))


@contextmanager
def recorder(kind: str, **settings: str) -> Iterator[ApplicationRecorder]:
    """The package's recorder, of ``sqlite`` or of ``postgres``."""
    from eventsourcing.persistence import InfrastructureFactory
    from eventsourcing.utils import Environment

    environment = Environment(env={"PERSISTENCE_MODULE": f"eventsourcing.{kind}", **settings})
    factory: InfrastructureFactory[Any] = InfrastructureFactory.construct(environment)
    try:
        yield factory.application_recorder()
    finally:
        factory.close()


def recording(recorder: ApplicationRecorder, load: Load, seconds: float) -> Run:
    """Rounds of appends, in events/s: each writer has an aggregate of its own, and awaits each call."""
    from eventsourcing.persistence import StoredEvent

    def insert(aggregate: UUID, number: int) -> None:
        versions = range(number * load.events, (number + 1) * load.events)
        recorder.insert_events([StoredEvent(aggregate, version, "thread.item.updated", DATA) for version in versions])

    async def at_once(aggregate: UUID, number: int) -> None:
        insert(aggregate, number)

    async def write(call: Callable[[UUID, int], Awaitable[None]], until: float) -> int:
        aggregate = uuid4()
        for number in count():
            if perf_counter() >= until:
                return number * load.events
            await call(aggregate, number)
        raise AssertionError

    async def one_round() -> float:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(THREADS) as pool:

            def in_thread(aggregate: UUID, number: int) -> Awaitable[None]:
                return loop.run_in_executor(pool, insert, aggregate, number)

            call = in_thread if load.writers > 1 else at_once
            began = perf_counter()
            written = await asyncio.gather(*(write(call, began + seconds) for _ in range(load.writers)))
            return sum(written) / (perf_counter() - began)

    return one_round


class PlainSQLite(MemoryLog):
    """A table in SQLite (WAL, ``synchronous=FULL``) behind the same committer, so with the same batching.

    It inserts the log's columns in one transaction a call, and decides nothing: no conflict, no duplicate, no head.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._open = True
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.execute(
            "CREATE TABLE event (position INTEGER PRIMARY KEY, tenant TEXT, thread_id TEXT, seq INTEGER, id TEXT, "
            "append_id TEXT, type TEXT, version INTEGER, time_us INTEGER, data BLOB, UNIQUE (tenant, thread_id, seq))"
        )
        self._numbers = count(1)

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Insert everything."""
        self.database.execute("BEGIN IMMEDIATE")
        self.database.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (at, one.tenant, one.thread_id, at, f"{at:036}", one.append_id, event.type, 1, 1, event.data)
                for one in appends
                for event, at in zip(one.events, self._numbers, strict=False)
            ],
        )
        self.database.execute("COMMIT")
        return [Appended(())] * len(appends)
