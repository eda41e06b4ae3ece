"""Responses API events (OpenAI's newer protocol, and what its Agents SDK streams) turned into a thread's items."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from threadlog.model import Annotation, FileSource, ServerToolCallItem, URLSource
from threadlog.runs.completions import parse_arguments
from threadlog.runs.context import AgentContext
from threadlog.runs.errors import AgentFailure
from threadlog.runs.message import MessageStream
from threadlog.runs.thoughts import Thoughts

_NOT_TOOLS = frozenset({"message", "reasoning", "function_call", "compaction"})


class ResponseStream:
    """Takes the events of one or more responses; each message becomes an item, each tool call another.

    Ids of the model's messages are not kept: some servers give the same one to all.
    """

    def __init__(self, context: AgentContext[Any]) -> None:
        self._context = context
        self._messages: dict[str, MessageStream] = {}
        self._calls: dict[str, ServerToolCallItem] = {}
        self._thoughts = Thoughts(context)
        self._takers: dict[str, Callable[[Any], Awaitable[None]]] = {
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._text,
            "response.output_text.annotation.added": self._annotation,
            "response.reasoning_summary_text.delta": self._thought,
            "response.reasoning_summary_text.done": self._thought_done,
            "response.reasoning_text.delta": self._thought,
            "response.reasoning_text.done": self._thought_done,
            "response.completed": self._completed,
            "response.incomplete": self._incomplete,
            "response.failed": self._failed,
            "error": self._failed,
        }

    async def feed(self, event: Any) -> None:
        """Take one event of a response.

        Raises:
            AgentFailure: the model says that it failed.
        """
        taker = self._takers.get(event.type)
        if taker is not None:
            await taker(event)

    async def feed_run_item(self, item: Any) -> None:
        """Take an item of the Agents SDK: what a tool is called with, or what it gave back."""
        if item.type == "tool_call_item":
            await self._call(item.raw_item)
        elif item.type == "tool_call_output_item":
            await self._result(item)

    async def close(self) -> None:
        """Complete what is open. Calls without a result stay pending; the end of the run settles them."""
        await self._thoughts.finish()
        for item_id in list(self._messages):
            await self._message_done(item_id)

    async def _item_added(self, event: Any) -> None:
        if event.item.type == "message":
            await self._message(_id(event.item))

    async def _item_done(self, event: Any) -> None:
        item = event.item
        if item.type == "message":
            await self._message_done(_id(item))
        elif item.type == "function_call":
            await self._call(item)
        elif item.type not in _NOT_TOOLS and item.type.endswith("_call"):
            await self._hosted_call(item)

    async def _message(self, item_id: str) -> MessageStream:
        message = self._messages.get(item_id)
        if message is None:
            await self._thoughts.finish()
            await self._context.end_workflow()
            message = self._messages[item_id] = MessageStream(self._context.thread.id, self._context.stream)
            await message.open()
        return message

    async def _message_done(self, item_id: str) -> None:
        message = self._messages.pop(item_id, None)
        if message is not None:
            await message.close()

    async def _text(self, event: Any) -> None:
        message = await self._message(event.item_id)
        await message.write(event.delta, event.content_index)

    async def _annotation(self, event: Any) -> None:
        annotation = _annotation_of(event.annotation)
        if annotation is not None:
            message = await self._message(event.item_id)
            await message.annotate(annotation, event.content_index)

    async def _thought(self, event: Any) -> None:
        await self._thoughts.add(event.delta)

    async def _thought_done(self, event: Any) -> None:
        await self._thoughts.finish(event.text)

    async def _call(self, call: Any) -> None:
        call_id = _field(call, "call_id")
        if _field(call, "type") != "function_call" or not call_id or call_id in self._calls:
            return
        arguments = parse_arguments(_field(call, "arguments") or "")
        self._calls[call_id] = await self._context.start_tool_call(_field(call, "name"), arguments, call_id=call_id)

    async def _hosted_call(self, item: Any) -> None:
        """A tool that ran beside the model: what is known of it comes all at once."""
        known = item.model_dump(mode="json", exclude={"id", "type", "status"}, exclude_none=True)
        name = item.type.removesuffix("_call")
        call = await self._context.start_tool_call(name, known, call_id=_id(item))
        failed = getattr(item, "status", None) == "failed"
        await self._context.end_tool_call(call, error=f"{name} failed beside the model." if failed else None)

    async def _result(self, item: Any) -> None:
        call = self._calls.get(_field(item.raw_item, "call_id") or "")
        if call is not None:
            await self._context.end_tool_call(call, _as_json(item.output))

    async def _completed(self, event: Any) -> None:
        if usage := event.response.usage:
            self._context.add_usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)

    async def _incomplete(self, event: Any) -> None:
        await self._completed(event)
        details = event.response.incomplete_details
        await self._context.notice(f"The answer was cut short ({details.reason if details else 'unknown'}).", "warning")

    async def _failed(self, event: Any) -> None:
        error = event.response.error if event.type == "response.failed" else event
        code = getattr(error, "code", None) or "unknown"
        raise AgentFailure(f"The model failed ({code}); try again.", allow_retry=True)


def _id(item: Any) -> str:
    return _field(item, "id") or ""


def _field(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def _annotation_of(found: Any) -> Annotation | None:
    kind = _field(found, "type")
    if kind == "url_citation":
        url = _field(found, "url")
        source = URLSource(url=url, title=_field(found, "title") or url)
        return Annotation(source=source, index=_field(found, "end_index"))
    filename = _field(found, "filename")
    if kind in ("file_citation", "container_file_citation") and filename:
        index = _field(found, "index") if kind == "file_citation" else _field(found, "end_index")
        return Annotation(source=FileSource(filename=filename, title=filename), index=index)
    return None


def _as_json(output: Any) -> Any:
    """A tool's output if it is plain JSON, otherwise as text."""
    if output is None or isinstance(output, str | int | float | bool | dict | list):
        return output
    return output.model_dump(mode="json") if hasattr(output, "model_dump") else str(output)
