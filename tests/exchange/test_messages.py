"""Messages and items: any run becomes valid items, and they become the same run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.runs import JSON, RUNS, TALK, TEXT, assistant, calls, result, same, user
from threadlog.exchange.changes import change_between, changed
from threadlog.exchange.notes import FIELD
from threadlog.exchange.plain import pack, tidy, unpack
from threadlog.exchange.reading import Reader, Step
from threadlog.exchange.writing import messages_of
from threadlog.log import NewEvent
from threadlog.model import UnknownEvent, UnknownItem, default_registry

WHEN = "2026-01-02T03:04:05Z"
registry = default_registry()
thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def steps_of(messages: list[Any]) -> list[Step]:
    """What a run becomes."""
    return list(Reader("thr_x", WHEN).steps(messages))


def stored(steps: list[Step]) -> list[dict[str, Any]]:
    """The items after the steps, each through the bytes of its event."""
    items: dict[str, dict[str, Any]] = {}
    for step in steps:
        items[step.item["id"]] = msgspec.json.decode(msgspec.json.encode(step.item))
    return list(items.values())


def items_of(*messages: Any) -> list[dict[str, Any]]:
    """The items that a run becomes."""
    return stored(steps_of(list(messages)))


def check_valid(steps: list[Step]) -> None:
    """Each step is an event that a log takes, with an item that its model reads."""
    for step in steps:
        new = NewEvent(step.type, msgspec.json.encode({"type": step.type, "item": step.item}))
        event = registry.check_event(new.type, new.version, new.data)
        assert not isinstance(event, UnknownEvent)
        assert not isinstance(event.item, UnknownItem)  # type: ignore[attr-defined]


@thorough
@given(RUNS)
def test_any_run_comes_back_the_same(messages: list[Any]) -> None:
    """Whatever the messages hold, the items give them back, type for type and byte for byte."""
    assert same(messages_of(stored(steps_of(messages))), messages)


@thorough
@given(RUNS)
def test_any_run_becomes_valid_events(messages: list[Any]) -> None:
    """Every step is an event that a log takes, with an item that its model reads."""
    check_valid(steps_of(messages))


@thorough
@given(RUNS)
def test_every_beginning_of_a_run_is_that_of_its_steps(messages: list[Any]) -> None:
    """The steps of the first n messages are the steps of those n messages alone; so a grown run has new steps only."""
    steps = steps_of(messages)
    for count in range(len(messages)):
        assert same([s for s in steps if s.message < count], steps_of(messages[:count]))


@thorough
@given(RUNS)
def test_every_message_is_an_event(messages: list[Any]) -> None:
    """Each message has a step of its own, and each tool call one more."""
    numbers = [step.message for step in steps_of(messages)]
    assert sorted(set(numbers)) == list(range(len(messages)))
    assert numbers == sorted(numbers)


@given(JSON)
def test_packed_json_is_plain_and_comes_back(value: Any) -> None:
    """Packing gives JSON that UTF-8 and 64 bits carry, and loses nothing."""
    packed = pack(value)
    assert same(unpack(msgspec.json.decode(msgspec.json.encode(packed))), value)
    msgspec.json.encode(tidy(value))


@given(st.integers(30, 300))
def test_deep_nesting_is_packed(depth: int) -> None:
    """However deep a value is nested, what is stored is not."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    packed = pack(value)
    assert same(unpack(packed), value)
    assert str(packed).partition("$json")[0].count("[") <= 32


@pytest.mark.parametrize("place", ["content", "extra"])
@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
@pytest.mark.parametrize("nest", [lambda value: [value], lambda value: {"a": value}, lambda value: {"b": [value]}])
def test_deeply_nested_messages_become_valid_events(place: str, role: str, nest: Callable[[Any], Any]) -> None:
    """Nesting that readers of JSON refuse is kept as text, so that the items are still read by their models."""
    value: Any = "\ud800"
    for _ in range(150):
        value = nest(value)
    messages = [{"role": role, "content": "x", "tool_call_id": "c", place: value}]
    check_valid(steps_of(messages))
    assert same(messages_of(stored(steps_of(messages))), messages)


@given(JSON, JSON)
def test_a_change_gives_the_other_value(first: Any, second: Any) -> None:
    """The change between two values, through JSON, turns one into the other; equal values need none."""
    first = tidy(first)
    change = msgspec.json.decode(msgspec.json.encode(change_between(first, second)))
    assert same(changed(first, change), second)
    assert (change is None) == same(first, second)


