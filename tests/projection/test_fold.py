"""What each event makes of a thread."""

from __future__ import annotations

from typing import Any

import pytest

from projection.history import NOW, THREAD, History, assistant, hidden, user, widget, workflow
from threadlog.log import HeadChange
from threadlog.model import Audience, UnknownItem
from threadlog.projection import ThreadState


@pytest.fixture
def history() -> History:
    """A thread that has begun."""
    history = History()
    history.created(title="Trip")
    return history


def text(state: ThreadState, item_id: str = "msg_1", index: int = 0) -> Any:
    """The text of a message's part."""
    data = state.item_data(item_id)
    assert data is not None
    return data["content"][index]["text"]


def test_the_state_before_the_first_event_is_empty() -> None:
    """There is no thread, no owner, no item."""
    state = ThreadState.empty("acme", THREAD)
    assert (state.seq, state.metadata, state.owner, state.exists, state.items) == (0, None, None, False, ())


def test_a_thread_has_the_metadata_of_its_last_update(history: History) -> None:
    """Created, then updated: title and application data are the new ones, the owner stays."""
    history.add("thread.updated", {"thread": {"id": THREAD, "title": "Rome", "created_at": NOW, "metadata": {"a": 1}}})
    metadata = history.state().metadata
    assert metadata is not None
    assert (metadata.title, metadata.metadata, history.state().owner) == ("Rome", {"a": 1}, "alice")


def test_a_deleted_thread_says_so_and_can_come_back(history: History) -> None:
    """Deletion is what the log's head says."""
    history.add("thread.deleted", head=HeadChange(deleted=True))
    assert history.state().deleted
    history.add("app.restored", head=HeadChange(deleted=False))
    assert not history.state().deleted


def test_the_state_in_the_middle_of_a_stream_is_the_partial_message(history: History) -> None:
    """Every delta that was stored is in the text, and the item is open until it is done."""
    history.item("added", assistant())
    for piece in ("Good", " mor", "ning"):
        history.delta("msg_1", piece)
    assert [text(history.state(seq)) for seq in (3, 4, 5)] == ["Good", "Good mor", "Good morning"]
    assert history.state().open_item_ids == ("msg_1",)
    history.item("done", assistant("msg_1", "Good morning!"))
    assert text(history.state()) == "Good morning!"
    assert history.state().open_item_ids == ()


def test_content_parts_are_added_annotated_and_completed(history: History) -> None:
    """The four updates of an assistant's message, in the order in which a stream sends them."""
    history.item("added", assistant())
    part = {"type": "output_text", "text": "See", "annotations": []}
    note = {"type": "annotation", "source": {"type": "url", "title": "T", "url": "https://x.y"}, "index": 3}
    kind = "assistant_message.content_part"
    history.update("msg_1", {"type": f"{kind}.added", "content_index": 0, "content": part})
    history.delta("msg_1", " here")
    history.update(
        "msg_1", {"type": f"{kind}.annotation_added", "content_index": 0, "annotation_index": 0, "annotation": note}
    )
    history.delta("msg_1", " and there")
    data = history.state().item_data("msg_1")
    assert data is not None
    assert data["content"] == [{"type": "output_text", "text": "See here and there", "annotations": [note]}]
    final = {"type": "output_text", "text": "All", "annotations": []}
    history.update("msg_1", {"type": f"{kind}.done", "content_index": 0, "content": final})
    assert text(history.state()) == "All"


def test_a_delta_for_a_part_that_was_not_added_makes_room_for_it(history: History) -> None:
    """Updates may name a part early; the parts before it are empty."""
    history.item("added", assistant())
    history.delta("msg_1", "second", index=1)
    history.delta("msg_1", "first", index=0)
    history.delta("msg_1", "!", index=1)
    assert [text(history.state(), index=index) for index in (0, 1)] == ["first", "second!"]


def test_a_part_far_beyond_any_message_is_left_out(history: History) -> None:
    """An index cannot make the fold fill memory."""
    history.item("added", assistant())
    history.delta("msg_1", "x", index=10**12)
    history.delta("msg_1", "x", index=-1)
    assert (history.state().ignored, history.state().item_data("msg_1")) == (2, assistant())


