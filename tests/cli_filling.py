"""A small log to look at."""

from __future__ import annotations

import json
from typing import Any

from threadlog import open_store
from threadlog.log import Expect
from threadlog.model import default_registry
from threadlog.store import Principal, ThreadStore

NASTY = "\x1b]0;owned\x07\x9b2J"
"""What would steer a terminal."""
WHO = Principal("default", "developer")


def item(kind: str, item_id: str, **fields: Any) -> dict[str, Any]:
    """An item of ``thr_one``."""
    common = {"type": kind, "id": item_id, "thread_id": "thr_one", "created_at": "2026-01-01T00:00:00Z"}
    return common | fields


QUESTION = item(
    "user_message",
    "msg_1",
    content=[{"type": "input_text", "text": f"How many lines\nhas {NASTY} the file?"}],
    inference_options={},
)
CALL = item(
    "server_tool_call",
    "tc_1",
    call_id="c1",
    name="count",
    arguments='{"path": "a"}',
    status="completed",
    output="long " * 200,
)
SECRET = item("hidden_context_item", "hcx_1", content="the policy")
ANSWER = item("assistant_message", "msg_2", content=[{"type": "output_text", "text": "It has **200**."}])


async def fill(url: str) -> None:
    """Make the log: ``thr_one`` and two empty threads after it."""
    async with open_store(url) as store:
        await store.create_thread(WHO, thread_id="thr_one", title=f"Lines {NASTY}")
        for each in (QUESTION, CALL, SECRET, ANSWER):
            await store.add_thread_item(WHO, "thr_one", default_registry().parse_item(each))
        for number in (2, 3):
            await store.create_thread(WHO, thread_id=f"thr_{number}", title=f"Number {number}")


async def append(store: ThreadStore, *events: dict[str, Any]) -> None:
    """Append events, given as their payloads, to ``thr_one``."""
    registry = default_registry()
    parsed = [registry.parse_event(event["type"], 1, _encoded(event)) for event in events]
    await store.append(WHO, "thr_one", parsed, expected=Expect.THREAD_EXISTS)


async def say(url: str, *words: str) -> None:
    """Append a run that streams a message word by word."""
    message = item("assistant_message", "msg_3", content=[])
    whole = [{"type": "output_text", "text": "".join(words)}]
    async with open_store(url) as store:
        await append(store, {"type": "run.started", "run_id": "run_1", "agent": "speaker"})
        await append(store, {"type": "thread.item.added", "item": message})
        for word in words:
            update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": word}
            await append(store, {"type": "thread.item.updated", "item_id": "msg_3", "update": update})
        await append(store, {"type": "thread.item.done", "item": {**message, "content": whole}})
        await append(store, {"type": "run.completed", "run_id": "run_1"})


def _encoded(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload).encode()
