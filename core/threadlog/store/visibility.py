"""What an audience sees of events: the rules of the registry, applied to pages and streams alike."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from msgspec import Struct

from threadlog.log import Cursor, Event
from threadlog.log.feeds import Batch
from threadlog.model import Audience, Registry, Visibility
from threadlog.projection import StateCache, ThreadState, lifted
from threadlog.store.values import VisibleBatch


class Shown(Struct, frozen=True):
    """Events as they leave the store, each with who may see it."""

    events: tuple[Event, ...]
    """Lifted to their payloads' current versions."""
    seen_by: tuple[Visibility, ...]
    changes_access: bool
    deletes: bool

    def to(self, audience: Audience) -> tuple[Event, ...]:
        """Those that an audience sees."""
        return tuple(event for event, seen_by in zip(self.events, self.seen_by, strict=True) if audience in seen_by)


class Showing:
    """Finds out who sees what."""

    def __init__(self, registry: Registry, cache: StateCache) -> None:
        self._registry, self._cache = registry, cache

    def shown(self, events: Iterable[Event], state: ThreadState) -> Shown:
        """Look at events of a thread whose state knows all items in them (it may be ahead of them).

        The state knows the items of which an event names only the id: what happens to a hidden item is hidden.
        """
        current = tuple(lifted(self._registry, events))
        visibility, item_type = self._registry.visibility, state.item_type
        return Shown(
            current,
            tuple(visibility(event.type, event.data, item_type) for event in current),
            any(event.type.startswith("access.") for event in current),
            any(event.type == "thread.deleted" for event in current),
        )

    async def batch(self, batch: Batch) -> Shown:
        """The same for a feed's batch, looked at once for all its subscribers."""
        shown: Shown | None = batch.memo.get(_SHOWN)
        if shown is None:
            last = batch.events[-1]
            state = await self._cache.load_for_judging(last.tenant, last.thread_id, at_least=last.seq)
            shown = batch.memo[_SHOWN] = self.shown(batch.events, state)
        return shown


def visible(batch: Batch, shown: Shown, audience: Audience) -> VisibleBatch:
    """What an audience is given of a batch: one object for all its followers."""
    key: Hashable = (_SHOWN, audience)
    found: VisibleBatch | None = batch.memo.get(key)
    if found is None:
        found = batch.memo[key] = VisibleBatch(shown.to(audience), Cursor.of(batch.events[-1]))
    return found


_SHOWN = "threadlog.store"
