"""The state of a thread at one seq."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from pydantic import TypeAdapter

from threadlog.log import Cursor, Event
from threadlog.model import Attachment, Audience, Item, Page, Registry, ThreadMetadata, default_registry
from threadlog.projection.fold import Fold, Folded, nothing
from threadlog.projection.items import FoldedItem
from threadlog.projection.payloads import Json
from threadlog.projection.runs import RunState
from threadlog.projection.stored import dump, load

_attachment: TypeAdapter[Attachment] = TypeAdapter(Attachment)


class ThreadState:
    """What the events of a thread up to `seq` amount to, in the middle of a stream too, as one audience sees it.

    It never changes: `apply` gives another state, which shares with this one whatever the event does not touch. Models
    and dicts that it hands out are made for the caller, who may change them without anybody else noticing.

    Items stand in the order in which they appeared (their event's seq, never a clock); an item that is replaced keeps
    its place, one that is removed and comes back appears anew.
    """

    __slots__ = ("_audience", "_folded", "_registry")

    def __init__(self, folded: Folded, registry: Registry, audience: Audience = Audience.AUDITOR) -> None:
        self._folded = folded
        self._registry = registry
        self._audience = audience

    @classmethod
    def empty(cls, tenant: str, thread_id: str, registry: Registry | None = None) -> ThreadState:
        """The state before the first event, as an auditor sees it: everything."""
        return cls(nothing(tenant, thread_id), registry or default_registry())

    @classmethod
    def fold(
        cls, events: Iterable[Event], state: ThreadState | None = None, *, registry: Registry | None = None
    ) -> ThreadState:
        """Fold many events of one thread, faster than one by one.

        Args:
            events: in seq order, lifted to their payloads' current versions. Those that `state` knows are passed over.
            state: where to begin; from nothing if it is None, which takes at least one event.
            registry: for the models that a state that begins from nothing makes.

        Raises:
            ValueError: an event does not follow on the one before it, or there is nothing to begin from.
        """
        rest = iter(events)
        if state is None:
            first = next(rest, None)
            if first is None:
                raise ValueError("there is no event to fold; use ThreadState.empty for the state before the first.")
            state = cls.empty(first.tenant, first.thread_id, registry).apply(first)
        return state.apply_all(rest)

    def apply(self, event: Event) -> ThreadState:
        """The state after one more event. Whatever the payload holds, it never raises for it (see `ignored`).

        Raises:
            ValueError: the event's seq is beyond the next one.
        """
        return self.apply_all((event,))

    def apply_all(self, events: Iterable[Event]) -> ThreadState:
        """As `apply`, for the next events together, which is faster; those that are folded already are passed over."""
        fold = Fold(self._folded)
        fold.add(events)
        folded = fold.finish()
        return self if folded is self._folded else ThreadState(folded, self._registry, self._audience)

    def seen_by(self, audience: Audience) -> ThreadState:
        """The same state as an audience sees it."""
        return self if audience is self._audience else ThreadState(self._folded, self._registry, audience)

    @property
    def audience(self) -> Audience:
        """Whose view this is."""
        return self._audience

    @property
    def tenant(self) -> str:
        """The outermost owner."""
        return self._folded.tenant

    @property
    def thread_id(self) -> str:
        """The thread."""
        return self._folded.thread_id

    @property
    def seq(self) -> int:
        """The last event that is folded; 0 for none."""
        return self._folded.seq

    @property
    def check(self) -> str | None:
        """`Event.check` of that event."""
        return self._folded.check

    @property
    def cursor(self) -> Cursor:
        """Where a reader of this state goes on reading events."""
        return Cursor(self._folded.seq, self._folded.check)

    @property
    def time_us(self) -> int:
        """When that event was stored: UTC, microseconds since 1970."""
        return self._folded.time_us

    @property
    def metadata(self) -> ThreadMetadata | None:
        """Title, status and so on; None before the thread was created."""
        thread = self._folded.thread
        return None if thread is None else ThreadMetadata.model_validate_json(thread)

    @property
    def exists(self) -> bool:
        """Whether the thread was created (it may be deleted since)."""
        return self._folded.thread is not None

    @property
    def owner(self) -> str | None:
        """The user who owns the thread."""
        return self._folded.owner

    @property
    def deleted(self) -> bool:
        """Whether it was deleted."""
        return self._folded.deleted

    @property
    def runs(self) -> Mapping[str, RunState]:
        """All runs by id, in order of their start."""
        return MappingProxyType(dict(self._folded.runs))

    @property
    def active_run(self) -> RunState | None:
        """The last run that has not ended and was not started by another run."""
        runs = reversed(list(self._folded.runs.values()))
        return next((run for run in runs if run.active and run.parent_run_id is None), None)

    @property
    def grants(self) -> Mapping[str, str]:
        """Role by user, for those with whom the thread is shared. Viewers see none: access events are not for them."""
        return MappingProxyType({} if self._audience is Audience.VIEWER else dict(self._folded.grants))

    def role_of(self, user: str) -> str | None:
        """The role that a user was granted, whoever asks."""
        return self._folded.grants.get(user)

    @property
    def attachments(self) -> Mapping[str, Attachment]:
        """The attachments of this stream by id."""
        saved = self._folded.attachments
        return MappingProxyType({name: _attachment.validate_json(data) for name, data in saved.items()})

    @property
    def ignored(self) -> int:
        """How many events were left out of the fold because they are malformed or fit nothing."""
        return self._folded.ignored

    @property
    def last_ignored_seq(self) -> int:
        """The last of those; 0 for none."""
        return self._folded.last_ignored

    @property
    def size(self) -> int:
        """Memory that the state takes, in bytes, approximately."""
        return self._folded.size

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, made for the caller."""
        return tuple(map(self._model, self._visible(iter(self._folded.items))))

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The ids of all items."""
        return tuple(item.id for item in self._visible(iter(self._folded.items)))

    @property
    def open_item_ids(self) -> tuple[str, ...]:
        """The ids of the items that were added and are not done."""
        return tuple(item.id for item in self._visible(iter(self._folded.items)) if item.open)

    def is_open(self, item_id: str) -> bool:
        """Whether an item was added and is not done."""
        item = self._find(item_id)
        return item is not None and item.open

    def item(self, item_id: str) -> Item | None:
        """One item, made for the caller; None where the thread has none of this id (any more)."""
        found = self._find(item_id)
        return None if found is None else self._model(found)

    def item_data(self, item_id: str) -> Json | None:
        """One item as a dict of the caller's own; None where the thread has none of this id (any more)."""
        found = self._find(item_id)
        return None if found is None else found.plain()

    def page_items(
        self, after: str | None = None, limit: int = 20, order: Literal["asc", "desc"] = "asc"
    ) -> Page[Item]:
        """Some items, oldest or newest first.

        Args:
            after: the id of an item; the page begins behind it. That of a removed item still marks its place.
            limit: at most this many.
            order: ``asc`` for oldest first.

        Raises:
            KeyError: there never was an item `after`, or it is not for this audience.
        """
        found = list(islice(self._visible(self._from(after, order)), limit + 1))
        data = [self._model(item) for item in found[:limit]]
        more = len(found) > limit
        return Page[Item](data=data, has_more=more, after=found[limit - 1].id if more else None)

    def item_type(self, item_id: str) -> str | None:
        """The type of an item by its id, whoever asks, removed items included.

        Of an id that stood for items of several types it is the one that the fewest audiences may see.
        """
        item = self._folded.items.get(item_id)
        return None if item is None else self._strictest(item)

    def to_json(self) -> bytes:
        """The whole state, for a snapshot."""
        return dump(self._folded)

    @classmethod
    def from_json(cls, tenant: str, thread_id: str, data: bytes, registry: Registry | None = None) -> ThreadState:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is nothing of that kind.
        """
        return cls(load(tenant, thread_id, data), registry or default_registry())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ThreadState):
            return NotImplemented
        return self._audience is other._audience and self._content() == other._content()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ThreadState(thread_id={self.thread_id!r}, seq={self.seq}, audience={self._audience.value!r})"

    def _content(self) -> Any:
        return self._folded.tenant, self._folded.thread_id, msgspec.json.decode(self.to_json())

    def _find(self, item_id: str) -> FoldedItem | None:
        item = self._folded.items.get(item_id)
        return item if item is not None and not item.removed and self._sees(item) else None

    def _from(self, after: str | None, order: str) -> Iterator[FoldedItem]:
        items = self._folded.items
        if after is None:
            return items.after(-1) if order == "asc" else items.before(len(items))
        place, item = items.place(after), items.get(after)
        if place is None or item is None or not self._sees(item):
            raise KeyError(after)
        return items.after(place) if order == "asc" else items.before(place)

    def _visible(self, items: Iterator[FoldedItem]) -> Iterator[FoldedItem]:
        return (item for item in items if not item.removed and self._sees(item))

    def _sees(self, item: FoldedItem) -> bool:
        return self._audience in self._registry.item_visibility(self._strictest(item))

    def _strictest(self, item: FoldedItem) -> str:
        if not item.types:
            return item.type
        seen_by: Callable[[str], int] = lambda item_type: len(self._registry.item_visibility(item_type))  # noqa: E731
        return min((item.type, *item.types), key=seen_by)

    def _model(self, item: FoldedItem) -> Item:
        return self._registry.parse_item(item.plain())
