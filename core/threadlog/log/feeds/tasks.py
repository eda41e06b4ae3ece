"""The tasks that feeds run beside their subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """Starts tasks, and waits for their ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run something that serves many: it belongs to no caller, neither to its life nor to its trace."""
        task = asyncio.get_running_loop().create_task(work, name=f"threadlog {name}", context=Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def finish(self) -> None:
        """Wait until all have ended; those who started them have cancelled them."""
        if self._running:
            await asyncio.wait(self._running)
