"""What tests of runs work with: a store with a user, and ways to look at what a run left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from threadlog.model import AssistantMessageItem, Item
from threadlog.projection import RunState, ThreadState
from threadlog.runs import Agent, RunBounds, Runner, StartedRun, text_of
from threadlog.store import Principal, ThreadStore


class World:
    """One store with a user and threads."""

    def __init__(self, store: ThreadStore) -> None:
        self.store = store
        self.alice = Principal("acme", "alice")

    async def thread(self) -> str:
        """A new thread of alice's."""
        return (await self.store.create_thread(self.alice)).id

    @asynccontextmanager
    async def runner(self, agent: Agent, **bounds: Any) -> AsyncIterator[Runner]:
        """A runner of an agent, named "agent"."""
        async with Runner(self.store, agent, name="agent", bounds=RunBounds(**bounds)) as runner:
            yield runner

    async def answer(self, agent: Agent, message: str = "hello", **bounds: Any) -> ThreadState:
        """Let an agent answer a message in a new thread, to its end."""
        thread_id = await self.thread()
        async with self.runner(agent, **bounds) as runner:
            run = await runner.start(self.alice, thread_id, message)
            await runner.wait(run.run_id)
        return await self.state(thread_id)

    async def state(self, thread_id: str) -> ThreadState:
        """The thread as an agent sees it."""
        seer = Principal("acme", "alice", agent="seer")
        return await self.store.state(seer, thread_id)

    async def types(self, thread_id: str) -> list[str]:
        """The types of all events of the thread."""
        page = await self.store.read_events(self.alice, thread_id, limit=1000)
        return [event.type for event in page.events]

    async def run_of(self, run: StartedRun) -> RunState:
        """A run as the log has it."""
        return (await self.state(run.thread_id)).runs[run.run_id]


def said(state: ThreadState) -> list[str]:
    """The texts of the assistant's messages."""
    return [text_of(item) for item in state.items if isinstance(item, AssistantMessageItem)]


def only(state: ThreadState, kind: type[Item]) -> Any:
    """The one item of a class."""
    (found,) = [item for item in state.items if isinstance(item, kind)]
    return found
