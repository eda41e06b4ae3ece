"""A thread store on every log, and people who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from threadlog.log import EventLog, open_log
from threadlog.store import Principal, ThreadStore


@pytest.fixture(params=["memory", "file"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    """An open log of each kind."""
    url = "memory:" if request.param == "memory" else f"file:{tmp_path / 'log'}"
    async with open_log(url) as log:
        yield log


@pytest.fixture
async def store(log: EventLog) -> AsyncIterator[ThreadStore]:
    """A store on it."""
    async with ThreadStore(log) as store:
        yield store


@pytest.fixture
def alice() -> Principal:
    """A member."""
    return Principal("acme", "alice")


@pytest.fixture
def bob() -> Principal:
    """Another member of the same tenant."""
    return Principal("acme", "bob")


@pytest.fixture
def agent() -> Principal:
    """An agent that acts for Alice."""
    return Principal("acme", "alice", agent="folder")


@pytest.fixture
def auditor() -> Principal:
    """Somebody who checks what happened."""
    return Principal("acme", "eve", frozenset({"auditor"}))


@pytest.fixture
def admin() -> Principal:
    """Somebody who may do everything in the tenant."""
    return Principal("acme", "root", frozenset({"admin"}))
