"""Hypothesis strategies for instances of any pydantic model, by looking at its fields."""

from __future__ import annotations

import enum
import types
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, StringConstraints, WithJsonSchema
from pydantic.fields import FieldInfo

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
URLS = st.sampled_from(["https://example.org/", "http://localhost:8000/a/b?c=d", "https://xn--bcher-kva.example/%20#x"])
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WIDGETS = st.sampled_from(
    [
        {"type": "Card", "children": [{"type": "Text", "value": "Hello", "streaming": True, "id": "t"}]},
        {"type": "ListView", "children": [{"type": "ListViewItem", "children": [{"type": "Divider"}]}]},
        {"type": "Basic", "gap": 2, "children": [{"type": "NewThing", "made_up": {"a": [1.5]}}]},
        {"type": "Card", "size": "sm", "children": {"type": "Col", "children": []}},
    ]
)
COMPONENTS = st.sampled_from([{"type": "Text", "value": "Hi"}, {"type": "NewThing", "n": 1, "id": "x"}])
NAMED = {
    "WidgetRoot": WIDGETS,
    "WidgetComponent": COMPONENTS,
    "Item": st.nothing(),  # the branch of unknown types has tests of its own
    "UnknownUpdate": st.nothing(),
}


@cache
def json_of(kind: Any) -> st.SearchStrategy[Any]:
    """JSON values that the annotation `kind` accepts."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return NAMED[kind.__name__] if kind.__name__ in NAMED else st.deferred(lambda: _objects(kind))
    if kind is Any:
        return JSON
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from([member.value for member in kind])
    if kind in SCALARS:
        return SCALARS[kind]
    return _generic(get_origin(kind), kind)


SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False, width=32),
    bool: st.booleans(),
    datetime: TIMES.map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    AnyUrl: URLS,
    type(None): st.none(),
}


def _generic(origin: Any, kind: Any) -> st.SearchStrategy[Any]:
    args = get_args(kind)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        if any(getattr(arg, "__name__", "") in ("Card", "DynamicWidgetRoot") for arg in _flat(args)):
            return WIDGETS
        if any(getattr(arg, "__name__", "") == "DynamicWidgetComponent" for arg in _flat(args)):
            return COMPONENTS
        return st.one_of(*map(json_of, args))
    if origin is list:
        return st.lists(json_of(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(TEXT, json_of(args[1]), max_size=2)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    raise TypeError(f"no strategy for {kind!r}")


def _flat(args: Any) -> list[Any]:
    return [inner for arg in args for inner in (_flat(get_args(arg)) if get_args(arg) else [arg])]


def _annotated(kind: Any, notes: Any) -> st.SearchStrategy[Any]:
    for note in notes:
        if isinstance(note, StringConstraints) and note.pattern:
            return TEXT.map(str(note.pattern).lstrip("^").__add__)
        if isinstance(note, WithJsonSchema) and note.json_schema["format"] == "uri":
            return URLS
        if getattr(note, "ge", None) is not None:
            return st.integers(note.ge, 1000)
    return json_of(kind)


def _objects(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the required fields and `type`, and some of the others."""
    model.model_rebuild()  # a model may name others that were defined after it
    fields = model.model_fields
    always = {name: _field(info) for name, info in fields.items() if info.is_required() or name == "type"}
    sometimes = {name: _field(info) for name, info in fields.items() if name not in always}
    return st.fixed_dictionaries(always, optional=sometimes)


def _field(info: FieldInfo) -> st.SearchStrategy[Any]:
    if info.annotation is Any:  # `exclude_none` would drop a null here, which ChatKit itself then cannot read
        return JSON.filter(lambda value: value is not None)
    return _annotated(info.annotation, info.metadata)