@given(TEXT)
def test_a_text_is_not_stored_twice(text: str) -> None:
    """A message's text stands in its item; the note says at most where its lone surrogates were."""
    message = {"role": "user", "content": [{"type": "text", "text": "x" * 50 + text}, {"type": "image_url"}]}
    (item,) = items_of(message)
    assert "xxx" not in json.dumps(item[FIELD])


class TestTidyRuns:
    """What a viewer sees of an ordinary run."""

    def test_kinds_of_items(self) -> None:
        """System messages are hidden, the rest are messages and tool calls, in their order."""
        kinds = [item["type"] for item in items_of(*TALK)]
        assert kinds == [
            "hidden_context_item", "user_message", "server_tool_call", "server_tool_call", "assistant_message",
            "user_message", "assistant_message", "server_tool_call", "assistant_message",
        ]  # fmt: skip

    def test_a_call_is_pending_until_its_result(self) -> None:
        """A tool call is added with its message, and done with its result's."""
        steps = [(s.message, s.type, s.item["status"]) for s in steps_of(TALK) if s.item["type"] == "server_tool_call"]
        assert steps[:4] == [
            (2, "thread.item.added", "pending"),
            (2, "thread.item.added", "pending"),
            (3, "thread.item.done", "completed"),
            (4, "thread.item.done", "completed"),
        ]

    def test_a_call_holds_name_arguments_and_result(self) -> None:
        """The item says what was called, with the model's own text, and what came back."""
        (item,) = items_of(calls("search"), result("search", "42"))
        told = {key: item[key] for key in ("call_id", "name", "arguments", "output")}
        assert told == {"call_id": "call_search", "name": "search", "arguments": '{"of":"search"}', "output": "42"}

    def test_a_tidy_run_needs_no_changes(self) -> None:
        """The items say everything themselves; their notes hold only places."""
        assert all("change" not in json.dumps(item[FIELD]) for item in items_of(*TALK))

    def test_texts_are_read_from_parts(self) -> None:
        """Content in parts gives its texts to the item, images aside."""
        image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
        text = {"type": "text", "text": "What is this?"}
        (item,) = items_of({"role": "user", "content": [text, image, text]})
        assert [part["text"] for part in item["content"]] == ["What is this?"] * 2

    @pytest.mark.parametrize(
        "message",
        [
            {"role": "assistant", "content": None, "refusal": "I cannot."},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]},
        ],
    )
    def test_refusals_are_said(self, message: dict[str, Any]) -> None:
        """A refusal is the text of the assistant's message, and marked."""
        (item,) = items_of(message)
        assert [(part["text"], part["refusal"]) for part in item["content"]] == [("I cannot.", True)]

    def test_lone_surrogates_are_shown_as_replaced(self) -> None:
        """A text that UTF-8 cannot carry is shown with replacement characters."""
        (item,) = items_of(user("a\ud800b"))
        assert item["content"][0]["text"] == "a\N{REPLACEMENT CHARACTER}b"


class TestUntidyRuns:
    """Results and calls that do not fit each other."""

    def test_a_result_without_a_call_is_an_item(self) -> None:
        """A result that nobody asked for is a completed tool call of its own."""
        (item,) = items_of(result("search", "42"))
        assert (item["type"], item["status"], item["output"]) == ("server_tool_call", "completed", "42")

    def test_a_second_result_does_not_overwrite_the_first(self) -> None:
        """Two results of one call are both kept."""
        items = items_of(calls("search"), result("search", "1"), result("search", "2"))
        assert [item["output"] for item in items] == ["1", "2"]

    def test_results_in_another_order_find_their_calls(self) -> None:
        """Results are told apart by the call's id, not by their order."""
        items = items_of(calls("a", "b"), result("b", "of b"), user("?"), result("a", "of a"))
        assert [(item["name"], item["output"]) for item in items[:2]] == [("a", "of a"), ("b", "of b")]

    def test_calls_of_the_same_id_get_their_results_in_turn(self) -> None:
        """Where ids repeat, the first open call gets the result."""
        items = items_of(calls("a"), calls("a"), result("a", "1"), result("a", "2"))
        assert [item["output"] for item in items] == ["1", "2"]

    def test_the_call_of_old_is_a_call(self) -> None:
        """A `function_call` and its `function` result are one tool call."""
        call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
        (item,) = items_of(call, {"role": "function", "name": "f", "content": "1"})
        assert (item["name"], item["status"], item["output"]) == ("f", "completed", "1")

    def test_arguments_that_are_no_json_are_kept_as_text(self) -> None:
        """Arguments are the model's text, whatever it is."""
        call = calls("a")
        call["tool_calls"][0]["function"]["arguments"] = '{"open": '
        (item,) = items_of(call)
        assert item["arguments"] == '{"open": '


