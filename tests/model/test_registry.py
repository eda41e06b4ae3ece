"""The registry: open to new types, patient with unknown ones, and the one place of the visibility rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.generated import JSON, TEXT
from threadlog.model import (
    EVERYONE,
    INTERNAL,
    AlreadyRegistered,
    Audience,
    EndOfTurnItem,
    Follows,
    HiddenContextItem,
    InvalidPayload,
    NotRegistered,
    Registry,
    Thread,
    ThreadCreatedEvent,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemBase,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    UnknownEvent,
    UnknownItem,
    UnknownUpdate,
    UpcasterFailed,
    default_registry,
)

WHEN = "2026-01-02T03:04:05Z"


class Rating(ThreadEvent):
    """An application's own event."""

    type: Literal["shop.rating"] = "shop.rating"
    stars: int


class Coupon(ThreadItemBase):
    """An application's own item."""

    type: Literal["coupon"] = "coupon"
    percent: int


class Margin(ThreadItemBase):
    """An application's own item that viewers must not see."""

    type: Literal["margin"] = "margin"
    percent: int


@pytest.fixture
def registry() -> Registry:
    """All types of this version, and a shop's own."""
    registry = default_registry()
    registry.register_event(Rating, visibility=EVERYONE)
    registry.register_item(Coupon, visibility=EVERYONE)
    registry.register_item(Margin, visibility=INTERNAL)
    return registry


def encoded(value: Any) -> bytes:
    """A payload."""
    return json.dumps(value).encode()


def nothing_known(_: str) -> None:
    """A thread without items."""
    return


def coupon(**more: Any) -> dict[str, Any]:
    """A coupon's JSON."""
    return {"type": "coupon", "id": "c1", "thread_id": "t", "created_at": WHEN, "percent": 10, **more}


class TestRegistration:
    """New types."""

    def test_own_event_makes_the_round_trip(self, registry: Registry) -> None:
        """An event of an application's own class is dumped and read as that class."""
        payload = registry.dump_event(Rating(stars=5))
        assert payload == ("shop.rating", 1, b'{"type":"shop.rating","stars":5}')
        assert registry.parse_event(*payload) == Rating(stars=5)

    def test_own_item_travels_in_known_events(self, registry: Registry) -> None:
        """An item of an application's own class is carried by the item events and read as that class."""
        item = Coupon.model_validate(coupon())
        event = registry.parse_event(*registry.dump_event(ThreadItemDoneEvent(item=item)))
        assert isinstance(event, ThreadItemDoneEvent)
        assert event.item == item

    def test_own_item_is_read_inside_a_thread(self, registry: Registry) -> None:
        """A created thread's page of items gives the application's own class too."""
        data = {"type": "thread.created", "thread": {"id": "t", "created_at": WHEN, "items": {"data": [coupon()]}}}
        event = registry.parse_event("thread.created", 1, encoded(data))
        assert isinstance(event, ThreadCreatedEvent)
        assert event.thread.items.data == [Coupon.model_validate(coupon())]

    def test_a_type_means_one_thing(self, registry: Registry) -> None:
        """Registering a type twice is refused, and the message names the class that has it."""
        with pytest.raises(AlreadyRegistered, match="Rating"):
            registry.register_event(Rating, visibility=EVERYONE)
        with pytest.raises(AlreadyRegistered, match="Coupon"):
            registry.register_item(Coupon, visibility=EVERYONE)

    def test_a_class_names_its_type(self, registry: Registry) -> None:
        """A class without a default `type` is refused with a hint how to write it."""
        with pytest.raises(TypeError, match="Literal"):
            registry.register_event(ThreadEvent, visibility=EVERYONE)

    def test_registries_share_nothing(self, registry: Registry) -> None:
        """What one registry was taught, another does not know."""
        assert "shop.rating" in registry.event_types
        assert "shop.rating" not in default_registry().event_types

    def test_what_is_not_registered_is_not_written(self) -> None:
        """Dumping an event of an unregistered class names the remedy."""
        with pytest.raises(NotRegistered, match="register_event"):
            default_registry().dump_event(Rating(stars=1))

    def test_what_utf8_cannot_carry_is_refused(self, registry: Registry) -> None:
        """A lone surrogate inside open JSON is refused by name when the event is dumped."""
        item = HiddenContextItem(id="h", thread_id="t", created_at=WHEN, content=["\ud800"])
        with pytest.raises(InvalidPayload, match=r"thread\.item\.done"):
            registry.dump_event(ThreadItemDoneEvent(item=item))


