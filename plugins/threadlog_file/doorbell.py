"""Waking those who wait in this process for something new."""

from __future__ import annotations

import asyncio


class Doorbell:
    """Rung after each commit of a shard."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout: float) -> None:
        """Wait for the next ring, at most `timeout` seconds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=max(timeout, 0))
        finally:
            self._waiting.discard(waiter)
