"""Items in order, shared between successive states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threadlog.projection.items import FoldedItem

_BITS = 6
_MASK = (1 << _BITS) - 1


class _Places:
    """Place by item id, shared by successive tables; each sees the places under its own count."""

    __slots__ = ("by_id", "extent")

    def __init__(self, by_id: dict[str, int], extent: int) -> None:
        self.by_id = by_id
        self.extent = extent
        """How many places the longest table that shares this has."""


class ItemTable:
    """All items that a thread ever had, removed ones included, in order of appearance. Never changed once made.

    Changing one of 10 000 items copies a page of 64 and the list of 157 pages, nothing else: `TableBuilder`.
    """

    __slots__ = ("count", "pages", "places")

    def __init__(
        self, pages: Sequence[Sequence[FoldedItem]] = (), places: _Places | None = None, count: int = 0
    ) -> None:
        self.pages = pages
        self.places = places or _Places({}, 0)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[FoldedItem]:
        return self.after(-1)

    def place(self, item_id: str) -> int | None:
        """Where an item stands, from 0; None if there never was one of this id."""
        place = self.places.by_id.get(item_id)
        return None if place is None or place >= self.count else place

    def get(self, item_id: str) -> FoldedItem | None:
        """The item of this id, or what stayed of it after its removal."""
        place = self.place(item_id)
        return None if place is None else self.pages[place >> _BITS][place & _MASK]

    def after(self, place: int) -> Iterator[FoldedItem]:
        """The items that stand after a place, first one first."""
        for at in range(place + 1, self.count):
            yield self.pages[at >> _BITS][at & _MASK]

    def before(self, place: int) -> Iterator[FoldedItem]:
        """The items that stand before a place, last one first."""
        for at in range(place - 1, -1, -1):
            yield self.pages[at >> _BITS][at & _MASK]


class TableBuilder(ItemTable):
    """A table that is being changed, which the tables that it shares with never notice.

    Pages are copied before their first change. `_places` only grows, which the others do not see; it is copied where
    this is not the longest of those that share it, and where a name moves to another place.
    """

    __slots__ = ("_all_pages", "_own_pages", "_own_places")

    def __init__(self, table: ItemTable) -> None:
        self._all_pages: list[Sequence[FoldedItem]] = list(table.pages)
        super().__init__(self._all_pages, table.places, table.count)
        self._own_pages: dict[int, list[FoldedItem]] = {}
        self._own_places = False

    def put(self, item: FoldedItem) -> None:
        """Put an item in the place of the one of its id."""
        place = self.places.by_id[item.id]
        self._page(place >> _BITS)[place & _MASK] = item

    def add(self, item: FoldedItem) -> None:
        """Add an item at the end; from now on its id names this place."""
        if not self._own_places and (self.places.extent != self.count or item.id in self.places.by_id):
            seen = {item_id: place for item_id, place in self.places.by_id.items() if place < self.count}
            self.places, self._own_places = _Places(seen, self.count), True
        self.places.by_id[item.id] = self.count
        self._page(self.count >> _BITS).append(item)
        self.count += 1
        self.places.extent = self.count

    def table(self) -> ItemTable:
        """What was built. The builder is not to be used afterwards."""
        return ItemTable(self._all_pages, self.places, self.count)

    def _page(self, number: int) -> list[FoldedItem]:
        own = self._own_pages.get(number)
        if own is None:
            if number == len(self._all_pages):
                self._all_pages.append([])
            own = self._own_pages[number] = list(self._all_pages[number])
            self._all_pages[number] = own
        return own
