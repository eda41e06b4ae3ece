"""What the store's operations give back."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from threadlog.log import Cursor, Event
from threadlog.model import Item
from threadlog.projection import ThreadState


class Decision(Struct, frozen=True):
    """What a decider decided, now stored."""

    events: tuple[Event, ...]
    """The stored events; none where there was nothing to do."""
    state: ThreadState
    """The thread with them, as the principal sees it."""


class EventPage(Struct, frozen=True):
    """Some events of a thread that the reader may see, lifted to their payloads' current versions."""

    events: tuple[Event, ...]
    cursor: Cursor
    """How far this page has looked, events that are not for the reader included: read on after it."""
    has_more: bool


class VisibleBatch(Struct, frozen=True):
    """Events on their way to viewers: only what this audience may see, lifted, possibly none.

    All followers of one audience that are up to date are given the same object, so that what is encoded into `memo`
    is encoded once for all of them.
    """

    events: tuple[Event, ...]
    cursor: Cursor
    """The last event that was looked at; a reader that comes back with it misses nothing."""
    memo: dict[Hashable, Any] = field(default_factory=dict)
    """For encodings, by whoever makes them."""


class ItemVersion(Struct, frozen=True):
    """An item as one event left it."""

    seq: int
    time: datetime
    actor: str | None
    event_type: str
    item: Item | None
    """None once it is removed."""
