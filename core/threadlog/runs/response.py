"""What models and frameworks stream, written into a thread."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from threadlog.model import ThreadEvent
from threadlog.runs.completions import CompletionStream
from threadlog.runs.context import AgentContext
from threadlog.runs.errors import AgentFailure, InvalidOutput
from threadlog.runs.message import MessageStream
from threadlog.runs.responses import ResponseStream


class AgentResponseHandler:
    """Turns what a model or a framework streams into events of the thread.

    It takes

    - async iterables of strings (the pieces of a message), of thread events, of chat completion chunks or of
      Responses API events, also mixed;
    - objects with `stream_events()`, as the Agents SDK's `Runner.run_streamed` gives.

    Text becomes assistant messages, a model's reasoning a workflow of thoughts, function calls server tool calls, and
    token counts the context's `usage`.
    """

    async def handle(self, context: AgentContext[Any], result: Any) -> None:
        """Stream a result into the thread to its end.

        Raises:
            AgentFailure: the model says that it failed, or a guardrail refused.
            InvalidOutput: the result yields something else.
            RunnerError, LogError: as `AgentContext.stream`.
        """
        async with aclosing(self._steps(context, result)) as steps:
            async for _ in steps:
                pass

    async def stream_agent_response(self, context: AgentContext[Any], result: Any) -> AsyncGenerator[ThreadEvent, None]:
        """As `handle`, and yields the events as they are stored, those included that tools stream meanwhile.

        An agent that is a generator may yield them on; they are not stored twice.
        """
        async with context.stored() as stored, aclosing(self._steps(context, result)) as steps:
            async for _ in steps:
                for new in _drained(stored):
                    context.handed_out = context.parse(new)
                    yield context.handed_out
            await context.flush()
            for new in _drained(stored):
                context.handed_out = context.parse(new)
                yield context.handed_out

    async def _steps(self, context: AgentContext[Any], result: Any) -> AsyncGenerator[None, None]:
        response = _Response(context)
        async with _released(result):
            try:
                async for value in result.stream_events() if hasattr(result, "stream_events") else result:
                    await response.take(value)
                    yield
            except Exception as error:
                if not type(error).__name__.endswith("GuardrailTripwireTriggered"):
                    raise
                await context.withdraw()
                raise AgentFailure("A guardrail refused the message or its answer.") from error
            await response.close()


class _Response:
    def __init__(self, context: AgentContext[Any]) -> None:
        self._context = context
        self._text: MessageStream | None = None
        self._responses = ResponseStream(context)
        self._completion = CompletionStream(context)

    async def take(self, value: Any) -> None:
        if isinstance(value, str):
            await self._write(value)
        elif isinstance(value, ThreadEvent):
            await self._pass_on(value)
        elif hasattr(value, "choices"):
            await self._completion.feed(value)
        else:
            await self._take_typed(value)

    async def close(self) -> None:
        await self._end_text()
        await self._completion.close()
        await self._responses.close()

    async def _take_typed(self, value: Any) -> None:
        kind = getattr(value, "type", None)
        if kind == "raw_response_event":
            await self._responses.feed(value.data)
        elif kind == "run_item_stream_event":
            await self._responses.feed_run_item(value.item)
        elif isinstance(kind, str) and (kind.startswith("response.") or kind == "error"):
            await self._responses.feed(value)
        elif kind != "agent_updated_stream_event":
            raise InvalidOutput(
                f"an agent yields {type(value).__name__}; yield strings, thread events, chat completion chunks or "
                "Responses API events."
            )

    async def _write(self, text: str) -> None:
        if self._text is None:
            await self._context.end_workflow()
            self._text = MessageStream(self._context.thread.id, self._context.stream)
            await self._text.open()
        await self._text.write(text)

    async def _pass_on(self, event: ThreadEvent) -> None:
        if event is self._context.handed_out:
            return
        if event.type.startswith("thread.item."):
            await self._end_text()
        await self._context.stream(event)

    async def _end_text(self) -> None:
        if self._text is not None:
            text, self._text = self._text, None
            await text.close()


@asynccontextmanager
async def _released(result: Any) -> AsyncIterator[None]:
    """Stop what produces the result when its consumer stops first."""
    try:
        yield
    except BaseException:
        for name in ("cancel", "aclose", "close"):
            stop = getattr(result, name, None)
            if callable(stop):
                stopped = stop()
                if inspect.isawaitable(stopped):
                    await stopped
                break
        raise


def _drained(stored: list[Any]) -> list[Any]:
    taken = stored[:]
    stored.clear()
    return taken
