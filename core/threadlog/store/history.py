"""The history of one item."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from threadlog.log import Event
from threadlog.projection import ThreadState
from threadlog.store.values import ItemVersion

_DELTA = b'"assistant_message.content_part.text_delta"'


class _Named(msgspec.Struct, gc=False):
    id: str | None = None


class _Payload(msgspec.Struct, gc=False):
    item: _Named | None = None
    item_id: str | None = None


_payload = msgspec.json.Decoder(_Payload).decode


def concerns(event: Event, item_id: str) -> bool:
    """Whether an event speaks of an item."""
    if not event.type.startswith("thread.item."):
        return False
    try:
        payload = _payload(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return item_id == payload.item_id or (payload.item is not None and payload.item.id == item_id)


def versions(start: ThreadState, events: Sequence[Event], item_id: str) -> list[ItemVersion]:
    """The item as each of its events left it; a row of text deltas by one actor makes one version.

    Args:
        start: an empty state, in which the item is built up.
        events: all events that concern the item, in order, lifted.
    """
    found: list[ItemVersion] = []
    state = start
    for place, event in enumerate(events):
        state = state.apply(msgspec.structs.replace(event, seq=state.seq + 1))
        following = events[place + 1] if place + 1 < len(events) else None
        if following is None or not _goes_on(event, following):
            found.append(ItemVersion(event.seq, event.time, event.actor, event.type, state.item(item_id)))
    return found


def _goes_on(event: Event, following: Event) -> bool:
    """Whether both are text deltas of one writing hand."""
    return event.actor == following.actor and _DELTA in event.data[:300] and _DELTA in following.data[:300]
