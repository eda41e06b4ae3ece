"""A store over memory, and a small folder of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runs.shop import make_shop
from runs.world import World
from threadlog.log.memory import MemoryLog
from threadlog.store import ThreadStore


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world over a log in memory."""
    async with MemoryLog() as log, ThreadStore(log) as store:
        yield World(store)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder as a small project has it."""
    folder = tmp_path / "shop"
    make_shop(folder)
    return folder