def test_widgets_stream_text_and_change_components(history: History) -> None:
    """The three updates of a widget reach components wherever they are nested."""
    title = {"type": "Text", "id": "title", "value": "Fl", "streaming": True}
    button = {"type": "Button", "id": "go", "label": "Go"}
    history.item("added", widget("wdg_1", {"type": "Card", "children": [{"type": "Col", "children": title}, button]}))
    delta = {"type": "widget.streaming_text.value_delta", "component_id": "title"}
    history.update("wdg_1", {**delta, "delta": "igh", "done": False})
    history.update("wdg_1", {**delta, "delta": "t", "done": True})
    new = {"type": "Button", "id": "go", "label": "Gone"}
    history.update("wdg_1", {"type": "widget.component.updated", "component_id": "go", "component": new})
    data = history.state().item_data("wdg_1")
    assert data is not None
    assert data["widget"]["children"] == [
        {"type": "Col", "children": {"type": "Text", "id": "title", "value": "Flight", "streaming": False}},
        new,
    ]
    root = {"type": "ListView", "children": []}
    history.update("wdg_1", {"type": "widget.root.updated", "widget": root})
    after = history.state().item_data("wdg_1")
    assert after is not None
    assert after["widget"] == root


def test_workflows_get_tasks_and_change_them(history: History) -> None:
    """A task is added at its place, and replaced as a whole."""
    history.item("added", workflow("wf_1", "look"))
    history.update(
        "wf_1", {"type": "workflow.task.added", "task_index": 1, "task": {"type": "thought", "content": "?"}}
    )
    history.update("wf_1", {"type": "workflow.task.updated", "task_index": 0, "task": {"type": "custom", "title": "L"}})
    history.update("wf_1", {"type": "workflow.task.updated", "task_index": 7, "task": {"type": "custom"}})
    data = history.state().item_data("wf_1")
    assert data is not None
    assert data["workflow"]["tasks"] == [{"type": "custom", "title": "L"}, {"type": "thought", "content": "?"}]
    assert history.state().ignored == 1


def test_a_generated_image_gets_better(history: History) -> None:
    """The item carries the last image."""
    item = {"type": "generated_image", "id": "img_1", "thread_id": THREAD, "created_at": NOW}
    history.item("added", item)
    for number in (1, 2):
        image = {"id": f"i{number}", "url": f"https://x.y/{number}"}
        history.update("img_1", {"type": "generated_image.updated", "image": image, "progress": number / 2})
    assert history.state().item_data("img_1") == {**item, "image": {"id": "i2", "url": "https://x.y/2"}}


def test_items_stand_in_the_order_of_their_first_event_whatever_clocks_say(history: History) -> None:
    """`created_at` is the writer's; seq decides."""
    for place, year in enumerate(("2030", "1999", "2026")):
        history.item("done", {**user(f"msg_{place}"), "created_at": f"{year}-01-01T00:00:00Z"})
    assert history.state().item_ids == ("msg_0", "msg_1", "msg_2")


def test_a_replaced_item_keeps_its_place_and_a_removed_one_loses_it(history: History) -> None:
    """And one that comes back after its removal appears anew."""
    for name in "abc":
        history.item("done", user(name))
    history.item("replaced", assistant("a", "other"))
    assert history.state().item_ids == ("a", "b", "c")
    history.add("thread.item.removed", {"item_id": "a"})
    assert history.state().item_ids == ("b", "c")
    assert history.state().item("a") is None
    history.item("done", user("a"))
    assert history.state().item_ids == ("b", "c", "a")
    assert history.state(6).item_ids == ("b", "c")


def test_an_item_may_be_done_or_replaced_before_anything_else_was_heard_of_it(history: History) -> None:
    """Both are the item's first appearance then."""
    history.item("done", user("a"))
    history.item("replaced", user("b"))
    assert history.state().item_ids == ("a", "b")


def test_the_end_of_a_turn_is_an_item(history: History) -> None:
    """It stands where it was said."""
    history.item("done", {"type": "end_of_turn", "id": "eot_1", "thread_id": THREAD, "created_at": NOW})
    assert [item.type for item in history.state().items] == ["end_of_turn"]


