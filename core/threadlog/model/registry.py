"""The registry: which types of events and items there are, who sees them, and how old payloads become new ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from threadlog.model.access import AccessGranted, AccessRevoked
from threadlog.model.attachment_events import ATTACHMENT_EVENT_TYPES
from threadlog.model.errors import AlreadyRegistered, InvalidPayload, NotRegistered, UpcasterFailed
from threadlog.model.events import (
    ClientEffectEvent,
    ErrorEvent,
    NoticeEvent,
    ProgressUpdateEvent,
    StreamOptionsEvent,
    ThreadCreatedEvent,
    ThreadDeletedEvent,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadUpdatedEvent,
    UnknownEvent,
)
from threadlog.model.items import ITEM_TYPES, HiddenContextItem, Item, SDKHiddenContextItem, ThreadItemBase, UnknownItem
from threadlog.model.open_union import tag_of
from threadlog.model.runs import (
    RUN_EVENT_TYPES,
    RunCheckpointSaved,
    RunStepCompleted,
    RunStepFailed,
    RunStepStarted,
)
from threadlog.model.visibility import EVERYONE, INTERNAL, Follows, Rule, Visibility, peek_item, peek_thread

EventClass = TypeVar("EventClass", bound=type[ThreadEvent])
ItemClass = TypeVar("ItemClass", bound=type[ThreadItemBase])
Upcaster: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns a payload of version n into one of version n + 1. It is given an object of its own and may change it."""


class Payload(NamedTuple):
    """An event in the form in which a log takes it."""

    type: str
    version: int
    data: bytes


class EventType(NamedTuple):
    """What the registry knows of an event type."""

    model: type[ThreadEvent]
    version: int
    """The payload version that the model speaks, and that is written."""
    rule: Rule


class Registry:
    """The types that a store works with. Register before the store is opened; nothing here is global.

    Args:
        unknown: who sees events and items of types that nobody registered. They are passed on to everyone unless an
            application decides otherwise; only the family ``access.*`` never reaches viewers.
    """

    def __init__(self, *, unknown: Visibility = EVERYONE) -> None:
        self._unknown = unknown
        self._events: dict[str, EventType] = {}
        self._items: dict[str, type[ThreadItemBase]] = {}
        self._items_seen_by: dict[str, Visibility] = {}
        self._upcasters: dict[str, dict[int, Upcaster]] = {}

    @property
    def event_types(self) -> Mapping[str, EventType]:
        """The registered event types by name."""
        return MappingProxyType(self._events)

    @property
    def item_types(self) -> Mapping[str, type[ThreadItemBase]]:
        """The registered item types by name."""
        return MappingProxyType(self._items)

    def register_event(self, model: EventClass, *, visibility: Rule, version: int = 1) -> EventClass:
        """Add an event type.

        Args:
            model: its class; the default of the field `type` names the type.
            visibility: who sees it.
            version: the payload version that the class speaks. Raise it when the payload's shape changes, and add an
                `upcaster` from the version before.

        Raises:
            AlreadyRegistered: the type has a class.
            TypeError: the class names no type.
        """
        name = tag_of(model)
        if name in self._events:
            raise AlreadyRegistered(f"event type {name!r} is {self._events[name].model.__name__}; choose another name.")
        self._events[name] = EventType(model, version, visibility)
        return model

    def register_item(self, model: ItemClass, *, visibility: Visibility) -> ItemClass:
        """Add an item type; events about its items are seen by whoever sees the items.

        Raises:
            AlreadyRegistered: the type has a class.
            TypeError: the class names no type.
        """
        name = tag_of(model)
        if name in self._items:
            raise AlreadyRegistered(f"item type {name!r} is {self._items[name].__name__}; choose another name.")
        self._items[name], self._items_seen_by[name] = model, visibility
        return model

    def upcaster(self, event_type: str, from_version: int) -> Callable[[Upcaster], Upcaster]:
        """Decorate a pure function that lifts payloads of `event_type` from `from_version` to the next version.

        Raises:
            AlreadyRegistered: there is one for this version.
        """

        def add(function: Upcaster) -> Upcaster:
            steps = self._upcasters.setdefault(event_type, {})
            if from_version in steps:
                raise AlreadyRegistered(f"{event_type!r} has an upcaster from version {from_version} already.")
            steps[from_version] = function
            return function

        return add

    def lift(self, event_type: str, version: int, data: bytes) -> tuple[int, bytes]:
        """Bring a stored payload to its current version.

        Returns:
            The version reached and the payload; the same bytes object where there is nothing to lift.

        Raises:
            UpcasterFailed: an upcaster raised or gave no object.
        """
        steps = self._upcasters.get(event_type)
        if not steps or version not in steps:
            return version, data
        value = json.loads(data)
        while isinstance(value, dict) and (step := steps.get(version)) is not None:
            value = _lift(step, value, event_type, version)
            version += 1
        return version, _encode(value)

    def parse_event(self, event_type: str, version: int, data: bytes) -> ThreadEvent:
        """Read a stored event, whatever it holds: what cannot be read as its type becomes an `UnknownEvent`.

        Raises:
            UpcasterFailed: see `lift`.
        """
        try:
            return self.check_event(event_type, version, data)
        except InvalidPayload:
            return UnknownEvent(type=event_type, version=version, data=data)

    def check_event(self, event_type: str, version: int, data: bytes) -> ThreadEvent:
        """Read an event that is to be stored; unknown types and newer versions become an `UnknownEvent`.

        Raises:
            InvalidPayload: the type is known and the payload does not fit it.
            UpcasterFailed: see `lift`.
        """
        known = self._events.get(event_type)
        lifted, payload = self.lift(event_type, version, data)
        if known is None or known.version != lifted:
            return UnknownEvent(type=event_type, version=version, data=data)
        try:
            return known.model.model_validate_json(payload, context=self._items)
        except ValidationError as error:
            raise InvalidPayload(_explain(event_type, error)) from error

    def parse_item(self, item: Mapping[str, Any]) -> Item:
        """Read a stored item, whatever it holds: what cannot be read as its type becomes an `UnknownItem`.

        Raises:
            InvalidPayload: it has no `type` or no `id`, so that it is no item.
        """
        item_type = item.get("type")
        model = self._items.get(item_type, UnknownItem) if isinstance(item_type, str) else UnknownItem
        try:
            return model.model_validate(item, context=self._items)
        except ValidationError:
            return _unknown_item(item)

    def dump_event(self, event: ThreadEvent) -> Payload:
        """Write an event in the form in which a log takes it; an `UnknownEvent` as it came.

        Raises:
            NotRegistered: the event's class is not in this registry.
            InvalidPayload: it holds something that JSON in UTF-8 cannot carry.
        """
        if isinstance(event, UnknownEvent):
            return Payload(event.type, event.version, event.data)
        known = self._events.get(event.type)
        if known is None or not isinstance(event, known.model):
            raise NotRegistered(f"{type(event).__name__} ({event.type!r}) is not registered; use register_event.")
        try:
            # What `model_dump_json` calls, without the way over a `str`.
            return Payload(event.type, known.version, event.__pydantic_serializer__.to_json(event))
        except (PydanticSerializationError, UnicodeEncodeError) as error:
            raise InvalidPayload(f"{event.type}: this cannot be written as JSON in UTF-8: {error}.") from error

    def visibility(self, event_type: str, data: bytes, item_type_of: Callable[[str], str | None]) -> Visibility:
        """Who sees an event.

        Where it cannot be told which item an event speaks of, it is not for viewers.

        Args:
            event_type: the event's type.
            data: its payload; only looked into where the rule asks for it.
            item_type_of: gives the type of an item of the thread by its id, removed ones included; None for no such.
        """
        known = self._events.get(event_type)
        if known is None:
            return INTERNAL if event_type.startswith("access.") else self._unknown
        if known.rule is Follows.ITEM:
            return self._visibility_by_item(data, item_type_of)
        if known.rule is Follows.THREAD:
            return self._visibility_by_thread(data)
        return known.rule

    def item_visibility(self, item_type: str) -> Visibility:
        """Who sees items of a type."""
        return self._items_seen_by.get(item_type, self._unknown)

    def _visibility_by_item(self, data: bytes, item_type_of: Callable[[str], str | None]) -> Visibility:
        item_type, item_id = peek_item(data)
        if item_type is None and item_id is not None:
            item_type = item_type_of(item_id)
        return INTERNAL if item_type is None else self.item_visibility(item_type)

    def _visibility_by_thread(self, data: bytes) -> Visibility:
        item_types = peek_thread(data)
        if item_types is None:
            return INTERNAL
        return EVERYONE.intersection(*map(self.item_visibility, item_types))


