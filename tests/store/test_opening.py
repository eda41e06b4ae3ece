"""Opening and closing a store."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

import threadlog
from threadlog import Principal, ThreadStore, open_store
from threadlog.log import LogClosed, LogNotFound, LogReadOnly
from threadlog.log.memory import MemoryLog
from threadlog.store import StoreError

pytestmark = pytest.mark.anyio


async def test_what_was_written_is_there_when_the_store_is_opened_again(tmp_path: Path, alice: Principal) -> None:
    """Threads, items and listings, in a store that knew nothing."""
    url = f"file:{tmp_path / 'log'}"
    async with open_store(url) as store:
        made = await store.create_thread(alice, title="Kept", metadata={"a": 1})
    async with open_store(url) as store:
        assert (await store.load_threads(alice)).data == [made]
        assert await store.load_thread(alice, made.id) == made


async def test_a_store_that_was_opened_for_reading_reads(tmp_path: Path, alice: Principal) -> None:
    """And says why it writes nothing."""
    url = f"file:{tmp_path / 'log'}"
    with pytest.raises(LogNotFound):
        async with open_store(url, read_only=True):
            pass
    async with open_store(url) as store:
        thread = (await store.create_thread(alice)).id
    async with open_store(url, read_only=True) as store:
        assert (await store.load_thread(alice, thread)).id == thread
        with pytest.raises(LogReadOnly):
            await store.create_thread(alice)


async def test_closing_a_store_leaves_its_log_open_and_nothing_running(alice: Principal) -> None:
    """What it began it ends; a second store goes on with the same log."""
    async with MemoryLog() as log:
        before = asyncio.all_tasks()
        async with ThreadStore(log) as store:
            thread = (await store.create_thread(alice)).id
            await store.state(alice, thread)
            feed = store.follow(alice, thread)
            await anext(feed)
            await feed.aclose()
        gc.collect()
        assert asyncio.all_tasks() == before
        async with ThreadStore(log) as store:
            assert (await store.load_thread(alice, thread)).id == thread


async def test_a_store_that_is_not_open_refuses_to_write(alice: Principal) -> None:
    """Before and after."""
    async with MemoryLog() as log:
        store = ThreadStore(log)
        with pytest.raises(LogClosed):
            await store.create_thread(alice)
        async with store:
            await store.create_thread(alice)
        with pytest.raises(LogClosed):
            await store.create_thread(alice)


def test_the_public_names_are_these() -> None:
    """What the package offers at its top, and in the store, is what it says."""
    assert threadlog.__all__ == ["Principal", "ThreadStore", "open_store"]
    for name in threadlog.__all__:
        assert name in dir(threadlog)
        assert getattr(threadlog, name) is getattr(threadlog.store, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        threadlog.nothing  # noqa: B018
    for package in (threadlog.store, threadlog.projection):
        assert sorted(package.__all__) == sorted(set(package.__all__))
        assert all(hasattr(package, name) for name in package.__all__)


def test_all_errors_of_the_store_have_one_base() -> None:
    """Who catches it catches them all."""
    errors = [value for value in vars(threadlog.store.errors).values() if isinstance(value, type)]
    own = [error for error in errors if error.__module__ == "threadlog.store.errors"]
    assert all(issubclass(error, StoreError) for error in own)
    assert {error.__name__ for error in own} <= {*threadlog.store.__all__}
