"""Hearing of other processes' appends: a connection of its own that rings and listens, and a slow look as a net.

Never inside an append: NOTIFY takes a server-wide lock at commit. docs/explanation/postgres.md has the numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from threadlog_postgres.pool import connect

RING_EVERY = 0.01
"""Seconds between two rings at the least."""
LOOK_EVERY = 0.5
"""Seconds between two looks at the last position, in case a ring was lost."""


class Doorbell:
    """The last known position of each shard, and who waits for more."""

    def __init__(self, dsn: str, channel: str, look: Callable[[int], Awaitable[int]]) -> None:
        self._dsn, self._channel, self._look = dsn, channel, look
        self._known: dict[int, int] = {}
        self._moved = asyncio.Condition()
        self._to_ring: dict[int, int] = {}
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ring and listen."""
        self._task = asyncio.create_task(self._run(), name="threadlog-postgres-doorbell")

    async def stop(self) -> None:
        """End it; who waits is woken."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._wake()

    async def appended(self, shard: int, position: int) -> None:
        """Tell this process at once, and the others with the next ring."""
        if position > self._known.get(shard, 0):
            self._known[shard] = position
            self._to_ring[shard] = position
            self._rung.set()
            await self._wake()

    async def wait(self, shard: int, after: int, timeout: float) -> int:
        """Wait for a position greater than `after`; look now and then in case nobody rang."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            known = self._known.get(shard, 0)
            if known <= after:
                known = self._known[shard] = max(known, await self._look(shard))
            left = until - loop.time()
            if known > after or left <= 0:
                return known
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_EVERY)), self._moved:
                    await self._moved.wait()

    async def _wake(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _run(self) -> None:
        """Hold a connection; where it breaks, get another. Rings that are lost meanwhile are made up for by looks."""
        while True:
            try:
                await self._hold()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                await asyncio.sleep(LOOK_EVERY)

    async def _hold(self) -> None:
        connection = await connect(self._dsn, name="threadlog doorbell")
        self._known.clear()  # it may be another server now, with a shorter history
        heard = _Heard(asyncio.get_running_loop(), self)
        try:
            await connection.add_listener(self._channel, heard)
            while not connection.is_closed():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._rung.wait()
                await self._ring(connection)
                await asyncio.sleep(RING_EVERY)
        finally:
            connection.terminate()
            heard.cancel()

    async def _ring(self, connection: asyncpg.Connection[Any]) -> None:
        self._rung.clear()
        rings, self._to_ring = self._to_ring, {}
        for shard, position in rings.items():
            await connection.execute(
                "SELECT pg_notify($1, $2)", self._channel, f"{shard}:{position}", timeout=LOOK_EVERY
            )

    async def heard(self, shard: int, position: int) -> None:
        """Somebody rang."""
        if position > self._known.get(shard, 0):
            self._known[shard] = position
            await self._wake()


class _Heard:
    """The driver's callback for a notification; holds on to the tasks that it starts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bell: Doorbell) -> None:
        self._loop, self._bell = loop, bell
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        shard, _, position = str(payload).partition(":")
        task = self._loop.create_task(self._bell.heard(int(shard), int(position)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
