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

RING_EVERY = 0.025
"""Seconds between two rings at the least: each costs a lone writer about as much as an append."""
LOOK_EVERY = 0.5
"""Seconds between two looks at the last position, in case a ring was lost."""
BEAT_EVERY = 1.0
"""Seconds after which a line on which nobody rang is tried."""
PATIENCE = 1.0
"""Seconds after which a line that does not answer counts as cut off, and another is laid."""


class Doorbell:
    """The last known position of each shard, and who waits for more."""

    def __init__(self, dsn: str, channel: str, look: Callable[[int], Awaitable[int]]) -> None:
        self._dsn, self._channel, self._look = dsn, channel, look
        self._known: dict[int, int] = {}
        self._moved = asyncio.Event()
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
        self._wake()

    def appended(self, shard: int, position: int) -> None:
        """Tell this process at once, and the others with the next ring."""
        if position > self._known.get(shard, 0):
            self._known[shard] = self._to_ring[shard] = position
            self._rung.set()
            self._wake()

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
                async with asyncio.timeout(min(left, LOOK_EVERY)):
                    await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

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
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.add_listener(self._channel, self._heard)
            while not connection.is_closed():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_EVERY):
                        await self._rung.wait()
                await self._ring(connection)
                await asyncio.sleep(RING_EVERY)
        finally:
            connection.terminate()

    async def _ring(self, connection: asyncpg.Connection[Any]) -> None:
        """Tell of all shards that have moved; with none of them, see whether the line is alive."""
        self._rung.clear()
        rings, self._to_ring = self._to_ring, {}
        notices = [f"{shard}:{position}" for shard, position in rings.items()]
        await connection.execute(_RING, self._channel, notices, timeout=PATIENCE)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        """Somebody rang; the driver calls this."""
        shard, _, position = str(payload).partition(":")
        if int(position) > self._known.get(int(shard), 0):
            self._known[int(shard)] = int(position)
            self._wake()


_RING = "SELECT pg_notify($1, notice) FROM unnest($2::text[]) AS notice"
