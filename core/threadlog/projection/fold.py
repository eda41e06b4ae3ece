"""Folding events into the state of a thread: what each event type means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Struct
from pydantic import TypeAdapter, ValidationError

from threadlog.log import Event
from threadlog.model import Attachment, ThreadMetadata
from threadlog.projection.items import FoldedItem, Place
from threadlog.projection.payloads import (
    UPDATE_KINDS,
    TextDelta,
    WidgetTextDelta,
    attachment_id_payload,
    attachment_name,
    attachment_payload,
    grant_payload,
    item_id_payload,
    item_name,
    item_payload,
    run_payload,
    thread_payload,
    update_kind,
    update_payload,
)
from threadlog.projection.runs import RUN_TYPES, RunState, run_after
from threadlog.projection.table import ItemTable, TableBuilder

PAYLOAD_VERSION = 1
"""The version of all payloads that the fold reads. Older ones are lifted before; newer ones it cannot read."""

_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, ValidationError, RecursionError)
_UPDATED = "thread.item.updated"
T = TypeVar("T")
_attachment: TypeAdapter[Attachment] = TypeAdapter(Attachment)
_ITEM_OVERHEAD = 400  # bytes: the structs around an item


class Folded(Struct, frozen=True, kw_only=True):
    """Everything that the events of a thread up to `seq` amount to. Never changed once made."""

    tenant: str
    thread_id: str
    seq: int = 0
    check: str | None = None
    time_us: int = 0
    thread: bytes | None = None
    """Metadata as JSON."""
    owner: str | None = None
    deleted: bool = False
    items: ItemTable
    runs: dict[str, RunState]
    grants: dict[str, str]
    attachments: dict[str, bytes]
    ignored: int = 0
    last_ignored: int = 0
    size: int = 0


def nothing(tenant: str, thread_id: str) -> Folded:
    """What no event amounts to."""
    return Folded(tenant=tenant, thread_id=thread_id, items=ItemTable(), runs={}, grants={}, attachments={})


class Fold:
    """Adds events to a `Folded`, on a copy of what they touch.

    An event that is malformed, or does not fit what it speaks of (an update of an item that is not there, the end of a
    run that has ended), is counted in `ignored` and otherwise left out. An event of a type that means nothing to the
    fold changes nothing but where the fold stands.
    """

    def __init__(self, start: Folded) -> None:
        self._start = start
        self._seq = start.seq
        self._event: Event | None = None
        self._thread, self._owner, self._deleted = start.thread, start.owner, start.deleted
        self._items = TableBuilder(start.items)
        self._runs, self._grants, self._attachments = start.runs, start.grants, start.attachments
        self._ignored, self._last_ignored = start.ignored, start.last_ignored
        self._size = start.size
        self._typing: tuple[str, Place] | None = None
        self._typed: list[str] = []

    def add(self, events: Iterable[Event]) -> None:
        """Fold the next events. Those that are folded already are passed over.

        Raises:
            ValueError: an event does not follow on the one before it.
        """
        for event in events:
            if event.seq != self._seq + 1:
                if event.seq <= self._seq:
                    continue
                raise ValueError(f"event {event.seq} does not follow on {self._seq}; fold all events, in order.")
            self._seq, self._event = event.seq, event
            try:
                fits = self._fold(event)
            except _MALFORMED:
                fits = False
            if not fits:
                self._ignored, self._last_ignored = self._ignored + 1, event.seq

    def finish(self) -> Folded:
        """What the events amount to. The fold is not to be used afterwards."""
        if self._event is None:
            return self._start
        self._end_typing()
        return Folded(
            tenant=self._start.tenant,
            thread_id=self._start.thread_id,
            seq=self._seq,
            check=self._event.check,
            time_us=self._event.time_us,
            thread=self._thread,
            owner=self._owner,
            deleted=self._deleted,
            items=self._items.table(),
            runs=self._runs,
            grants=self._grants,
            attachments=self._attachments,
            ignored=self._ignored,
            last_ignored=self._last_ignored,
            size=self._size,
        )

    def _fold(self, event: Event) -> bool:
        """Take one event; False where it does not fit."""
        if event.type == _UPDATED and event.version == PAYLOAD_VERSION:
            return self._update(event)
        self._head(event)
        change = self._CHANGES.get(event.type)
        if change is None:
            return True
        return event.version == PAYLOAD_VERSION and change(self, event)

    def _head(self, event: Event) -> None:
        """Owner and deletion are the log's own knowledge."""
        if event.head is None:
            return
        if event.head.owner is not UNSET:
            self._owner = event.head.owner
        if event.head.deleted is not UNSET:
            self._deleted = event.head.deleted

    # Items

    def _update(self, event: Event) -> bool:
        try:
            payload = update_payload(event.data)
        except msgspec.ValidationError:
            return update_kind(event.data) not in UPDATE_KINDS
        update = payload.update
        if isinstance(update, TextDelta):
            return self._type(payload.item_id, update.content_index, update.delta)
        if isinstance(update, WidgetTextDelta) and not update.done:
            return self._type(payload.item_id, update.component_id, update.delta)
        item = self._item(payload.item_id)
        new = None if item is None else item.updated(update, event.seq, len(event.data))
        return new is not None and self._put(new)

    def _type(self, item_id: str, place: Place, delta: str) -> bool:
        """Gather a text delta; a row of them becomes one change of the item."""
        if self._typing != (item_id, place):
            item = self._item(item_id)
            if item is None or not item.takes(place):
                return False
            self._typing = (item_id, place)
        self._typed.append(delta)
        self._typed_seq = self._seq
        return True

    def _end_typing(self) -> None:
        if self._typing is None:
            return
        (item_id, place), self._typing = self._typing, None
        item = self._items.get(item_id)
        assert item is not None
        self._change(item, item.with_text(place, self._typed, self._typed_seq))
        self._typed = []

    def _item(self, item_id: str) -> FoldedItem | None:
        """The item as it is now, if it is in the thread."""
        self._end_typing()
        item = self._items.get(item_id)
        return None if item is None or item.removed else item

    def _added(self, event: Event) -> bool:
        return self._take(event, opens=True)

    def _done(self, event: Event) -> bool:
        return self._take(event, opens=False)

    def _replaced(self, event: Event) -> bool:
        return self._take(event, opens=None)

    def _take(self, event: Event, *, opens: bool | None) -> bool:
        """Take a whole item: a new one at the end, a known one in its place, as open as it is if `opens` is None."""
        body = bytes(item_payload(event.data).item)
        name = item_name(body)
        self._end_typing()
        old = self._items.get(name.id)
        there = old is not None and not old.removed
        return self._put(
            FoldedItem(
                id=name.id,
                type=name.type,
                seq=old.seq if old is not None and there else event.seq,
                changed=event.seq,
                open=opens if opens is not None else there and old is not None and old.open,
                body=body,
                types=_further_types(old, name.type),
                size=len(body) + _ITEM_OVERHEAD,
            )
        )

    def _removed(self, event: Event) -> bool:
        item = self._item(item_id_payload(event.data).item_id)
        return item is not None and self._put(item.without_body(event.seq))

    def _put(self, item: FoldedItem) -> bool:
        old = self._items.get(item.id)
        if old is None or (old.removed and not item.removed):
            self._items.add(item)
            self._size += item.size
        else:
            self._change(old, item)
        return True

    def _change(self, old: FoldedItem, new: FoldedItem) -> None:
        self._items.put(new)
        self._size += new.size - old.size

    # Thread, runs, access, attachments

    def _thread_changed(self, event: Event) -> bool:
        thread = thread_payload(event.data).thread
        thread.pop("items", None)
        metadata = msgspec.json.encode(thread)
        ThreadMetadata.model_validate_json(metadata)
        self._thread = metadata
        if self._owner is None:
            self._owner = _user_of(event.actor)
        return True

    def _thread_deleted(self, event: Event) -> bool:
        self._deleted = True
        return True

    def _run(self, event: Event) -> bool:
        payload = run_payload(event.data)
        run = run_after(self._runs.get(payload.run_id), event.type, payload, event.seq, event.time_us)
        if run is not None:
            self._runs = _own(self._runs, self._start.runs)
            self._runs[run.id] = run
        return run is not None

    def _granted(self, event: Event) -> bool:
        grant = grant_payload(event.data)
        if grant.role is None:
            return False
        self._grants = _own(self._grants, self._start.grants)
        self._grants[grant.user] = grant.role
        return True

    def _revoked(self, event: Event) -> bool:
        self._grants = _own(self._grants, self._start.grants)
        return self._grants.pop(grant_payload(event.data).user, None) is not None

    def _attachment_saved(self, event: Event) -> bool:
        payload = attachment_payload(event.data)
        attachment = bytes(payload.attachment)
        _attachment.validate_json(attachment)
        self._attachments = _own(self._attachments, self._start.attachments)
        self._attachments[attachment_name(attachment).id] = attachment
        if self._owner is None:
            self._owner = payload.owner or _user_of(event.actor)
        return True

    def _attachment_deleted(self, event: Event) -> bool:
        self._attachments = _own(self._attachments, self._start.attachments)
        return self._attachments.pop(attachment_id_payload(event.data).attachment_id, None) is not None

    _CHANGES: ClassVar[Mapping[str, Callable[[Fold, Event], bool]]] = {
        "thread.created": _thread_changed,
        "thread.updated": _thread_changed,
        "thread.deleted": _thread_deleted,
        "thread.item.added": _added,
        "thread.item.updated": lambda _fold, _event: False,  # of another version
        "thread.item.done": _done,
        "thread.item.replaced": _replaced,
        "thread.item.removed": _removed,
        "access.granted": _granted,
        "access.revoked": _revoked,
        "attachment.saved": _attachment_saved,
        "attachment.deleted": _attachment_deleted,
        **dict.fromkeys(RUN_TYPES, _run),
    }


def _own(mapping: dict[str, T], start: dict[str, T]) -> dict[str, T]:
    """A mapping that may be changed: a copy, as long as it is still the one with which the fold began."""
    return dict(mapping) if mapping is start else mapping


def _further_types(old: FoldedItem | None, new_type: str) -> tuple[str, ...]:
    if old is None:
        return ()
    return tuple(sorted({*old.types, old.type} - {new_type}))


def _user_of(actor: str | None) -> str | None:
    return actor.removeprefix("user:") if actor is not None and actor.startswith("user:") else None
