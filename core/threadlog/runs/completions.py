"""Chat completion chunks (OpenAI's older, widely spoken protocol) turned into a thread's items."""

from __future__ import annotations

import json
from typing import Any

from threadlog.model import ServerToolCallItem
from threadlog.runs.context import AgentContext
from threadlog.runs.message import MessageStream
from threadlog.runs.thoughts import Thoughts


class _Call:
    def __init__(self) -> None:
        self.id: str | None = None
        self.name = self.arguments = ""


class CompletionStream:
    """Takes the chunks of one answer; its text becomes a message, its tool calls become pending items.

    Attributes:
        finish_reason: why the model stopped, once it has said so.
        text: what it said.
        tool_calls: what it wants called; filled by `close`.
    """

    def __init__(self, context: AgentContext[Any]) -> None:
        self._context = context
        self._message: MessageStream | None = None
        self._thoughts = Thoughts(context)
        self._calls: dict[int, _Call] = {}
        self.finish_reason: str | None = None
        self.text = ""
        self.tool_calls: list[ServerToolCallItem] = []

    async def feed(self, chunk: Any) -> None:
        """Take one chunk, as the official client gives it."""
        if usage := getattr(chunk, "usage", None):
            self._context.add_usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
        for choice in chunk.choices[:1]:
            if choice.delta is not None:
                await self._take(choice.delta)
            self.finish_reason = choice.finish_reason or self.finish_reason

    async def close(self) -> None:
        """Complete the message, and record what is to be called."""
        await self._thoughts.finish()
        if self._message is not None:
            await self._message.close()
            self._message = None
        for _, call in sorted(self._calls.items()):
            arguments = parse_arguments(call.arguments)
            self.tool_calls.append(
                await self._context.start_tool_call(call.name or "unnamed", arguments, call_id=call.id)
            )
        self._calls.clear()

    async def _take(self, delta: Any) -> None:
        # Endpoints that show their model's reasoning do it in one of these, outside the official protocol.
        if thought := getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None):
            await self._thoughts.add(thought)
        for text in (delta.content, getattr(delta, "refusal", None)):
            if text:
                await self._write(text)
        for call in delta.tool_calls or ():
            self._collect(call)

    async def _write(self, text: str) -> None:
        if self._message is None:
            await self._thoughts.finish()
            await self._context.end_workflow()
            self._message = MessageStream(self._context.thread.id, self._context.stream)
            await self._message.open()
        self.text += text
        await self._message.write(text)

    def _collect(self, delta: Any) -> None:
        call = self._calls.setdefault(delta.index, _Call())
        call.id = call.id or delta.id
        if delta.function is not None:
            call.name += delta.function.name or ""
            call.arguments += delta.function.arguments or ""


def parse_arguments(text: str) -> dict[str, Any] | str:
    """A model's arguments as an object, or, where they are no JSON object, the text that it wrote."""
    try:
        value = json.loads(text or "{}", parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, dict) else text.encode("utf-8", "replace").decode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