class TestUnknown:
    """What this version does not know."""

    @given(data=JSON, name=TEXT.map("later.{}".format), version=st.integers(1, 9))
    def test_unknown_events_pass_untouched(self, data: Any, name: str, version: int) -> None:
        """An event of an unknown type keeps its exact bytes."""
        registry, stored = default_registry(), encoded(data)
        event = registry.parse_event(name, version, stored)
        assert registry.dump_event(event) == (name, version, stored)

    def test_newer_versions_pass_untouched(self, registry: Registry) -> None:
        """A known type in a version that is not known yet keeps its exact bytes."""
        stored = encoded({"type": "shop.rating", "stars": "*****"})
        event = registry.parse_event("shop.rating", 2, stored)
        assert registry.dump_event(event) == ("shop.rating", 2, stored)

    @pytest.mark.parametrize("stored", [b"{}", b'{"type":"other","stars":1}', b'{"stars":"\\ud800"}', b"[]", b'"x"'])
    def test_misfits_are_read_as_unknown(self, registry: Registry, stored: bytes) -> None:
        """A payload that does not fit its type is still read, and kept; only writing it is refused."""
        assert registry.parse_event("shop.rating", 1, stored) == UnknownEvent(
            type="shop.rating", version=1, data=stored
        )
        with pytest.raises(InvalidPayload, match=r"shop\.rating"):
            registry.check_event("shop.rating", 1, stored)

    @given(more=st.dictionaries(TEXT.map("x-{}".format), JSON))
    def test_unknown_items_pass_inside_known_events(self, more: dict[str, Any]) -> None:
        """An item of an unknown type inside a known event is kept as it is."""
        registry = default_registry()
        stored = {"type": "thread.item.done", "item": {"type": "hologram", "id": "h", "created_at": 7, **more}}
        event = registry.check_event("thread.item.done", 1, encoded(stored))
        assert isinstance(event, ThreadItemDoneEvent)
        assert isinstance(event.item, UnknownItem)
        assert json.loads(registry.dump_event(event).data) == stored

    @given(more=st.dictionaries(TEXT.map("x-{}".format), JSON))
    def test_unknown_updates_pass_inside_known_events(self, more: dict[str, Any]) -> None:
        """An update of an unknown type is kept as it is."""
        registry = default_registry()
        stored = {"type": "thread.item.updated", "item_id": "h", "update": {"type": "hologram.turned", **more}}
        event = registry.check_event("thread.item.updated", 1, encoded(stored))
        assert isinstance(event, ThreadItemUpdatedEvent)
        assert isinstance(event.update, UnknownUpdate)
        assert json.loads(registry.dump_event(event).data) == stored

    @pytest.mark.parametrize(
        "item",
        [
            coupon(),
            coupon(percent="ten"),
            {"type": "user_message", "id": "m"},
            {"type": "hologram", "id": "h", "n": None},
        ],
    )
    def test_items_are_read_whatever_they_hold(self, registry: Registry, item: dict[str, Any]) -> None:
        """A stored item that does not fit its type is read as unknown and dumped as it was."""
        assert registry.parse_item(item).model_dump(mode="json") == item

    @pytest.mark.parametrize("item", [{}, {"type": "coupon"}, {"id": "x"}, {"type": ["coupon"], "id": "x"}])
    def test_what_is_no_item_is_refused(self, registry: Registry, item: dict[str, Any]) -> None:
        """Without a type and an id it is no item, and the message names the missing field."""
        with pytest.raises(InvalidPayload, match=r"type|id"):
            registry.parse_item(item)


