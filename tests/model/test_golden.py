"""One stored sample for each type and version: what was once written is read for ever, and means the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from threadlog.model import ThreadItemUpdate, UnknownEvent, UnknownItem, default_registry
from threadlog.model.updates import UPDATE_TYPES

GOLDEN = Path(__file__).parent / "golden"
registry = default_registry()


def names(folder: str) -> set[str]:
    """The samples of a folder."""
    return {path.name.removesuffix(".json") for path in (GOLDEN / folder).iterdir()}


def sample(folder: str, name: str) -> Any:
    """A sample's JSON."""
    return json.loads((GOLDEN / folder / f"{name}.json").read_text(encoding="utf-8"))


def test_every_event_type_and_version_has_a_sample() -> None:
    """There is a sample for each version of each event type, and for nothing else."""
    known = registry.event_types.items()
    assert names("events") == {f"{name}.v{v}" for name, kind in known for v in range(1, kind.version + 1)}


def test_every_item_and_update_type_has_a_sample() -> None:
    """There is a sample for each item and update type, and for nothing else."""
    assert names("items") == set(registry.item_types)
    assert names("updates") == {kind.model_fields["type"].default for kind in UPDATE_TYPES}


@pytest.mark.parametrize("name", sorted(names("events")))
def test_event_samples_come_back_equal(name: str) -> None:
    """A stored event of the current version is read by its model and dumped to equal JSON."""
    stored = sample("events", name)
    event_type, _, version = name.rpartition(".v")
    event = registry.check_event(event_type, int(version), json.dumps(stored).encode())
    assert not isinstance(event, UnknownEvent)
    payload = registry.dump_event(event)
    assert payload[:2] == (event_type, registry.event_types[event_type].version)
    if int(version) == payload.version:
        assert json.loads(payload.data) == stored


@pytest.mark.parametrize("name", sorted(names("items")))
def test_item_samples_come_back_equal(name: str) -> None:
    """A stored item is read by its model and dumped to equal JSON."""
    item = registry.parse_item(sample("items", name))
    assert not isinstance(item, UnknownItem)
    assert item.model_dump(mode="json") == sample("items", name)


@pytest.mark.parametrize("name", sorted(names("updates")))
def test_update_samples_come_back_equal(name: str) -> None:
    """A stored update is read by its model and dumped to equal JSON."""
    update = TypeAdapter[Any](ThreadItemUpdate).validate_python(sample("updates", name))
    assert update.model_dump(mode="json") == sample("updates", name)
