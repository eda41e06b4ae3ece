"""What holds for every history, however odd."""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projection.history import TEXT_DELTA, THREAD, History, assistant, hidden, user, widget, workflow
from threadlog.log import HeadChange
from threadlog.projection import ThreadState

slow = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=150)

NAMES = ["a", "b", "c", "d"]
IDS = st.sampled_from(NAMES)
TEXTS = st.text(max_size=8).filter(str.isprintable)
INDEXES = st.integers(-1, 3)
PARTS = st.builds(lambda text: {"type": "output_text", "text": text, "annotations": []}, TEXTS)
TASKS = st.builds(lambda title: {"type": "custom", "title": title}, TEXTS)
ITEMS = st.one_of(
    st.builds(assistant, IDS),
    st.builds(assistant, IDS, TEXTS),
    st.builds(assistant, IDS, TEXTS, TEXTS),
    st.builds(user, IDS, TEXTS),
    st.builds(hidden, IDS, TEXTS),
    st.builds(workflow, IDS, TEXTS),
    st.builds(
        lambda item_id, text: widget(
            item_id, {"type": "Card", "children": [{"type": "Text", "id": "t", "value": text}]}
        ),
        IDS,
        TEXTS,
    ),
    st.builds(lambda item_id: {"type": "poem", "id": item_id, "n": [1e2, None]}, IDS),
)


