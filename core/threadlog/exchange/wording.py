"""Wording: what an item's own fields amount to as an OpenAI chat message, for imported and live threads alike."""

from __future__ import annotations

import json
from typing import Any

from threadlog.exchange.notes import Note
from threadlog.exchange.plain import Json

REFUSAL = "refusal"
"""Marks a content part of an assistant's item whose text is a refusal."""


def text_message(item: Json, note: Note | None) -> dict[str, Any]:
    """The message of an item that holds text: from a user, an assistant, or the application."""
    if item["type"] == "user_message":
        return {"role": "user", "content": _content(item["content"], parts=bool(note and note.parts))}
    if item["type"] == "assistant_message":
        return _assistant_message(item["content"], parts=bool(note and note.parts))
    return {"role": "system", "content": item["content"]}


def call_head() -> dict[str, Any]:
    """The message of tool calls without a text, apart from the calls."""
    return {"role": "assistant", "content": None}


def call_value(item: Json, note: Note) -> dict[str, Any]:
    """An imported tool call, in the form in which it was written."""
    if note.call == "function_call":
        return {"name": item["name"], "arguments": item["arguments"]}
    if note.call == "custom":
        custom = {"name": item["name"], "input": item["arguments"]}
        return {"id": item["call_id"], "type": "custom", "custom": custom}
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item["call_id"], "type": "function", "function": function}


def result_message(item: Json, note: Note) -> dict[str, Any]:
    """The message that gives an imported tool call its result."""
    if note.call == "function_call":
        return {"role": "function", "name": item["name"], "content": item.get("output")}
    return {"role": "tool", "tool_call_id": item["call_id"], "content": item.get("output")}


def live_call_messages(item: Json) -> list[dict[str, Any]]:
    """A tool call of a live thread: the assistant's message and, once it is there, the result's."""
    function = {"name": item["name"], "arguments": as_text(item["arguments"])}
    call = {"id": item["call_id"], "type": "function", "function": function}
    messages: list[dict[str, Any]] = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    if item.get("status", "pending") != "pending":
        output = item.get("output")
        result = item.get("error") if output is None else output
        messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": as_text(result)})
    return messages


def as_text(value: Json) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _assistant_message(content: list[Json], *, parts: bool) -> dict[str, Any]:
    if not parts and len(content) == 1 and content[0].get(REFUSAL) is True:
        return {"role": "assistant", "content": None, "refusal": content[0]["text"]}
    return {"role": "assistant", "content": _content(content, parts=parts)}


def _content(content: list[Json], *, parts: bool) -> Json:
    """A string for one text, null for none, otherwise a list of parts."""
    if parts or len(content) > 1:
        return [_part(part) for part in content]
    return content[0]["text"] if content else None


def _part(part: Json) -> dict[str, Any]:
    if part.get(REFUSAL) is True:
        return {"type": "refusal", "refusal": part["text"]}
    return {"type": "text", "text": part["text"]}
