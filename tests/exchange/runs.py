"""Hypothesis strategies for runs, tidy and as untidy as files are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(max_size=6) | st.sampled_from(["", "a\ud800b", "\udfff", "é\u2028\x00", "\U0001f600", "{}"])
NUMBERS = st.integers() | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**40]) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT | st.sampled_from(["$json", "type", "text", "content"]), inner, max_size=3)
    ),
    max_leaves=5,
)
IDS = st.sampled_from(["call_1", "call_2", "", "c\ud800"])
NAMES = st.sampled_from(["search", "book", ""])


def objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these fields, keys that nobody expects, and now and then anything in place of a field."""
    odd = {key: value | JSON for key, value in (required | optional).items()}
    return st.one_of(
        st.fixed_dictionaries(required, optional=optional),
        st.fixed_dictionaries(required, optional=optional),
        st.tuples(st.fixed_dictionaries({}, optional=odd), st.dictionaries(TEXT, JSON, max_size=2)).map(
            lambda both: both[1] | both[0]
        ),
    )


PARTS = st.one_of(
    objects({"type": st.sampled_from(["text", "input_text", "output_text"]), "text": TEXT}, {}),
    objects({"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": TEXT})}, {}),
    objects({"type": st.just("refusal"), "refusal": TEXT}, {}),
)
CONTENT = TEXT | st.none() | st.lists(PARTS | JSON, max_size=3)
ARGUMENTS = TEXT | st.sampled_from(['{"q": "x"}', "{not json"]) | st.dictionaries(TEXT, JSON, max_size=2)
FUNCTION = objects({"name": NAMES, "arguments": ARGUMENTS}, {})
CALLS = st.one_of(
    objects({"id": IDS, "type": st.just("function"), "function": FUNCTION}, {"index": st.integers(0, 3)}),
    objects({"id": IDS, "type": st.just("custom"), "custom": objects({"name": NAMES, "input": TEXT}, {})}, {}),
)
MESSAGES = st.one_of(
    objects({"role": st.sampled_from(["system", "developer", "critic"]), "content": CONTENT}, {"name": NAMES}),
    objects({"role": st.just("user"), "content": CONTENT}, {"name": NAMES}),
    objects({"role": st.just("assistant")}, {"content": CONTENT, "refusal": TEXT | st.none(), "name": NAMES}),
    objects(
        {"role": st.just("assistant"), "tool_calls": st.lists(CALLS, max_size=3)},
        {"content": CONTENT, "function_call": FUNCTION},
    ),
    objects({"role": st.just("assistant"), "function_call": FUNCTION}, {"content": CONTENT}),
    objects({"role": st.just("tool"), "tool_call_id": IDS, "content": CONTENT}, {"name": NAMES}),
    objects({"role": st.just("function"), "name": NAMES, "content": CONTENT}, {}),
    JSON,
)
RUNS = st.lists(MESSAGES, max_size=6)
FIELDS = st.dictionaries(st.text(max_size=5).filter(lambda key: key not in ("id", "messages")), JSON, max_size=3)


def run(messages: list[Any], name: Any = "run-1", **fields: Any) -> dict[str, Any]:
    """A run of these messages."""
    return {"id": name, **fields, "messages": messages}


def user(text: str) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    """An assistant's message."""
    return {"role": "assistant", "content": text}


def calls(*names: str, content: str | None = None) -> dict[str, Any]:
    """An assistant's message that calls tools."""
    written = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": f'{{"of":"{name}"}}'}}
        for name in names
    ]
    return {"role": "assistant", "content": content, "tool_calls": written}


def result(name: str, content: str = "done") -> dict[str, Any]:
    """What a tool gave back."""
    return {"role": "tool", "tool_call_id": f"call_{name}", "content": content}


def same(first: Any, second: Any) -> bool:
    """Whether two values are the same JSON: 1 is not 1.0, NaN is NaN."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


TALK = [
    {"role": "system", "content": "Be kind."},
    user("Find it."),
    calls("search", "look"),
    result("search", "42"),
    result("look", "nothing"),
    assistant("It is 42."),
    user("Thanks!"),
    calls("note", content="I write it down."),
    result("note"),
    assistant("Done."),
]
"""A tidy run."""
