"""Writing chat messages: from the items of a thread to the messages of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from threadlog.exchange.changes import changed
from threadlog.exchange.notes import Note, note_of
from threadlog.exchange.plain import Json
from threadlog.exchange.wording import (
    as_text,
    call_head,
    call_value,
    live_call_messages,
    result_message,
    text_message,
)

_TOOL_CALLS = ("server_tool_call", "client_tool_call")
_TEXTS = ("user_message", "assistant_message", "hidden_context_item", "sdk_hidden_context")


def messages_of(items: Iterable[dict[str, Any]]) -> list[Json]:
    """The messages that a thread's items amount to, in order.

    Imported items give the messages that they were made from, as far as nobody changed the items since. Of live ones,
    texts and tool calls give messages; what chat messages have no words for (workflows, widgets, images …) is left
    out.

    Args:
        items: the folded items as JSON, in their order.
    """
    imported = _Imported()
    live: list[Json] = []
    for item in items:
        note = note_of(item)
        if note is None or not imported.add(item, note):
            live.extend(_live(item))
    return [*imported.messages(), *live]


class _Imported:
    """The messages of imported items, each at its place in the run."""

    def __init__(self) -> None:
        self._messages: dict[int, Json] = {}

    def add(self, item: dict[str, Any], note: Note) -> bool:
        """Add what an item says; False where its note does not fit it."""
        try:
            if item["type"] not in _TOOL_CALLS:
                self._messages[note.index] = changed(text_message(item, note), note.change)
            elif note.call == "none":
                self._messages[note.index] = changed(result_message(item, note), note.change)
            else:
                self._add_call(item, note)
        except (LookupError, TypeError, ValueError, AttributeError):
            return False
        return True

    def messages(self) -> Iterator[Json]:
        """All of them in order."""
        return (self._messages[index] for index in sorted(self._messages))

    def _add_call(self, item: dict[str, Any], note: Note) -> None:
        call = changed(call_value(item, note), note.call_change)
        if note.index not in self._messages:
            self._messages[note.index] = changed(call_head(), note.change)
        message = self._messages[note.index]
        if note.call == "function_call":
            message["function_call"] = call
        else:
            message.setdefault("tool_calls", []).append(call)
        if note.result is not None:
            self._messages[note.result.index] = changed(result_message(item, note), note.result.change)


def _live(item: dict[str, Any]) -> list[Json]:
    """The messages of an item that was not imported, or whose note no longer fits."""
    if item.get("type") in _TOOL_CALLS:
        return live_call_messages(item)
    if item.get("type") not in _TEXTS:
        return []
    message = text_message(item, None)
    if item["type"] == "user_message":
        message |= {key: item[key] for key in ("quoted_text", "attachments") if item.get(key)}
    elif message["role"] == "system":
        message["content"] = as_text(message["content"])
    return [message]
