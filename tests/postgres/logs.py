"""Logs in schemas of their own, and how to look at the database behind their back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg

from threadlog.log import (
    Append,
    Event,
    EventLog,
    Expect,
    Expected,
    HeadChange,
    Limits,
    LogURL,
    NewEvent,
    OpenOptions,
)
from threadlog_postgres.log import PostgresLog
from threadlog_postgres.place import Place

T = TypeVar("T")

DATA = b'{"type":"thread.item.updated","item_id":"msg_0123456789","update":{"type":"text_delta","delta":"hello "}}'


class Database:
    """A database in which a test makes logs, each in a schema of its own; `remove` takes them away again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.schemas: set[str] = set()

    def schema(self, place: str = "log") -> str:
        """A schema's name: the same for the same place."""
        name = "t_" + place.replace("-", "_")
        self.schemas.add(name)
        return name

    def place_url(self, schema: str, **options: str) -> str:
        """The URL of a log in a schema."""
        self.schemas.add(schema)
        given = "".join(f"&{name}={value}" for name, value in options.items())
        return f"{self.url}{'&' if '?' in self.url else '?'}schema={schema}{given}"

    def new(self, *, limits: Limits | None = None, schema: str | None = None, **options: Any) -> PostgresLog:
        """A log that is not opened, in a new schema unless one is named. `options` as in `OpenOptions` or the URL."""
        opening = {name: options.pop(name) for name in ("shards", "create", "read_only") if name in options}
        url = self.place_url(schema or self.schema(uuid4().hex[:12]), **{k: str(v) for k, v in options.items()})
        return PostgresLog(Place.parse(LogURL(url)), OpenOptions(**{"shards": 1, **opening}), limits)

    @asynccontextmanager
    async def connected(self, **settings: str) -> AsyncGenerator[asyncpg.Connection[Any], None]:
        """A connection as the tests' superuser."""
        connection = await asyncpg.connect(self.url, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close()

    async def run(self, script: str) -> None:
        """Run a script as the tests' superuser."""
        async with self.connected() as connection:
            await connection.execute(script)

    async def remove(self) -> None:
        """Drop the schemas of this test, and their roles."""
        async with self.connected(client_min_messages="error") as connection:
            for schema in self.schemas:
                await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
                for role in (f"{schema}_app", f"{schema}_redactor"):
                    await connection.execute(f"DROP ROLE IF EXISTS {role}")


def aside(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop of its own, from within another."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    for _ in range(int(seconds * 100)):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"it did not happen within {seconds} s")


_numbers = count()


def make(
    thread: str = "t",
    *,
    tenant: str = "acme",
    name: str | None = None,
    expected: Expected = Expect.ANY,
    events: int = 1,
    head: HeadChange | None = None,
    data: bytes = DATA,
) -> Append:
    """An append; its id is new unless `name` is given."""
    first = NewEvent("test.event", data, head=head)
    return Append(
        tenant=tenant,
        thread_id=thread,
        append_id=name or f"append-{next(_numbers)}",
        expected=expected,
        events=(first, *(NewEvent("test.event", data) for _ in range(events - 1))),
        actor="user:alice",
    )


async def everything(log: EventLog, shard: int = 0) -> list[Event]:
    """All events of a shard in position order."""
    events: list[Event] = []
    while True:
        page = await log.read_shard(shard, after=events[-1].position if events else 0, limit=1000)
        events += page.events
        if page.looked_to == page.last_position:
            return events


def check_dense(events: Sequence[Event]) -> None:
    """Positions of a shard, and the seqs of each thread in it, are 1, 2, 3 …."""
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    ends: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.tenant, event.thread_id)
        ends[key] = ends.get(key, 0) + 1
        assert event.seq == ends[key]
