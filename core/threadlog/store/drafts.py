"""From what callers want to write to what is appended: each event dumped once, and checked against its thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from pydantic import ValidationError

from threadlog.log import Head, HeadChange, InvalidAppend, NewEvent, check_id
from threadlog.log.envelope import MAX_HEAD_BYTES
from threadlog.model import Registry, ThreadEvent, ThreadMetadata
from threadlog.projection import ThreadState
from threadlog.store.access import Right
from threadlog.store.errors import InvalidItem, InvalidThread

_THREAD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~@-]{0,127}", re.ASCII)


class _Item(Struct, gc=False):
    id: str
    type: str
    thread_id: str | UnsetType = UNSET


class _ItemPayload(Struct, gc=False):
    item: _Item


class _ThreadPayload(Struct):
    thread: dict[str, Any]


_item_payload = msgspec.json.Decoder(_ItemPayload).decode
_thread_payload = msgspec.json.Decoder(_ThreadPayload).decode

_CREATED, _UPDATED, _DELETED = "thread.created", "thread.updated", "thread.deleted"


def right_for(events: Sequence[ThreadEvent | NewEvent]) -> Right:
    """What it takes to write these events: sharing and deleting a thread is for those who own it."""
    for event in events:
        if event.type == _DELETED or event.type.startswith("access."):
            return Right.MANAGE
    return Right.WRITE


def check_new_thread_id(thread_id: str) -> None:
    """Refuse an id that cannot stand in a URL as it is.

    Raises:
        InvalidThread: it is of another form.
    """
    if _THREAD_ID.fullmatch(thread_id) is None:
        raise InvalidThread(
            f"{thread_id[:40]!r} cannot be the id of a thread: use 1 to 128 of A-Z a-z 0-9 _ . : ~ @ - and begin with "
            "a letter or digit; or give none."
        )


def check_known_thread_id(thread_id: str) -> None:
    """Refuse an id that no log can hold.

    Raises:
        InvalidThread: it is empty, too long, or holds odd characters.
    """
    try:
        check_id("the thread's id", thread_id)
    except InvalidAppend as error:
        raise InvalidThread(str(error)) from None


class Drafts:
    """Makes events ready to be appended."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def dump(self, event: ThreadEvent) -> NewEvent:
        """Serialise an event.

        Raises:
            NotRegistered, InvalidPayload: see `Registry.dump_event`.
        """
        name, version, data = self._registry.dump_event(event)
        return NewEvent(name, data, version)

    def begin(self, thread_id: str, events: Sequence[ThreadEvent | NewEvent], owner: str) -> tuple[NewEvent, ...]:
        """Dump and check the events with which a thread begins, the first of which is ``thread.created``.

        Raises:
            InvalidThread, InvalidItem: they are not fit for it.
        """
        new = [self._dumped(event) for event in events]
        if not new or new[0].type != _CREATED:
            raise InvalidThread("a thread begins with thread.created; put that first, or use create_thread.")
        created = self._with_head(new[0], thread_id, owner)
        rest = self.go_on(ThreadState.empty("", thread_id, self._registry), new[1:])
        return created, *rest

    def go_on(self, state: ThreadState, events: Sequence[ThreadEvent | NewEvent]) -> tuple[NewEvent, ...]:
        """Dump and check events for a thread that has begun. Listings follow its metadata.

        Raises:
            InvalidThread, InvalidItem: they are not fit for it.
        """
        return tuple([self._checked(state, self._dumped(event)) for event in events])

    def _dumped(self, event: ThreadEvent | NewEvent) -> NewEvent:
        if not isinstance(event, NewEvent):
            return self.dump(event)
        if event.head is not None:
            raise InvalidItem(f"{event.type}: leave `head` out; the store takes it from the thread's metadata.")
        return event

    def _checked(self, state: ThreadState, event: NewEvent) -> NewEvent:
        check = self._CHECKS.get(event.type)
        if check is not None:
            return check(self, state, event)
        if event.type.startswith("attachment."):
            raise InvalidItem(f"{event.type} is of no thread; use save_attachment and delete_attachment.")
        return event

    def _updated(self, state: ThreadState, event: NewEvent) -> NewEvent:
        return self._with_head(event, state.thread_id)

    def _deleted(self, state: ThreadState, event: NewEvent) -> NewEvent:
        return msgspec.structs.replace(event, head=HeadChange(deleted=True))

    def _created(self, state: ThreadState, event: NewEvent) -> NewEvent:
        raise InvalidThread("thread.created stands only at a thread's beginning; use thread.updated.")

    def _item(self, state: ThreadState, event: NewEvent) -> NewEvent:
        try:
            item = _item_payload(event.data).item
            check_id("item.id", item.id)
        except (msgspec.DecodeError, InvalidAppend) as error:
            raise InvalidItem(f"{event.type}: {str(error).rstrip('.')}.") from None
        if item.thread_id is not UNSET and item.thread_id != state.thread_id:
            raise InvalidItem(
                f"item {item.id!r} says thread_id {item.thread_id[:80]!r}, and the thread is {state.thread_id!r}; "
                "give the item its thread's id."
            )
        known = state.item_type(item.id)
        seen_by = self._registry.item_visibility
        if known is not None and known != item.type and seen_by(known) != seen_by(item.type):
            raise InvalidItem(
                f"item {item.id!r} is a {known} and cannot become a {item.type}, which others see; use a new id."
            )
        return event

    def _with_head(self, event: NewEvent, thread_id: str, owner: str | UnsetType = UNSET) -> NewEvent:
        """The event with what listings show of the metadata in it."""
        try:
            thread = _thread_payload(event.data).thread
            metadata = ThreadMetadata.model_validate(thread)
        except msgspec.DecodeError as error:
            raise InvalidThread(f"{event.type}: {error}.") from None
        except ValidationError as error:
            raise InvalidThread(f"{event.type}: {explained(error)}") from None
        if metadata.id != thread_id:
            raise InvalidThread(f"the metadata says id {metadata.id[:80]!r}, and the thread is {thread_id!r}.")
        if _has_items(thread):
            raise InvalidThread(f"{event.type} carries items; append them as thread.item.done events of their own.")
        head = HeadChange(owner=owner, title=metadata.title, status=metadata.status.type, info=_info(thread))
        try:
            return msgspec.structs.replace(event, head=head)
        except InvalidAppend as error:
            raise InvalidThread(f"{event.type}: {error}") from None

    _CHECKS: ClassVar[Mapping[str, Callable[[Drafts, ThreadState, NewEvent], NewEvent]]] = {
        _CREATED: _created,
        _UPDATED: _updated,
        _DELETED: _deleted,
        "thread.item.added": _item,
        "thread.item.done": _item,
        "thread.item.replaced": _item,
    }


def explained(error: ValidationError) -> str:
    """The first thing that is wrong, in a sentence that does not repeat the input."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}."


def metadata_of(head: Head) -> ThreadMetadata:
    """A thread's metadata, from what listings show of it."""
    info = msgspec.json.decode(head.info or "{}")
    return ThreadMetadata.model_validate({**info, "id": head.thread_id, "title": head.title})


def _has_items(thread: dict[str, Any]) -> bool:
    items = thread.get("items")
    return isinstance(items, dict) and bool(items.get("data"))


def _info(thread: dict[str, Any]) -> str:
    """All metadata that a head has no field for, as JSON."""
    rest = {key: value for key, value in thread.items() if key not in ("id", "title", "items")}
    info = msgspec.json.encode(rest).decode()
    if len(info.encode()) > MAX_HEAD_BYTES:
        raise InvalidThread(
            f"the thread's metadata takes {len(info)} bytes, and {MAX_HEAD_BYTES} is the most: keep less of it there, "
            "and the rest in items."
        )
    return info
