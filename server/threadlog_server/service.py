"""What serves the routes: a thread store, a runner and the open streams, for as long as the application lives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self, TypeAlias

from threadlog import open_store
from threadlog.cli.settings import ServerLimits
from threadlog.log import LogClosed, LogURL
from threadlog.runs import Agent, RunBounds, Runner
from threadlog.store import ThreadStore
from threadlog_server.signals import told_to_stop
from threadlog_server.streams import Streams

StoreSource: TypeAlias = "str | LogURL | ThreadStore | Callable[[], AbstractAsyncContextManager[ThreadStore]]"
"""Where the threads are: a log's URL, an open store of one's own, or what opens one."""


class ThreadService:
    """Everything that the routes need. ``async with`` opens it, and closes what it opened.

    When the process is told to stop (SIGTERM, SIGINT), the event streams end with a word, so that the web server is
    not kept waiting for viewers who never leave; on leaving, the active runs are stopped and what is queued is stored.

    Args:
        threads: where the threads are. An open store is used and not closed.
        agent: who answers messages.
        limits: what keeps it bounded.
    """

    def __init__(self, threads: StoreSource, agent: Agent, *, limits: ServerLimits | None = None) -> None:
        self.limits = limits or ServerLimits()
        self.streams = Streams(
            self.limits.streams, self.limits.streams_per_user, heartbeat=self.limits.heartbeat_seconds
        )
        self._threads, self._agent = threads, agent
        self._store: ThreadStore | None = None
        self._runner: Runner | None = None
        self._stack = AsyncExitStack()

    @property
    def is_open(self) -> bool:
        """Whether it has been entered and not left."""
        return self._store is not None

    @property
    def store(self) -> ThreadStore:
        """The thread store.

        Raises:
            LogClosed: the service is not open.
        """
        if self._store is None:
            raise LogClosed("the service is not open: enter it in your application's lifespan (`async with`).")
        return self._store

    @property
    def runner(self) -> Runner:
        """Starts and cancels runs.

        Raises:
            LogClosed: the service is not open.
        """
        if self._runner is None:
            raise LogClosed("the service is not open: enter it in your application's lifespan (`async with`).")
        return self._runner

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(self._opened())
            runner = await stack.enter_async_context(Runner(store, self._agent, bounds=self._bounds()))
            stack.callback(self.streams.end)
            stack.enter_context(told_to_stop(self.streams.end))
            self._stack = stack.pop_all()
        self._store, self._runner = store, runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        self._store = self._runner = None

    def _opened(self) -> AbstractAsyncContextManager[ThreadStore]:
        if isinstance(self._threads, ThreadStore):
            return _kept(self._threads)
        if isinstance(self._threads, str | LogURL):
            return open_store(self._threads)
        return self._threads()

    def _bounds(self) -> RunBounds:
        return RunBounds(runs=self.limits.runs, deadline=self.limits.run_seconds)


@asynccontextmanager
async def _kept(store: ThreadStore) -> AsyncGenerator[ThreadStore, None]:
    yield store