def default_registry(*, unknown: Visibility = EVERYONE) -> Registry:
    """A new registry with all types of this version."""
    registry = Registry(unknown=unknown)
    for item in ITEM_TYPES:
        hidden = item in (HiddenContextItem, SDKHiddenContextItem)
        registry.register_item(item, visibility=INTERNAL if hidden else EVERYONE)
    for event, rule in _RULES.items():
        registry.register_event(event, visibility=rule)
    return registry


_RULES: Mapping[type[ThreadEvent], Rule] = {
    ThreadCreatedEvent: Follows.THREAD,
    ThreadUpdatedEvent: Follows.THREAD,
    ThreadDeletedEvent: EVERYONE,
    ThreadItemAddedEvent: Follows.ITEM,
    ThreadItemUpdatedEvent: Follows.ITEM,
    ThreadItemDoneEvent: Follows.ITEM,
    ThreadItemRemovedEvent: Follows.ITEM,
    ThreadItemReplacedEvent: Follows.ITEM,
    StreamOptionsEvent: EVERYONE,
    ProgressUpdateEvent: EVERYONE,
    ClientEffectEvent: EVERYONE,
    ErrorEvent: EVERYONE,
    NoticeEvent: EVERYONE,
    AccessGranted: INTERNAL,
    AccessRevoked: INTERNAL,
    **dict.fromkeys(ATTACHMENT_EVENT_TYPES, EVERYONE),
    **dict.fromkeys(RUN_EVENT_TYPES, EVERYONE),
    # What a run keeps for its own next attempt may hold anything the agent knows.
    RunStepStarted: INTERNAL,
    RunStepCompleted: INTERNAL,
    RunStepFailed: INTERNAL,
    RunCheckpointSaved: INTERNAL,
}


def _lift(step: Upcaster, value: dict[str, Any], event_type: str, version: int) -> dict[str, Any]:
    try:
        lifted = step(value)
    except Exception as error:
        raise UpcasterFailed(
            f"the upcaster of {event_type!r} from version {version} raised {error!r}; fix it."
        ) from error
    if not isinstance(lifted, dict):
        raise UpcasterFailed(f"the upcaster of {event_type!r} from version {version} gave no object; fix it.")
    return lifted


def _encode(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only its escape can carry
        return json.dumps(value, separators=(",", ":")).encode()


def _unknown_item(item: Mapping[str, Any]) -> UnknownItem:
    try:
        return UnknownItem.model_validate(item)
    except ValidationError as error:
        raise InvalidPayload(_explain("an item", error)) from error


def _explain(what: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the payload"
    return f"{what}: {place}: {first['msg']}."
