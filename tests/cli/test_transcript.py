"""What a person reads of events as they happen, and of items as they stand."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from threadlog.cli.items import describe, print_block
from threadlog.cli.output import Output
from threadlog.cli.transcript import Transcript
from threadlog.log import Event

TEXT_DELTA = "assistant_message.content_part.text_delta"


def event(kind: str, **data: Any) -> Event:
    """A stored event."""
    payload = json.dumps({"type": kind, **data}).encode()
    numbers = {"seq": 1, "shard": 0, "position": 1, "version": 1, "time_us": 0}
    return Event(tenant="t", thread_id="thr", id="i", append_id="a", type=kind, data=payload, **numbers)


def delta(item: str, text: str) -> Event:
    """Some characters more of a message."""
    update = {"type": TEXT_DELTA, "content_index": 0, "delta": text}
    return event("thread.item.updated", item_id=item, update=update)


def message(item: str, *texts: str) -> dict[str, Any]:
    """An assistant's message."""
    return {"type": "assistant_message", "id": item, "content": [{"type": "output_text", "text": t} for t in texts]}


def read(*events: Event, full: bool = False) -> str:
    """What is printed of events."""
    out = io.StringIO()
    transcript = Transcript(Output(out, out), full=full)
    for each in events:
        transcript.print(each)
    transcript.end()
    return out.getvalue()


def test_deltas_are_running_text() -> None:
    """A streamed message is printed once, under one heading, as it comes."""
    text = read(
        event("thread.item.added", item=message("m1")),
        delta("m1", "Hel"),
        delta("m1", "lo\nthere"),
        event("thread.item.done", item=message("m1", "Hello\nthere")),
    )
    assert text == "assistant  m1\n  Hello\n  there\n"


def test_messages_that_interleave_are_kept_apart() -> None:
    """Where two messages are streamed at once, each piece stands under its own heading."""
    text = read(delta("m1", "one"), delta("m2", "two"), delta("m1", "more"))
    assert text.splitlines() == [
        "assistant  m1", "  one", "assistant  m2", "  two", "assistant (continued)  m1", "  more"
    ]  # fmt: skip


def test_message_that_was_not_streamed_is_printed_when_done() -> None:
    """A message that arrives whole is printed whole."""
    assert read(event("thread.item.done", item=message("m1", "All of it"))) == "assistant  m1\n  All of it\n"


def test_tool_call_and_its_result() -> None:
    """A tool call is printed when it begins and its result when it is there, each once."""
    call = {"type": "server_tool_call", "id": "tc1", "name": "search", "arguments": '{"q": 1}', "status": "pending"}
    text = read(
        event("thread.item.added", item=call),
        event("thread.item.done", item={**call, "status": "completed", "output": "found"}),
    )
    assert text == '→ search {"q": 1}  tc1\n← search  tc1\n  found\n'


def test_failed_tool_call_says_why() -> None:
    """A call that failed shows its error."""
    call = {"type": "server_tool_call", "id": "tc1", "name": "search", "arguments": {}, "error": "no such folder"}
    assert "no such folder" in read(event("thread.item.done", item=call))


def test_long_results_are_shortened_unless_full() -> None:
    """A long result shows its beginning and how much is left out; --full shows all."""
    call = {"type": "server_tool_call", "id": "t", "name": "cat", "arguments": {}, "output": "x" * 5000}
    done = event("thread.item.done", item=call)
    assert "4700 more characters; --full shows all" in read(done)
    assert "x" * 5000 in read(done, full=True)


def test_runs_and_progress_are_remarked() -> None:
    """The run's life, progress and errors stand between the messages."""
    text = read(
        event("run.started", run_id="r", agent="folder"),
        event("progress_update", text="reading"),
        event("run.failed", run_id="r", error={"type": "X", "message": "too slow"}),
    )
    assert text.splitlines() == ["run started (folder)", "… reading", "run failed (too slow)"]


def test_workflow_tasks_appear_as_they_come() -> None:
    """A workflow's tasks are printed one by one."""
    item = {"type": "workflow", "id": "w", "workflow": {"type": "custom", "tasks": []}}
    task = {"type": "custom", "title": "Look", "status_indicator": "complete"}
    update = {"type": "workflow.task.added", "task_index": 0, "task": task}
    text = read(event("thread.item.added", item=item), event("thread.item.updated", item_id="w", update=update))
    assert text.splitlines() == ["workflow  w", "  ✓ Look"]


def test_unknown_events_are_shown_and_not_dropped() -> None:
    """An event type that nobody knows is printed with its payload."""
    assert read(event("acme.happened", value=7)) == 'acme.happened {"type": "acme.happened", "value": 7}\n'


def test_stored_escapes_do_not_reach_the_terminal() -> None:
    """Escape sequences in any stored field are shown as text."""
    nasty = "\x1b]0;owned\x07"
    call = {"type": "server_tool_call", "id": nasty, "name": nasty, "arguments": nasty, "output": nasty}
    text = read(
        delta("m", nasty),
        event("thread.item.done", item=call),
        event("notice", level="info", message=nasty),
        event("thread.created", thread={"id": nasty, "title": nasty}),
        event("acme." + nasty, x=nasty),
    )
    assert "\x1b" not in text
    assert "\x07" not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["item", "type", "id", "content", "update", "workflow", "task", "tasks", "text", "output",
                         "delta", "image", "summary", "error", "attachments", "thread", "arguments"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from(
    ["thread.created", "thread.item.added", "thread.item.updated", "thread.item.done", "thread.item.replaced",
     "thread.item.removed", "progress_update", "notice", "error", "run.failed", "access.granted", "x"]
)  # fmt: skip
TYPES = st.sampled_from(["user_message", "assistant_message", "server_tool_call", "workflow", "task", "widget",
                         "generated_image", "hidden_context_item", "sdk_hidden_context", "x"])  # fmt: skip


@given(KINDS, JSON)
def test_payloads_of_any_shape_are_printed(kind: str, data: object) -> None:
    """Whatever was stored, reading along does not break."""
    payload = json.dumps(data).encode()
    numbers = {"seq": 1, "shard": 0, "position": 1, "version": 1, "time_us": 0}
    read(Event(tenant="t", thread_id="thr", id="i", append_id="a", type=kind, data=payload, **numbers))


@given(
    TYPES,
    st.dictionaries(st.sampled_from(["content", "workflow", "task", "widget", "image", "output", "attachments"]), JSON),
)
def test_items_of_any_shape_are_printed(kind: str, fields: dict[str, object]) -> None:
    """Whatever an item holds, it can be shown."""
    out = io.StringIO()
    print_block(Output(out, out), describe({**fields, "type": kind}), full=False)
    assert out.getvalue()
