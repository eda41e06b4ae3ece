"""A store over a log in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from threadlog.log import Limits
from threadlog.log.memory import MemoryLog
from threadlog.store import ADMIN, Principal, ThreadStore

ALICE = Principal("acme", "alice")
OPERATOR = Principal("acme", "alice", frozenset({ADMIN}))


@pytest.fixture
async def store() -> AsyncGenerator[ThreadStore, None]:
    """An empty store."""
    async with MemoryLog() as log, ThreadStore(log) as store:
        yield store


@pytest.fixture
async def narrow_store() -> AsyncGenerator[ThreadStore, None]:
    """A store whose log takes three events an append, and not much at once."""
    limits = Limits(append_events=3, append_bytes=4000, event_bytes=2000)
    async with MemoryLog(limits=limits) as log, ThreadStore(log) as store:
        yield store
