"""How an item reads: who, and what they said or did. Items of unknown types are shown as the JSON they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from threadlog.cli.output import Output

Data: TypeAlias = Mapping[str, Any]
"""An item, a task or a payload as plain JSON."""

BRIEF_CHARACTERS = 300
BRIEF_LINES = 6


class Block(NamedTuple):
    """An item in words."""

    heading: str
    style: str
    body: str
    """What was said; empty where the heading says it all."""
    brief: bool = False
    """Whether the body is material rather than speech, so that people want its beginning only."""


def describe(item: Data) -> Block:
    """Put an item into words."""
    describer = _DESCRIBERS.get(str(item.get("type")))
    return describer(item) if describer else Block(str(item.get("type", "item")), "magenta", as_json(item), brief=True)


def print_block(output: Output, block: Block, *, full: bool, note: str = "") -> None:
    """Print an item's words: the heading, with a note beside it, and the body indented."""
    output.spans((block.heading, f"bold {block.style}"), (f"  {note}" if note else "", "dim"))
    body = block.body if full or not block.brief else shortened(block.body)
    if body:
        output.line(indented(body), "dim" if block.brief else "")


def shortened(text: str) -> str:
    """The beginning of a long text, saying how much is left out."""
    cut = "\n".join(text.splitlines()[:BRIEF_LINES])[:BRIEF_CHARACTERS]
    rest = len(text.rstrip()) - len(cut)
    return f"{cut}… ({rest} more characters; --full shows all)" if rest > 0 else cut


def indented(text: str) -> str:
    """`text` moved right under its heading."""
    return "  " + text.replace("\n", "\n  ")


def as_json(value: Any) -> str:
    """JSON for people: on one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False)


def tool_result(item: Data) -> Block | None:
    """What came out of a tool call, or None while nothing has."""
    if item.get("error") is not None:
        return Block(f"✗ {item.get('name')}", "red", str(item["error"]))
    if item.get("output") is None:
        return None
    return Block(f"← {item.get('name')}", "yellow", _as_text(item["output"]), brief=True)


def task_line(task: Data) -> str:
    """A task in one line."""
    mark = {"complete": "✓", "loading": "…"}.get(str(task.get("status_indicator")), "·")
    words = [str(task[name]) for name in ("title", "title_query", "content") if task.get(name)]
    return f"{mark} {' – '.join(words) or task.get('type', 'task')}"


def message_text(item: Data) -> str:
    """The text of a message, its parts one after the other."""
    return "\n".join(str(part.get("text", "")) for part in mappings(item.get("content")))


def mapping(value: Any) -> Data:
    """`value` if it is an object, else an empty one: what is stored may be of any shape."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Data]:
    """The objects of an array; none where `value` is no array."""
    return [element for element in value if isinstance(element, Mapping)] if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _user_message(item: Data) -> Block:
    quoted = [f"> {item['quoted_text']}"] if item.get("quoted_text") else []
    attached = [f"[attachment {attachment.get('name')}]" for attachment in mappings(item.get("attachments"))]
    return Block("user", "cyan", "\n".join([*quoted, message_text(item), *attached]))


def _assistant_message(item: Data) -> Block:
    return Block("assistant", "green", message_text(item))


def _tool_call(item: Data) -> Block:
    result = tool_result(item)
    heading = f"→ {item.get('name')} {_as_text(item.get('arguments'))}"
    if result is None:
        return Block(heading, "yellow", "")
    return Block(heading, result.style, result.body, brief=result.brief)


def _workflow(item: Data) -> Block:
    workflow = mapping(item.get("workflow"))
    tasks = "\n".join(task_line(task) for task in mappings(workflow.get("tasks")))
    return Block(f"workflow {_summary(workflow.get('summary'))}".rstrip(), "blue", tasks)


def _summary(summary: Any) -> str:
    if not isinstance(summary, Mapping):
        return ""
    return str(summary.get("title") or f"({summary.get('duration')} s)")


def _task(item: Data) -> Block:
    return Block("task", "blue", task_line(mapping(item.get("task"))))


def _widget(item: Data) -> Block:
    return Block("widget", "magenta", str(item.get("copy_text") or as_json(item.get("widget"))), brief=True)


def _image(item: Data) -> Block:
    return Block("image", "magenta", str(mapping(item.get("image")).get("url", "(being made)")), brief=True)


def _hidden_context(item: Data) -> Block:
    return Block("hidden context", "magenta", _as_text(item.get("content")), brief=True)


def _end_of_turn(_: Data) -> Block:
    return Block("end of turn", "dim", "")


_DESCRIBERS: Mapping[str, Callable[[Data], Block]] = {
    "user_message": _user_message,
    "assistant_message": _assistant_message,
    "client_tool_call": _tool_call,
    "server_tool_call": _tool_call,
    "workflow": _workflow,
    "task": _task,
    "widget": _widget,
    "generated_image": _image,
    "hidden_context_item": _hidden_context,
    "sdk_hidden_context": _hidden_context,
    "end_of_turn": _end_of_turn,
}