def of(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads of a type."""
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


UPDATES = st.one_of(
    of(TEXT_DELTA, content_index=INDEXES, delta=TEXTS),
    of("assistant_message.content_part.added", content_index=INDEXES, content=PARTS),
    of("assistant_message.content_part.done", content_index=INDEXES, content=PARTS),
    of(
        "assistant_message.content_part.annotation_added",
        content_index=INDEXES,
        annotation_index=INDEXES,
        annotation=st.just({"type": "annotation", "source": {"type": "file", "title": "f", "filename": "f"}}),
    ),
    of("widget.streaming_text.value_delta", component_id=st.sampled_from("tx"), delta=TEXTS, done=st.booleans()),
    of("widget.component.updated", component_id=st.sampled_from("tx"), component=st.just({"type": "Text", "id": "t"})),
    of("widget.root.updated", widget=st.just({"type": "Card", "id": "x", "value": ""})),
    of("workflow.task.added", task_index=INDEXES, task=TASKS),
    of("workflow.task.updated", task_index=INDEXES, task=TASKS),
    of("generated_image.updated", image=st.just({"id": "i", "url": "u"})),
    of("app.new_kind", anything=TEXTS),
)
RUNS = st.fixed_dictionaries({"run_id": st.sampled_from(["r", "s"]), "attempt": st.integers(1, 2)})
ERROR = {"type": "E", "message": "m"}
STEPS = st.one_of(
    st.tuples(st.sampled_from(["added", "done", "replaced"]).map("thread.item.{}".format), st.builds(dict, item=ITEMS)),
    st.tuples(st.just("thread.item.updated"), st.builds(dict, item_id=IDS, update=UPDATES)),
    st.tuples(st.just("thread.item.updated"), st.builds(dict, item_id=IDS, update=UPDATES)),
    st.tuples(st.just("thread.item.removed"), st.builds(dict, item_id=IDS)),
    st.tuples(st.just("thread.updated"), st.builds(dict, thread=st.just({"id": THREAD, "created_at": "2026-01-01"}))),
    st.tuples(st.sampled_from(["run.started", "run.completed", "run.cancel_requested"]), RUNS),
    st.tuples(st.just("run.failed"), RUNS.map(lambda run: {**run, "error": ERROR})),
    st.tuples(st.just("access.granted"), st.builds(dict, user=IDS, role=st.sampled_from(["viewer", "editor"]))),
    st.tuples(st.just("access.revoked"), st.builds(dict, user=IDS)),
    st.tuples(st.just("app.event"), st.builds(dict, x=TEXTS)),
)
HISTORIES = st.lists(STEPS, max_size=40)
KEYS = [
    "item",
    "item_id",
    "update",
    "type",
    "id",
    "thread",
    "run_id",
    "user",
    "role",
    "content",
    "content_index",
    "delta",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def history_of(steps: list[tuple[str, Any]]) -> History:
    """A thread that begins and then goes these steps."""
    history = History()
    history.created()
    for event_type, payload in steps:
        history.add(event_type, payload)
    return history


@slow
@given(HISTORIES, st.data())
def test_the_state_at_every_seq_is_the_fold_from_zero(steps: list[tuple[str, Any]], data: st.DataObject) -> None:
    """One by one, together, and from a snapshot anywhere in between, the same state comes out."""
    history = history_of(steps)
    one_by_one = [ThreadState.empty("acme", THREAD, history.registry)]
    for event in history.events:
        one_by_one.append(one_by_one[-1].apply(event))
    for seq in range(1, len(history.events) + 1):
        assert history.state(seq) == one_by_one[seq]
    at = data.draw(st.integers(0, len(history.events)))
    snapshot = ThreadState.from_json("acme", THREAD, one_by_one[at].to_json(), history.registry)
    assert snapshot == one_by_one[at]
    assert snapshot.apply_all(history.events) == one_by_one[-1]


@slow
@given(HISTORIES, HISTORIES)
def test_no_state_notices_what_grows_from_it(steps: list[tuple[str, Any]], others: list[tuple[str, Any]]) -> None:
    """Two futures of one state share its past, and neither sees the other; the past stays what it was."""
    history, other = history_of(steps), history_of(steps)
    past = history.state()
    before = past.to_json()
    for event_type, payload in others:
        history.add(event_type, payload)
    for event_type, payload in reversed(others):
        other.add(event_type, payload)
    here, there = past.apply_all(history.events), past.apply_all(other.events)
    assert past.to_json() == before
    for state, whole in ((here, history.state()), (there, other.state())):
        assert state == whole
        assert [state.item_data(name) for name in NAMES] == [whole.item_data(name) for name in NAMES]
        assert [state.item_type(name) for name in NAMES] == [whole.item_type(name) for name in NAMES]


@slow
@given(st.lists(st.tuples(st.sampled_from([*dict.fromkeys(
    ["thread.created", "thread.updated", "thread.item.added", "thread.item.done", "thread.item.updated",
     "thread.item.replaced", "thread.item.removed", "run.started", "run.failed", "access.granted", "access.revoked",
     "attachment.saved", "attachment.deleted", "thread.deleted"]
)]), JSON | st.binary(max_size=20), st.integers(1, 2)), max_size=12))  # fmt: skip
def test_no_payload_raises(events: list[tuple[str, Any, int]]) -> None:
    """Whatever a payload holds, the fold takes it and can be read, stored and continued."""
    history = History()
    history.created()
    history.item("added", assistant("a", "x"))
    for event_type, payload, version in events:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        history.add(event_type, data=data, version=version, head=HeadChange(title="t"))
    state = history.state()
    assert state.seq == len(history.events)
    assert len(state.items) == len(state.item_ids)
    assert (state.metadata is not None, list(state.attachments)) == (True, list(state.attachments))
    assert ThreadState.from_json("acme", THREAD, state.to_json()) == state


CHATKIT_UPDATES = st.one_of(
    of(TEXT_DELTA, content_index=st.integers(0, 3), delta=TEXTS),
    of("assistant_message.content_part.added", content_index=st.integers(0, 3), content=PARTS),
    of("assistant_message.content_part.done", content_index=st.integers(0, 3), content=PARTS),
    of(
        "assistant_message.content_part.annotation_added",
        content_index=st.integers(0, 3),
        annotation_index=st.integers(0, 3),
        annotation=st.just({"type": "annotation", "source": {"type": "file", "title": "f", "filename": "f"}}),
    ),
)


@pytest.mark.filterwarnings("ignore:Direct usage of named widget:DeprecationWarning")
@slow
@given(st.lists(CHATKIT_UPDATES, max_size=25))
def test_messages_fold_as_chatkit_folds_them(updates: list[dict[str, Any]]) -> None:
    """For an assistant's message, ChatKit's own server keeps the same partial item as we do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from chatkit.server import ChatKitServer
        from chatkit.types import AssistantMessageItem, ThreadItemUpdatedEvent
    history = history_of([("thread.item.added", {"item": assistant("a")})])
    pending: dict[str, Any] = {"a": AssistantMessageItem.model_validate(assistant("a"))}
    for update in updates:
        history.update("a", update)
        theirs = ThreadItemUpdatedEvent.model_validate({"item_id": "a", "update": update})
        ChatKitServer._update_pending_items(ChatKitServer.__new__(_server(ChatKitServer)), pending, theirs)
    ours = AssistantMessageItem.model_validate(history.state().item_data("a"))
    assert ours == pending["a"]


def _server(base: Any) -> Any:
    """A server class that can be made without a store."""
    return type("Server", (base,), {"respond": None})


def test_concurrent_readers_of_a_growing_text_see_their_own_prefix() -> None:
    """Ten thousand states of one stream stay what they were."""
    history = history_of([("thread.item.added", {"item": assistant("a")})])
    state, states = history.state(), []
    for number in range(10_000):
        state = state.apply(history.delta("a", chr(97 + number % 26)))
        states.append(state)

    async def check(number: int) -> None:
        data = states[number].item_data("a")
        assert data is not None
        text = data["content"][0]["text"]
        assert len(text) == number + 1
        assert text[-1] == chr(97 + number % 26)

    async def check_all() -> None:
        await asyncio.gather(*(check(number) for number in range(0, 10_000, 501)))

    asyncio.run(check_all())
