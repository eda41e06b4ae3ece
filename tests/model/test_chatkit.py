"""Our JSON and ChatKit's are the same JSON: held against the real package, in both directions."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

import threadlog.model as ours
from model.generated import JSON, TEXT, json_of

with warnings.catch_warnings():  # ChatKit's own widget classes are deprecated in favour of its templates
    warnings.simplefilter("ignore", DeprecationWarning)
    import chatkit.types as chatkit

SHARED = [
    "ThreadItem", "ThreadStreamEvent", "ThreadItemUpdate", "Task", "Workflow", "Attachment", "ThreadMetadata",
    "Thread", "UserMessageInput", "Source", "Annotation", "StructuredInput", "ThreadStatus", "InferenceOptions",
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:Direct usage of named widget:DeprecationWarning")
OWN = {"server_tool_call"}

slow = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)


def adapters(name: str) -> tuple[TypeAdapter[Any], TypeAdapter[Any]]:
    """Readers of the type of this name: ChatKit's and ours."""
    return TypeAdapter(getattr(chatkit, name)), TypeAdapter(getattr(ours, name))


def holds_own(value: Any) -> bool:
    """Whether JSON holds an item type that ChatKit does not know."""
    if isinstance(value, dict):
        return value.get("type") in OWN or any(map(holds_own, value.values()))
    return isinstance(value, list) and any(map(holds_own, value))


def emitted(value: Any) -> Any:
    """What a ChatKit server puts on the wire."""
    return json.loads(TypeAdapter(type(value)).dump_json(value, by_alias=True, exclude_none=True))


@pytest.mark.parametrize("name", SHARED)
@slow
@given(data=st.data())
def test_what_chatkit_emits_comes_back_equal(name: str, data: st.DataObject) -> None:
    """What a ChatKit server emits is read here and dumped to equal JSON."""
    theirs, reader = adapters(name)
    wire = emitted(theirs.validate_python(data.draw(json_of(getattr(chatkit, name)))))
    assert json.loads(reader.dump_json(reader.validate_json(json.dumps(wire)))) == wire


@pytest.mark.parametrize("name", SHARED)
@slow
@given(data=st.data())
def test_what_chatkit_stores_with_its_nulls_comes_back_equal(name: str, data: st.DataObject) -> None:
    """A dump of ChatKit's models with every null spelled out keeps each of them."""
    theirs, reader = adapters(name)
    stored = theirs.dump_python(theirs.validate_python(data.draw(json_of(getattr(chatkit, name)))), mode="json")
    assert reader.dump_python(reader.validate_python(stored), mode="json") == stored


@pytest.mark.parametrize("name", SHARED)
@slow
@given(data=st.data())
def test_what_we_dump_is_read_by_chatkit(name: str, data: st.DataObject) -> None:
    """What we write, ChatKit's own models read, and they mean the same by it."""
    theirs, reader = adapters(name)
    value = data.draw(json_of(getattr(ours, name)).filter(lambda value: not holds_own(value)))
    dumped = json.loads(reader.dump_json(reader.validate_python(value)))
    again = json.loads(reader.dump_json(reader.validate_python(emitted(theirs.validate_python(dumped)))))
    assert without_nulls(again) == without_nulls(dumped)


def without_nulls(value: Any) -> Any:
    """The value as `exclude_none` would have it, which also thins out open JSON inside widgets."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SHARED)
@slow
@given(data=st.data(), extra=st.dictionaries(TEXT.map("x-{}".format), JSON, min_size=1, max_size=2))
def test_fields_of_a_later_version_survive(name: str, data: st.DataObject, extra: dict[str, Any]) -> None:
    """Fields that we do not know are kept and dumped as they came, nulls included."""
    value = data.draw(json_of(getattr(ours, name)))
    reader = TypeAdapter(getattr(ours, name))
    dumped = reader.dump_python(reader.validate_python({**value, **extra}), mode="json")
    assert {key: dumped.get(key, "missing") for key in extra} == extra


def test_every_type_of_chatkit_has_its_twin() -> None:
    """Each model of ChatKit's thread vocabulary is here, under its name and with its fields."""
    requests = {"BaseReq", "SyncCustomActionResponse", "AudioInput", "TranscriptionResult", "ThreadItemUpdated"}
    renamed = {"BaseTask": "TaskBase"}
    for name, theirs in vars(chatkit).items():
        if not (isinstance(theirs, type) and issubclass(theirs, BaseModel)) or theirs.__module__ != chatkit.__name__:
            continue
        if name.endswith(("Req", "Params", "Submission")) or name in requests:
            continue
        twin = getattr(ours, renamed.get(name, name))
        assert set(theirs.model_fields) <= set(twin.model_fields), name
