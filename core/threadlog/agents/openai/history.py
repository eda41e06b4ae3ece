"""A thread's items as the messages of a chat completion."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from threadlog.model import (
    AssistantMessageItem,
    ClientToolCallItem,
    HiddenContextItem,
    Item,
    ServerToolCallItem,
    UserMessageItem,
)
from threadlog.runs import text_of

Message: TypeAlias = dict[str, Any]


def messages_of(items: Sequence[Item], *, characters: int) -> list[Message]:
    """What a model is told of a thread, oldest first.

    The newest messages count: what comes before the last `characters` of text is left out, from a user's message on,
    so that no result of a tool stands without its call.
    """
    messages = [message for item in items for message in _messages(item)]
    kept = _kept(messages, characters)
    first_user = next((at for at in range(kept, len(messages)) if messages[at]["role"] == "user"), kept)
    return messages[first_user:]


def tool_message(call: ServerToolCallItem | ClientToolCallItem, output: Any, error: str | None = None) -> Message:
    """What a tool gave back, for the model."""
    content = {"error": error} if error is not None else output
    return {"role": "tool", "tool_call_id": call.call_id, "content": _text(content)}


def call_message(calls: Sequence[ServerToolCallItem | ClientToolCallItem], text: str = "") -> Message:
    """What the model said when it called tools."""
    return {
        "role": "assistant",
        "content": text or None,
        "tool_calls": [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": _text(call.arguments)},
            }
            for call in calls
        ],
    }


def _messages(item: Item) -> Iterator[Message]:
    match item:
        case UserMessageItem():
            quoted = f"> {item.quoted_text}\n\n" if item.quoted_text else ""
            yield {"role": "user", "content": quoted + text_of(item)}
        case AssistantMessageItem():
            yield {"role": "assistant", "content": text_of(item)}
        case ServerToolCallItem():
            yield call_message([item])
            yield tool_message(item, item.output, item.error)
        case ClientToolCallItem():
            yield call_message([item])
            yield tool_message(item, item.output, None if item.status == "completed" else "there is no answer yet")
        case HiddenContextItem(content=str() as content):
            yield {"role": "system", "content": content}


def _kept(messages: Sequence[Message], characters: int) -> int:
    """The first message of those that fit."""
    for at in range(len(messages) - 1, -1, -1):
        characters -= len(_text(messages[at]))
        if characters < 0:
            return min(at + 1, len(messages) - 1)
    return 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