class TestLifting:
    """Payload versions."""

    def test_nothing_to_lift_is_the_same_object(self, registry: Registry) -> None:
        """Without an upcaster for its version a payload is passed on without being copied or parsed."""
        registry.upcaster("shop.rating", 1)(dict)
        for event_type, version in (("thread.item.done", 1), ("shop.rating", 2), ("unknown", 1)):
            data = b"{ not even JSON"
            assert registry.lift(event_type, version, data) == (version, data)
            assert registry.lift(event_type, version, data)[1] is data

    def test_versions_are_lifted_one_after_the_other(self) -> None:
        """A payload of version 1 goes through every upcaster and is read by the current model."""
        registry = Registry()
        registry.register_event(Rating, visibility=EVERYONE, version=3)

        @registry.upcaster("shop.rating", 1)
        def _points_were_percent(data: dict[str, Any]) -> dict[str, Any]:
            return {"type": data["type"], "points": data["percent"] // 10}

        @registry.upcaster("shop.rating", 2)
        def _stars_replaced_points(data: dict[str, Any]) -> dict[str, Any]:
            data["stars"] = data.pop("points") // 2
            return data

        stored = encoded({"type": "shop.rating", "percent": 80})
        assert registry.parse_event("shop.rating", 1, stored) == Rating(stars=4)
        assert registry.lift("shop.rating", 2, encoded({"type": "shop.rating", "points": 6}))[0] == 3

    @given(data=st.dictionaries(st.text(), JSON))
    def test_lifting_loses_no_other_field(self, data: dict[str, Any]) -> None:
        """What an upcaster does not touch is the same afterwards, lone surrogates included."""
        registry = Registry()
        registry.upcaster("x", 1)(lambda value: value | {"\ud800 added": 1})
        version, lifted = registry.lift("x", 1, encoded(data))
        assert (version, json.loads(lifted)) == (2, data | {"\ud800 added": 1})

    @pytest.mark.parametrize("broken", [lambda value: value["missing"], lambda _: None])
    def test_a_broken_upcaster_names_itself(self, broken: Callable[[Any], Any]) -> None:
        """An upcaster that raises or gives no object is reported with its type and version."""
        registry = Registry()
        registry.upcaster("shop.rating", 4)(broken)
        with pytest.raises(UpcasterFailed, match=r"'shop\.rating' from version 4"):
            registry.lift("shop.rating", 4, b"{}")

    def test_one_upcaster_for_each_version(self, registry: Registry) -> None:
        """A second upcaster from the same version is refused."""
        registry.upcaster("shop.rating", 1)(dict)
        with pytest.raises(AlreadyRegistered):
            registry.upcaster("shop.rating", 1)(dict)


class TestVisibility:
    """Who sees what."""

    @pytest.mark.parametrize(
        "event_type",
        ["access.granted", "access.revoked", "access.of_a_later_version", "run.checkpoint.saved", "run.step.completed"],
    )
    def test_internal_events_are_not_for_viewers(self, registry: Registry, event_type: str) -> None:
        """Access events, also unknown ones, and what a run keeps for itself are for agents and auditors."""
        assert registry.visibility(event_type, b"{}", nothing_known) == {Audience.AGENT, Audience.AUDITOR}

    @pytest.mark.parametrize(
        "event_type",
        ["run.started", "run.failed", "notice", "thread.deleted", "attachment.saved", "of.another.version"],
    )
    def test_other_events_are_for_everyone(self, registry: Registry, event_type: str) -> None:
        """Runs, notices and unknown types reach every audience."""
        assert registry.visibility(event_type, b"{}", nothing_known) == set(Audience)

    @pytest.mark.parametrize("event_type", ["thread.item.added", "thread.item.done", "thread.item.replaced"])
    @pytest.mark.parametrize(
        ("item_type", "seen"),
        [
            ("hidden_context_item", INTERNAL),
            ("sdk_hidden_context", INTERNAL),
            ("margin", INTERNAL),
            ("coupon", EVERYONE),
            ("assistant_message", EVERYONE),
            ("hologram", EVERYONE),
        ],
    )
    def test_events_with_an_item_follow_it(
        self, registry: Registry, event_type: str, item_type: str, seen: set[Audience]
    ) -> None:
        """An event that carries an item is seen by whoever sees items of its type."""
        data = encoded({"type": event_type, "item": {"id": "x", "content": {"type": "coupon"}, "type": item_type}})
        assert registry.visibility(event_type, data, nothing_known) == seen

    @pytest.mark.parametrize("event_type", ["thread.item.updated", "thread.item.removed"])
    def test_events_with_an_item_id_follow_the_item(self, registry: Registry, event_type: str) -> None:
        """An event that only names an item asks the caller for the item's type."""
        types = {"m": "margin", "c": "coupon"}
        seen = {
            item: registry.visibility(event_type, encoded({"type": event_type, "item_id": item}), types.get)
            for item in ("m", "c", "nobody")
        }
        assert seen == {"m": INTERNAL, "c": EVERYONE, "nobody": INTERNAL}

    @pytest.mark.parametrize("data", [b"{}", b"[]", b'{"item":7}', b'{"item":{"type":"\\ud800"}}', b'{"item_id":null}'])
    def test_what_cannot_be_told_is_hidden(self, registry: Registry, data: bytes) -> None:
        """Where the item's type cannot be read, viewers do not see the event."""
        assert registry.visibility("thread.item.done", data, nothing_known) == INTERNAL

    def test_a_thread_with_hidden_items_is_hidden(self, registry: Registry) -> None:
        """A thread event that carries a hidden item in its page is not for viewers; other thread events are."""
        hidden = HiddenContextItem(id="h", thread_id="t", created_at=WHEN, content="secret")
        shown = EndOfTurnItem(id="e", thread_id="t", created_at=WHEN)
        for items, seen in (([], EVERYONE), ([shown], EVERYONE), ([shown, hidden], INTERNAL)):
            thread = Thread.model_validate({"id": "t", "created_at": WHEN, "items": {"data": items}})
            payload = registry.dump_event(ThreadCreatedEvent(thread=thread))
            assert registry.visibility(payload.type, payload.data, nothing_known) == seen

    def test_unknown_types_can_be_hidden(self) -> None:
        """An application may keep everything that it did not register from its viewers."""
        registry = default_registry(unknown=INTERNAL)
        assert registry.visibility("shop.rating", b"{}", nothing_known) == INTERNAL
        assert registry.visibility("thread.item.done", b'{"item":{"type":"coupon"}}', nothing_known) == INTERNAL
        assert registry.visibility("notice", b"{}", nothing_known) == EVERYONE

    def test_own_events_about_items_follow_them(self, registry: Registry) -> None:
        """A registered event type may follow the item it names."""

        class Redeemed(ThreadEvent):
            type: Literal["shop.redeemed"] = "shop.redeemed"
            item_id: str

        registry.register_event(Redeemed, visibility=Follows.ITEM)
        payload = registry.dump_event(Redeemed(item_id="m"))
        assert registry.visibility(payload.type, payload.data, {"m": "margin"}.get) == INTERNAL


def test_models_leave_what_they_are_given_alone() -> None:
    """Reading a dict into a model and changing the model changes nothing of the dict's own level."""
    given = coupon(note=[1])
    kept = json.loads(json.dumps(given))
    event = ThreadItemAddedEvent.model_validate({"item": given})
    event.item.id = "other"
    assert given == kept
