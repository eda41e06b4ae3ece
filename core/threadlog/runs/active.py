"""One run while its agent is at work in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, TypeAlias

from threadlog.model import UserMessageItem
from threadlog.runs.bounds import RunBounds
from threadlog.runs.context import AgentContext
from threadlog.runs.ending import Completed, Ending, Failed
from threadlog.runs.errors import AgentFailure, RunFenced
from threadlog.runs.output import Output
from threadlog.runs.response import AgentResponseHandler

Agent: TypeAlias = Callable[[AgentContext[Any], UserMessageItem], "Awaitable[None] | AsyncIterable[Any]"]
"""An agent: an async function that streams through its context, or an async generator that yields what
`AgentResponseHandler` takes (strings, events, chunks of a model's answer)."""

_log = logging.getLogger("threadlog.runs")


class Fenced:
    """The run is not the thread's any more; there is nothing left to record."""


class ActiveRun:
    """Runs an agent to its end, or until something stops it.

    Args:
        stopping: set once the run is told to stop; the context shows it to the agent.
    """

    def __init__(
        self,
        agent: Agent,
        context: AgentContext[Any],
        message: UserMessageItem,
        output: Output,
        stopping: asyncio.Event,
        bounds: RunBounds,
    ) -> None:
        self._agent, self._context, self._message = agent, context, message
        self._output, self._stopping, self._bounds = output, stopping, bounds
        self._ending: Ending | Fenced | None = None
        self.requester: str | None = None
        """Who is asking for its cancellation."""
        self.over = asyncio.Event()
        """Set when the run's end is recorded."""

    def stop(self, ending: Ending | Fenced) -> None:
        """Stop the agent, to end as said; what was said first counts."""
        if self._ending is None:
            self._ending = ending
            self._stopping.set()

    async def execute(self) -> Ending | Fenced:
        """Let the agent work and store all that it streams; says how the run is to end. Raises nothing."""
        self._output.start(self._on_output_error)
        agent = asyncio.create_task(self._call(), name=f"agent of {self._context.run_id}")
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({agent, stop}, timeout=self._bounds.deadline, return_when=asyncio.FIRST_COMPLETED)
            ending = await self._settle(agent)
            problem = await self._output.end(self._bounds.drain)
        finally:
            # Also where this is cancelled itself: a runner that has no time left takes its tasks with it.
            agent.cancel()
            stop.cancel()
            self._output.abort()
        if isinstance(problem, RunFenced):
            return Fenced()
        if problem is not None and isinstance(ending, Completed):
            return self._failure(problem)
        return ending

    async def _settle(self, agent: asyncio.Task[None]) -> Ending | Fenced:
        if agent.done():
            return self._judge(agent)
        if self._ending is None:
            seconds = f"{self._bounds.deadline:g} seconds"
            self.stop(Failed("TimeoutError", f"The agent took longer than {seconds} and was stopped.", "timeout"))
        agent.cancel()
        await asyncio.wait({agent}, timeout=self._bounds.grace)
        if not agent.done():
            _log.error("the agent of %s does not stop; the run ends without it", self._context.run_id)
            agent.add_done_callback(_forget)
        elif not agent.cancelled():
            agent.exception()
        assert self._ending is not None
        return self._ending

    def _judge(self, agent: asyncio.Task[None]) -> Ending | Fenced:
        error = asyncio.CancelledError() if agent.cancelled() else agent.exception()
        if error is None:
            return Completed(dict(self._context.usage))
        if self._ending is not None:
            return self._ending
        return self._failure(error)

    async def _call(self) -> None:
        try:
            answer = self._agent(self._context, self._message)
            if isinstance(answer, AsyncIterable):
                await AgentResponseHandler().handle(self._context, answer)
            else:
                await answer
        except SystemExit as error:
            # asyncio would take the whole server down with it.
            raise RuntimeError("the agent called sys.exit()") from error

    def _failure(self, error: BaseException) -> Failed:
        if isinstance(error, AgentFailure):
            _log.warning("%s failed: %s", self._context.run_id, error, exc_info=error.__cause__)
            return Failed(type(error.__cause__ or error).__name__, str(error), allow_retry=error.allow_retry)
        _log.error("%s failed", self._context.run_id, exc_info=error)
        name = type(error).__name__
        return Failed(name, f"The agent failed ({name}); the server's log has the details.")

    def _on_output_error(self, error: Exception) -> None:
        if isinstance(error, RunFenced):
            self.stop(Fenced())


def _forget(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