def test_unknown_items_and_events_are_kept_as_they_are(history: History) -> None:
    """Old code carries new data: an unknown item is in the state, unknown events and updates change nothing else."""
    poem = {"type": "poem", "id": "p_1", "lines": ["a", {"b": 1e2}]}
    history.item("done", poem)
    history.add("app.happened", {"what": "ever"})
    history.update("p_1", {"type": "app.rhyme", "with": "b"})
    state = history.state()
    assert isinstance(state.items[0], UnknownItem)
    assert state.item_data("p_1") == poem
    assert (state.seq, state.ignored) == (4, 0)


def test_payloads_of_another_version_are_not_misread(history: History) -> None:
    """What a newer version means is not guessed; the event is counted."""
    history.add("thread.item.done", {"item": user("a")}, version=2)
    history.add("thread.item.updated", {"item_id": "a", "update": {}}, version=2)
    assert (history.state().item_ids, history.state().ignored) == ((), 2)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("thread.created", b"[]"),
        ("thread.updated", b'{"thread": {"id": 5}}'),
        ("thread.item.added", b'{"item": null}'),
        ("thread.item.done", b'{"item": {"id": "x"}}'),
        ("thread.item.done", b'{"item": {"id": 1, "type": "user_message"}}'),
        ("thread.item.updated", b'{"item_id": "msg_1", "update": {"type": 1}}'),
        ("thread.item.updated", b'{"update": {"type": "app.odd"}}'),
        ("thread.item.updated", b'{"item_id": "nobody", "update": {"type": "workflow.task.added"}}'),
        ("thread.item.updated", b'{"item_id": "nobody", "update": {"type": "widget.root.updated", "widget": {}}}'),
        ("thread.item.removed", b'{"item_id": "nobody"}'),
        ("run.started", b'{"attempt": "x", "run_id": "r"}'),
        ("run.completed", b'{"run_id": "never started"}'),
        ("access.granted", b'{"user": "bob"}'),
        ("access.revoked", b'{"user": "nobody"}'),
        ("attachment.saved", b'{"attachment": {"id": "a"}}'),
        ("attachment.deleted", b'{"attachment_id": "nobody"}'),
        ("thread.item.done", b"\xff\xfe"),
        ("thread.item.done", b""),
        ("thread.item.done", b'{"item":' * 5_000),
    ],
)
def test_what_is_malformed_or_fits_nothing_is_counted_and_left_out(
    history: History, event_type: str, data: bytes
) -> None:
    """No payload raises, and none that does not fit changes anything."""
    history.item("done", assistant("msg_1", "text"))
    before = history.state()
    history.add(event_type, data=data)
    after = history.state()
    assert (after.seq, after.ignored, after.last_ignored_seq) == (3, 1, 3)
    assert (after.metadata, after.items, after.grants) == (before.metadata, before.items, before.grants)


def test_updates_do_not_fit_items_of_another_type(history: History) -> None:
    """A message has no tasks, and a user's message does not stream."""
    history.item("done", user("a"))
    history.delta("a", "x")
    history.update("a", {"type": "workflow.task.added", "task_index": 0, "task": {"type": "custom"}})
    history.update("a", {"type": "generated_image.updated", "image": {"id": "i", "url": "u"}})
    delta = {"type": "widget.streaming_text.value_delta", "component_id": "c", "delta": "x", "done": False}
    history.update("a", delta)
    history.item("done", widget("w", {"type": "Card"}))
    history.update("w", delta)
    assert (history.state().ignored, history.state().item_data("a")) == (5, user("a"))


def test_odd_content_does_not_stop_a_stream(history: History) -> None:
    """A message whose content is no list of parts still takes its text."""
    history.item("added", {**assistant(), "content": "?"})
    history.delta("msg_1", "a")
    history.item("added", {**assistant("msg_2"), "content": [None, {"text": 5}]})
    history.delta("msg_2", "b", index=0)
    history.delta("msg_2", "c", index=1)
    assert text(history.state(), "msg_1") == "a"
    assert [text(history.state(), "msg_2", index) for index in (0, 1)] == ["b", "c"]


def test_numbers_keep_their_value(history: History) -> None:
    """Integers beyond 64 bits survive an update of the item that holds them."""
    huge = 10**40
    history.item("added", {**assistant(), "score": huge})
    history.delta("msg_1", "x")
    data = history.state().item_data("msg_1")
    assert data is not None
    assert data["score"] == huge


