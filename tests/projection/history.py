"""A thread's events as a log would number them, made by hand."""

from __future__ import annotations

import json
from typing import Any

from threadlog.log import Event, HeadChange
from threadlog.model import Registry, ThreadEvent, default_registry
from threadlog.projection import ThreadState

THREAD = "thr_1"
NOW = "2026-01-01T00:00:00Z"
TEXT_DELTA = "assistant_message.content_part.text_delta"


class History:
    """Events of one thread, in order."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or default_registry()
        self.events: list[Event] = []

    def add(
        self,
        event_type: str,
        payload: Any = None,
        *,
        data: bytes | None = None,
        version: int = 1,
        actor: str | None = "user:alice",
        head: HeadChange | None = None,
    ) -> Event:
        """Number the next event; its payload is a dict, or any bytes at all."""
        seq = len(self.events) + 1
        event = Event(
            tenant="acme",
            thread_id=THREAD,
            seq=seq,
            shard=0,
            position=seq,
            id=f"01900000-0000-7000-8000-0000{seq:08x}",
            append_id=f"apd_{seq}",
            type=event_type,
            version=version,
            time_us=1_000_000 + seq,
            data=json.dumps({"type": event_type, **(payload or {})}).encode() if data is None else data,
            actor=actor,
            head=head,
        )
        self.events.append(event)
        return event

    def model(self, event: ThreadEvent) -> Event:
        """Number an event that is given as a model."""
        name, version, data = self.registry.dump_event(event)
        return self.add(name, data=data, version=version)

    def created(self, **metadata: Any) -> Event:
        """The thread begins."""
        thread = {"id": THREAD, "created_at": NOW, "items": {"data": []}, **metadata}
        return self.add("thread.created", {"thread": thread}, head=HeadChange(owner="alice"))

    def item(self, event: str, item: dict[str, Any]) -> Event:
        """``added``, ``done`` or ``replaced``."""
        return self.add(f"thread.item.{event}", {"item": item})

    def update(self, item_id: str, update: dict[str, Any]) -> Event:
        """An item changes."""
        return self.add("thread.item.updated", {"item_id": item_id, "update": update})

    def delta(self, item_id: str, text: str, index: int = 0) -> Event:
        """The next characters of an assistant's message."""
        return self.update(item_id, {"type": TEXT_DELTA, "content_index": index, "delta": text})

    def state(self, upto: int | None = None) -> ThreadState:
        """The events up to a seq, folded together."""
        return ThreadState.fold(self.events[:upto], registry=self.registry)


def assistant(item_id: str = "msg_1", *texts: str) -> dict[str, Any]:
    """An assistant's message."""
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {
        "type": "assistant_message",
        "id": item_id,
        "thread_id": THREAD,
        "created_at": NOW,
        "content": content,
    }


def user(item_id: str, text: str = "hello") -> dict[str, Any]:
    """A user's message."""
    return {
        "type": "user_message",
        "id": item_id,
        "thread_id": THREAD,
        "created_at": NOW,
        "content": [{"type": "input_text", "text": text}],
        "inference_options": {},
    }


def hidden(item_id: str, content: str = "secret") -> dict[str, Any]:
    """Hidden context."""
    return {
        "type": "hidden_context_item",
        "id": item_id,
        "thread_id": THREAD,
        "created_at": NOW,
        "content": content,
    }


def widget(item_id: str, root: dict[str, Any]) -> dict[str, Any]:
    """A widget."""
    return {"type": "widget", "id": item_id, "thread_id": THREAD, "created_at": NOW, "widget": root}


def workflow(item_id: str, *titles: str) -> dict[str, Any]:
    """A workflow."""
    tasks = [{"type": "custom", "title": title} for title in titles]
    return {
        "type": "workflow",
        "id": item_id,
        "thread_id": THREAD,
        "created_at": NOW,
        "workflow": {"type": "custom", "tasks": tasks},
    }
