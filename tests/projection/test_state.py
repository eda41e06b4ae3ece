"""What callers can do with a state, and what they cannot do to others."""

from __future__ import annotations

import pytest

from projection.history import History, assistant, hidden, user
from threadlog.model import AssistantMessageItem, Audience, UserMessageItem, UserMessageTextContent
from threadlog.projection import ThreadState


@pytest.fixture
def history() -> History:
    """A thread with five items, one of them hidden."""
    history = History()
    history.created(metadata={"tags": ["a"]})
    for name in ("m1", "m2", "m3", "m4"):
        history.item("done", user(name))
    history.item("done", hidden("h"))
    return history


def test_what_callers_change_nobody_else_sees(history: History) -> None:
    """Models, dicts, metadata and mappings are the caller's own."""
    history.item("added", assistant("a", "text"))
    history.update("a", {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": "!"})
    state = history.state()
    message, data, metadata = state.item("m1"), state.item_data("a"), state.metadata
    assert isinstance(message, UserMessageItem)
    assert data is not None
    assert metadata is not None
    message.content.append(UserMessageTextContent(text="forged"))
    data["content"][0]["text"] = "forged"
    metadata.metadata["tags"].append("forged")
    with pytest.raises(TypeError):
        state.runs["x"] = None  # type: ignore[index]
    with pytest.raises(TypeError):
        state.grants["bob"] = "editor"  # type: ignore[index]
    assert state == history.state()
    answer = state.item("a")
    assert isinstance(answer, AssistantMessageItem)
    assert answer.content[0].text == "text!"


def test_pages_go_through_all_items_in_both_orders(history: History) -> None:
    """Every item comes once, whatever the size of the pages, and the last page says that it is."""
    state = history.state().seen_by(Audience.VIEWER)
    for limit in (1, 2, 3, 4, 5):
        for order in ("asc", "desc"):
            found: list[str] = []
            after = None
            while True:
                page = state.page_items(after, limit, order)
                found += [item.id for item in page.data]
                assert len(page.data) <= limit
                if not page.has_more:
                    break
                after = page.after
            assert found == (["m1", "m2", "m3", "m4"] if order == "asc" else ["m4", "m3", "m2", "m1"])


def test_a_removed_item_still_marks_its_place_in_pages(history: History) -> None:
    """Who was reading on after it goes on there."""
    history.add("thread.item.removed", {"item_id": "m2"})
    assert [item.id for item in history.state().page_items(after="m2").data] == ["m3", "m4", "h"]
    assert [item.id for item in history.state().page_items(after="m2", order="desc").data] == ["m1"]


def test_an_unknown_place_in_a_page_is_refused(history: History) -> None:
    """An id that never was is no place to go on from."""
    with pytest.raises(KeyError, match="nobody"):
        history.state().page_items(after="nobody")


def test_a_state_shows_no_content_in_its_repr(history: History) -> None:
    """What is logged by accident tells no secrets."""
    assert repr(history.state()) == "ThreadState(thread_id='thr_1', seq=6, audience='auditor')"


def test_the_cursor_is_that_of_the_last_event(history: History) -> None:
    """A reader of the state goes on from there."""
    assert str(history.state().cursor) == f"6-{history.events[-1].check}"


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"seq": "x"}', b"\xff"])
def test_what_is_no_stored_state_is_refused(data: bytes) -> None:
    """A damaged snapshot is an error of its own kind, not a state."""
    with pytest.raises(ValueError, match=r"."):
        ThreadState.from_json("acme", "thr_1", data)


def test_states_that_differ_are_not_equal(history: History) -> None:
    """Another seq, another audience and another kind of thing are different."""
    state = history.state()
    assert state != history.state(3)
    assert state != state.seen_by(Audience.VIEWER)
    assert state != "state"


def test_two_futures_of_a_stream_do_not_mix(history: History) -> None:
    """States that grow from one state each have their own text, and that state keeps its own."""
    history.item("added", assistant("a"))
    history.delta("a", "so")
    state = history.state()
    fork = History()
    fork.events = list(history.events)
    here = state.apply(history.delta("a", "fa"))
    there = state.apply(fork.delta("a", "on"))
    assert [text_of(one) for one in (state, here, there)] == ["so", "sofa", "soon"]
    assert text_of(here.apply(history.delta("a", "s"))) == "sofas"
    assert text_of(here) == "sofa"


def text_of(state: ThreadState) -> str:
    """The text of the item that streams."""
    item = state.item("a")
    assert isinstance(item, AssistantMessageItem)
    return item.content[0].text


def test_two_futures_of_a_thread_do_not_mix(history: History) -> None:
    """An item that one of them has is not found in the other, nor is what its place holds there."""
    state = history.state()
    fork = History()
    fork.events = list(history.events)
    here, there = state.apply(history.item("done", user("x"))), state.apply(fork.item("done", user("y")))
    assert [one.item("x") is None for one in (state, here, there)] == [True, False, True]
    assert [one.item("y") is None for one in (state, here, there)] == [True, True, False]


def test_what_comes_back_in_a_later_state_stays_removed_in_the_earlier_one(history: History) -> None:
    """It still marks its place there."""
    history.add("thread.item.removed", {"item_id": "m2"})
    state = history.state()
    later = state.apply(history.item("done", user("m2")))
    assert [item.id for item in state.page_items(after="m2").data] == ["m3", "m4", "h"]
    assert [item.id for item in later.page_items(after="m2").data] == []
    assert (state.item("m2"), state.item_type("m2")) == (None, "user_message")
