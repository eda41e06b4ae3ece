"""Reading chat messages: from a run's messages to the items of a thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from threadlog.exchange.calls import Call, calls_of, object_of, text_of, without_calls
from threadlog.exchange.changes import change_between
from threadlog.exchange.notes import FIELD, Note, ResultNote, note_of, written
from threadlog.exchange.plain import Json, clean, tidy
from threadlog.exchange.wording import REFUSAL, call_head, call_value, result_message, text_message
from threadlog.model import Kind, derived_id

_TEXT_PARTS = ("text", "input_text", "output_text")


class Step(NamedTuple):
    """One event of an import."""

    message: int
    """The message that it comes from; counted from 0."""
    type: str
    """The event's type."""
    item: dict[str, Any]


class Reader:
    """Turns messages into steps, one message after the other.

    Each message gives at least one step. A tool call begins with its message and is done with its result's; what is no
    message of a known role becomes hidden context, so that nothing is left out.

    Args:
        thread_id: the thread to be; item ids derive from it.
        created_at: what the items say of their time (chat messages have none).
    """

    def __init__(self, thread_id: str, created_at: str) -> None:
        self._thread_id, self._created_at = thread_id, created_at
        self._waiting: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def steps(self, messages: Sequence[Json]) -> Iterator[Step]:
        """The steps of a whole run."""
        for index, message in enumerate(messages):
            for event_type, item in self._read(index, message):
                yield Step(index, event_type, item)

    def _read(self, index: int, message: Json) -> Iterator[tuple[str, dict[str, Any]]]:
        role = object_of(message).get("role")
        if role == "assistant":
            yield from self._assistant(index, message)
        elif role in ("tool", "function"):
            yield "thread.item.done", self._result(index, message)
        elif role == "user":
            yield "thread.item.done", self._user(index, message)
        else:
            yield "thread.item.done", self._hidden(index, message)

    def _user(self, index: int, message: dict[str, Any]) -> dict[str, Any]:
        content = [{"type": "input_text", "text": text} for text, _ in _texts(message.get("content"))]
        item = self._item("message", index, type="user_message", content=content, inference_options={})
        return _with_note(item, message)

    def _hidden(self, index: int, message: Json) -> dict[str, Any]:
        content = message.get("content") if isinstance(message, dict) else message
        item = self._item("hidden_context", index, type="hidden_context_item", content=tidy(content))
        return _with_note(item, message)

    def _assistant(self, index: int, message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        calls, rest = calls_of(message), without_calls(message)
        content = [_output(text, refusal=refusal) for text, refusal in _spoken(message)]
        speaks = not calls or any(part["text"] for part in content)
        if speaks:
            item = self._item("message", index, type="assistant_message", content=content)
            yield "thread.item.done", _with_note(item, rest)
        for number, call in enumerate(calls):
            head = rest if number == 0 and not speaks else None
            yield "thread.item.added", self._call(index, number, call, head)

    def _call(self, index: int, number: int, call: Call, head: dict[str, Any] | None) -> dict[str, Any]:
        item = self._tool_item(
            index,
            number,
            status="pending",
            call_id=call.call_id or f"call_{index}_{number}",
            name=call.name,
            arguments=call.arguments,
        )
        note = Note(index, call=call.form)
        note.call_change = change_between(call_value(item, note), call.value)
        if head is not None:
            note.change = change_between(call_head(), head)
        item[FIELD] = written(note)
        self._waiting.setdefault(_call_key(call, item), []).append(item)
        return item

    def _result(self, index: int, message: dict[str, Any]) -> dict[str, Any]:
        waiting = self._waiting.get(_result_key(message))
        if not waiting:
            return self._lone_result(index, message)
        item = {**waiting.pop(0), "status": "completed", "output": tidy(message.get("content"))}
        note = note_of(item)
        assert note is not None
        note.result = ResultNote(index, change_between(result_message(item, note), message))
        item[FIELD] = written(note)
        return item

    def _lone_result(self, index: int, message: dict[str, Any]) -> dict[str, Any]:
        """A result whose call is not there, or has its result already."""
        item = self._tool_item(
            index,
            0,
            status="completed",
            call_id=text_of(message.get("tool_call_id")) or f"call_{index}",
            name=text_of(message.get("name")),
            arguments="",
            output=tidy(message.get("content")),
        )
        note = Note(index, call="none")
        note.change = change_between(result_message(item, note), message)
        item[FIELD] = written(note)
        return item

    def _tool_item(self, index: int, number: int, **fields: Any) -> dict[str, Any]:
        return self._item("tool_call", index, number, type="server_tool_call", **fields)

    def _item(self, kind: Kind, *place: int, **fields: Any) -> dict[str, Any]:
        item_id = derived_id(kind, self._thread_id, *map(str, place))
        return {"id": item_id, "thread_id": self._thread_id, "created_at": self._created_at, **fields} | {
            FIELD: {"index": place[0]}
        }


def _with_note(item: dict[str, Any], message: Json) -> dict[str, Any]:
    note = Note(item[FIELD]["index"], parts=isinstance(object_of(message).get("content"), list))
    note.change = change_between(text_message(item, note), message)
    return {**item, FIELD: written(note)}


def _spoken(message: dict[str, Any]) -> list[tuple[str, bool]]:
    """The texts of an assistant's message, and whether each is a refusal."""
    content, refusal = message.get("content"), message.get("refusal")
    if content is None and isinstance(refusal, str) and refusal:
        return [(clean(refusal), True)]
    return _texts(content)


def _texts(content: Json) -> list[tuple[str, bool]]:
    """The texts of a message's content, and whether each is a refusal; parts of other kinds are passed over."""
    if isinstance(content, str):
        return [(clean(content), False)]
    parts = [object_of(part) for part in content] if isinstance(content, list) else []
    return [found for part in parts if (found := _text_of_part(part)) is not None]


def _text_of_part(part: dict[str, Any]) -> tuple[str, bool] | None:
    kind = part.get("type")
    if kind in _TEXT_PARTS and isinstance(part.get("text"), str):
        return clean(part["text"]), False
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return clean(part["refusal"]), True
    return None


def _output(text: str, *, refusal: bool) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    return {**part, REFUSAL: True} if refusal else part


def _call_key(call: Call, item: dict[str, Any]) -> tuple[str, str]:
    return ("function", item["name"]) if call.form == "function_call" else ("tool", item["call_id"])


def _result_key(message: dict[str, Any]) -> tuple[str, str]:
    if message["role"] == "function":
        return "function", text_of(message.get("name"))
    return "tool", text_of(message.get("tool_call_id"))
