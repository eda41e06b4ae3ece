"""Who sees what: one rule for each type of event and of item, which pages, streams and states obey alike."""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

from msgspec import UNSET, DecodeError, Struct, UnsetType
from msgspec.json import Decoder


class Audience(enum.StrEnum):
    """In which part somebody reads a thread."""

    VIEWER = "viewer"
    """A user who takes part in the conversation."""
    AGENT = "agent"
    """An agent at work for a user."""
    AUDITOR = "auditor"
    """Somebody who checks what happened, and may see everything."""


Visibility: TypeAlias = frozenset[Audience]
"""The audiences that see something."""

EVERYONE: Final[Visibility] = frozenset(Audience)
INTERNAL: Final[Visibility] = frozenset({Audience.AGENT, Audience.AUDITOR})
"""Not for viewers."""


class Follows(enum.Enum):
    """Rules of events that are seen by whoever sees what they speak of."""

    ITEM = "item"
    """The payload has an ``item``, or names one by ``item_id``."""
    THREAD = "thread"
    """The payload has a ``thread`` with items: not for those who may not see all of them."""


Rule: TypeAlias = "Visibility | Follows"
"""The visibility rule of an event type."""


class _Tag(Struct):
    type: str


class _ItemPeek(Struct):
    item: _Tag | UnsetType = UNSET
    item_id: str | UnsetType = UNSET


class _ItemsPeek(Struct, frozen=True):
    data: tuple[_Tag, ...] = ()


class _ThreadPeek(Struct, frozen=True):
    items: _ItemsPeek = _ItemsPeek()


class _ThreadEventPeek(Struct):
    thread: _ThreadPeek


_item_peek = Decoder(_ItemPeek)
_thread_peek = Decoder(_ThreadEventPeek)


def peek_item(data: bytes) -> tuple[str | None, str | None]:
    """The type of the item that a payload holds, and the id of the item that it names; None for what it does not."""
    try:
        peek = _item_peek.decode(data)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return (
        None if peek.item is UNSET else peek.item.type,
        None if peek.item_id is UNSET else peek.item_id,
    )


def peek_thread(data: bytes) -> list[str] | None:
    """The types of the items in the thread that a payload holds; None where it holds no thread."""
    try:
        return [item.type for item in _thread_peek.decode(data).thread.items.data]
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