def test_events_that_are_folded_already_are_passed_over(history: History) -> None:
    """Folding again what was folded changes nothing."""
    history.item("done", user("a"))
    state = history.state()
    assert state.apply(history.events[0]) is state
    assert ThreadState.fold(history.events, state) is state


def test_a_gap_is_refused(history: History) -> None:
    """A state of a thread with a hole in it is not to be had."""
    history.item("done", user("a"))
    history.item("done", user("b"))
    with pytest.raises(ValueError, match="event 3 does not follow on 1"):
        history.state(1).apply(history.events[2])
    with pytest.raises(ValueError, match="no event"):
        ThreadState.fold([])


def test_runs_go_from_start_to_one_end(history: History) -> None:
    """The active run is the last top-level one without an end; a run ends once."""
    history.add("run.started", {"run_id": "r1", "agent": "folder", "input_item_id": "a"})
    history.add("run.started", {"run_id": "r2", "agent": "sub", "parent_run_id": "r1"})
    state = history.state()
    assert state.active_run is not None
    assert (state.active_run.id, state.active_run.agent, state.active_run.started_seq) == ("r1", "folder", 2)
    history.add("run.cancel_requested", {"run_id": "r1"})
    assert history.state().runs["r1"].cancel_requested
    error = {"type": "E", "message": "No."}
    history.add("run.failed", {"run_id": "r1", "reason": "timeout", "error": error})
    history.add("run.completed", {"run_id": "r1"})
    run = history.state().runs["r1"]
    assert (run.status, run.ended_seq, run.reason, run.error, run.active) == ("failed", 5, "timeout", "No.", False)
    assert (history.state().active_run, history.state().ignored) == (None, 1)


def test_a_run_that_is_taken_over_goes_on_and_the_former_worker_is_fenced(history: History) -> None:
    """What an earlier attempt says of the run's end does not count any more."""
    history.add("run.started", {"run_id": "r", "agent": "a"})
    history.add("run.interrupted", {"run_id": "r", "reason": "crash"})
    history.add("run.started", {"run_id": "r", "agent": "a", "attempt": 2})
    history.add("run.completed", {"run_id": "r", "attempt": 1})
    run = history.state().runs["r"]
    assert (run.status, run.attempt, run.ended_seq, history.state().ignored) == ("active", 2, None, 1)


def test_access_is_granted_changed_and_revoked(history: History) -> None:
    """The last word on each user counts."""
    history.add("access.granted", {"user": "bob", "role": "viewer"})
    history.add("access.granted", {"user": "carol", "role": "viewer"})
    history.add("access.granted", {"user": "bob", "role": "editor"})
    history.add("access.revoked", {"user": "carol"})
    assert dict(history.state().grants) == {"bob": "editor"}


def test_attachments_are_saved_and_deleted() -> None:
    """An attachment's stream knows the attachment and whose it is."""
    history = History()
    saved = {"type": "file", "id": "atc_1", "name": "f.txt", "mime_type": "text/plain"}
    history.add("attachment.saved", {"attachment": saved, "owner": "alice"}, actor="agent:x")
    state = history.state()
    assert (state.owner, state.exists, state.attachments["atc_1"].name) == ("alice", False, "f.txt")
    history.add("attachment.deleted", {"attachment_id": "atc_1"})
    assert dict(history.state().attachments) == {}


def test_a_hidden_item_is_hidden_from_viewers_alone(history: History) -> None:
    """Items, pages and counts obey one rule."""
    history.item("done", user("a"))
    history.item("done", hidden("h"))
    history.add("access.granted", {"user": "bob", "role": "viewer"})
    viewer = history.state().seen_by(Audience.VIEWER)
    assert (viewer.item_ids, viewer.item("h"), dict(viewer.grants)) == (("a",), None, {})
    assert [item.id for item in viewer.page_items().data] == ["a"]
    with pytest.raises(KeyError):
        viewer.page_items(after="h")
    for audience in (Audience.AGENT, Audience.AUDITOR):
        assert history.state().seen_by(audience).item_ids == ("a", "h")


def test_an_id_that_ever_was_hidden_stays_hidden(history: History) -> None:
    """An item whose type changed is seen by those who may see all that it was."""
    history.item("done", hidden("x"))
    history.item("replaced", user("x"))
    assert history.state().seen_by(Audience.VIEWER).item_ids == ()
    assert history.state().item_type("x") == "hidden_context_item"