class TestChangedItems:
    """Export follows the items, not the imported line."""

    def test_an_edited_text_is_exported(self) -> None:
        """When an application changes an item's text, the export has the new text."""
        items = items_of(user("old"), assistant("x"))
        items[0]["content"][0]["text"] = "new"
        assert messages_of(items) == [user("new"), assistant("x")]

    def test_an_edited_part_is_exported(self) -> None:
        """Content in parts keeps its other parts when the text changes."""
        image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
        items = items_of({"role": "user", "content": [{"type": "text", "text": "old"}, image]})
        items[0]["content"][0]["text"] = "new"
        assert messages_of(items) == [{"role": "user", "content": [{"type": "text", "text": "new"}, image]}]

    def test_a_removed_item_is_not_exported(self) -> None:
        """What was taken out of the thread is not in the export."""
        items = [item for item in items_of(*TALK) if item.get("name") != "search"]
        assert messages_of(items) == [*TALK[:2], calls("look"), *TALK[4:]]

    @given(note=JSON | st.fixed_dictionaries({"index": st.integers(), "change": JSON, "call": st.just("function")}))
    def test_forged_notes_do_no_harm(self, note: Any) -> None:
        """Whatever stands in the place of a note, exporting gives messages."""
        items = [*items_of(*TALK)]
        for item in items:
            item[FIELD] = tidy(note)
        assert isinstance(messages_of(items), list)


class TestLiveItems:
    """Threads that no import made."""

    def live(self, **fields: Any) -> list[Any]:
        """The messages of one live item."""
        return messages_of([{"id": "x", "thread_id": "t", "created_at": WHEN, **fields}])

    def test_texts(self) -> None:
        """Messages of users and assistants give their texts; hidden context is the system's."""
        said = [{"type": "output_text", "text": "Hello", "annotations": []}]
        asked = [{"type": "input_text", "text": "Hi "}, {"type": "input_tag", "id": "a", "text": "@ada", "data": {}}]
        assert self.live(type="assistant_message", content=said) == [assistant("Hello")]
        parts = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "@ada"}]
        assert self.live(type="user_message", content=asked) == [{"role": "user", "content": parts}]
        assert self.live(type="hidden_context_item", content={"a": 1}) == [{"role": "system", "content": '{"a": 1}'}]

    def test_quotes_and_attachments_are_kept(self) -> None:
        """What a user's message carries besides its text is exported beside it."""
        file = {"type": "file", "id": "a", "name": "a.txt", "mime_type": "text/plain"}
        text = [{"type": "input_text", "text": "This?"}]
        (message,) = self.live(type="user_message", content=text, quoted_text="that", attachments=[file])
        assert message == {**user("This?"), "quoted_text": "that", "attachments": [file]}

    def test_tool_calls(self) -> None:
        """A tool call is a call with its result; arguments and results that are no text are JSON."""
        call = {"type": "server_tool_call", "call_id": "c", "name": "f", "arguments": {"q": "é"}}
        asked = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"q": "é"}'}}],
        }
        assert self.live(**call, status="pending") == [asked]
        answered = self.live(**call, status="completed", output=[1])
        assert answered == [asked, {"role": "tool", "tool_call_id": "c", "content": "[1]"}]
        failed = self.live(**call, status="failed", error="no network")
        assert failed == [asked, {"role": "tool", "tool_call_id": "c", "content": "no network"}]

    @pytest.mark.parametrize("kind", ["workflow", "task", "widget", "end_of_turn", "of_a_later_version"])
    def test_what_messages_have_no_words_for(self, kind: str) -> None:
        """Items without a counterpart are left out."""
        assert self.live(type=kind) == []

    def test_live_items_come_after_imported_ones(self) -> None:
        """A conversation that goes on after an import is exported as one."""
        new = {"type": "assistant_message", "content": [{"type": "output_text", "text": "More", "annotations": []}]}
        assert messages_of([*items_of(*TALK), new]) == [*TALK, assistant("More")]
