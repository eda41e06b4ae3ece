"""A store over memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from runs.world import World
from threadlog.log.memory import MemoryLog
from threadlog.store import ThreadStore


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world over a log in memory."""
    async with MemoryLog() as log, ThreadStore(log) as store:
        yield World(store)
