"""Reading along: events of a thread turned, one by one as they happen, into what a person reads."""

from __future__ import annotations

import json

from threadlog.cli.asides import aside
from threadlog.cli.items import (
    Block,
    Data,
    as_json,
    describe,
    mapping,
    message_text,
    print_block,
    shortened,
    task_line,
    tool_result,
)
from threadlog.cli.output import Output
from threadlog.log import Event

_TEXT_DELTA = "assistant_message.content_part.text_delta"
_PART_ADDED = "assistant_message.content_part.added"
_PART_DONE = "assistant_message.content_part.done"
_TOOL_CALLS = {"server_tool_call", "client_tool_call"}


class Transcript:
    """Prints events as they come, text deltas as running text."""

    def __init__(self, output: Output, *, full: bool = False) -> None:
        self._output = output
        self._full = full
        self._begun: dict[str, Data] = {}
        """Items that were announced and are not done."""
        self._streamed: set[str] = set()
        """Messages of which text was printed already, and that are not done."""
        self._speaking: str | None = None
        """The message in whose text the output stands, on an unfinished line."""

    def print(self, event: Event) -> None:
        """Print what an event adds to what was printed."""
        data = mapping(json.loads(event.data))
        match event.type:
            case "thread.item.added":
                self._added(mapping(data.get("item")))
            case "thread.item.updated":
                self._updated(str(data.get("item_id")), mapping(data.get("update")))
            case "thread.item.done":
                self._done(mapping(data.get("item")))
            case "thread.item.replaced":
                self._aside("replaced:")
                self._block(describe(mapping(data.get("item"))), mapping(data.get("item")))
            case kind:
                self._aside(*(aside(kind, data) or ("",)))
        self._output.flush()

    def end(self) -> None:
        """Finish the line that is being written."""
        if self._speaking is not None:
            self._output.line()
        self._speaking = None

    def _added(self, item: Data) -> None:
        item_id = str(item.get("id"))
        self._begun[item_id] = item
        if item.get("type") == "assistant_message":
            self._say(item_id, message_text(item))
        else:
            self._block(describe(item), item)

    def _updated(self, item_id: str, update: Data) -> None:
        kind = str(update.get("type"))
        if kind == _TEXT_DELTA:
            self._say(item_id, str(update.get("delta", "")))
        elif kind == _PART_ADDED or (kind == _PART_DONE and item_id not in self._streamed):
            self._say(item_id, str(mapping(update.get("content")).get("text", "")))
        elif "task" in update:
            self._aside(f"  {task_line(mapping(update['task']))}", "blue")
        elif not kind.startswith("assistant_message."):
            self._aside(f"{kind} {shortened(as_json(update))}")

    def _done(self, item: Data) -> None:
        item_id = str(item.get("id"))
        begun = self._begun.pop(item_id, None)
        if item_id in self._streamed:
            self._streamed.discard(item_id)
            self.end()
        elif begun is None or item.get("type") == "assistant_message":
            self._block(describe(item), item)
        elif item.get("type") in _TOOL_CALLS and (result := tool_result(item)):
            self._block(result, item)
        elif describe(item).heading != describe(begun).heading:
            self._aside(describe(item).heading, "blue")

    def _say(self, item_id: str, text: str) -> None:
        if not text:
            return
        if self._speaking != item_id:
            self.end()
            again = " (continued)" if item_id in self._streamed else ""
            self._output.spans((f"assistant{again}", "bold green"), (f"  {item_id}", "dim"))
            self._output.line("  ", end="")
        self._speaking = item_id
        self._streamed.add(item_id)
        self._output.line(text.replace("\n", "\n  "), end="")

    def _block(self, block: Block, item: Data) -> None:
        self.end()
        print_block(self._output, block, full=self._full, note=str(item.get("id", "")))

    def _aside(self, text: str, style: str = "dim") -> None:
        if not text:
            return
        self.end()
        self._output.line(text, style)
