"""The append ids of the threads that are being written to, so that a new id is known to be new without reading."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeAlias

_FEWEST = 8

_SLOTS_KEPT = 8 * 1024 * 1024
"""Slots of all tables together, 4 bytes each: about 3 million ids."""

_FEW = 512
"""So many ids of a thread are kept in a `set`, which is faster than a table of our own."""

_IN_SET = 20
"""What an id in a `set` takes, in slots."""


class IdSet:
    """A set of CRC-32 of append ids, in about 12 bytes each (a `set` takes 80).

    A hash table with open addressing and linear probing, at most half full; 0 marks a free slot.
    """

    __slots__ = ("_count", "_mask", "_slots")

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._slots = array("I", bytes(4 * _FEWEST))
        self._mask = _FEWEST - 1
        self._count = 0
        for crc in ids:
            self.add(crc)

    def __contains__(self, crc: int) -> bool:
        slots, mask = self._slots, self._mask
        at = crc & mask
        while (found := slots[at]) != crc and found:
            at = (at + 1) & mask
        return found == crc or not crc  # 0 cannot be kept, so it may be there

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self._slots)

    def add(self, crc: int) -> int:
        """Take an id in; returns how many slots have come by that."""
        slots, mask = self._slots, self._mask
        at = crc & mask
        while found := slots[at]:
            if found == crc:
                return 0
            at = (at + 1) & mask
        slots[at] = crc
        self._count += 1
        return self._grow() if self._count * 2 > mask else 0

    def _grow(self) -> int:
        old = self._slots
        self._slots = array("I", bytes(8 * len(old)))
        self._mask = len(self._slots) - 1
        self._count = 0
        for crc in old:
            if crc:
                self.add(crc)
        return len(old)


Ids: TypeAlias = "set[int] | IdSet"
"""The ids of one thread, few or many."""


class KnownIds:
    """The append ids of the threads that were written to last."""

    def __init__(self, load: Callable[[int], Iterable[int]]) -> None:
        self._load = load
        self._threads: OrderedDict[int, Ids] = OrderedDict()
        self._slots = 0

    def of(self, row: int) -> Ids:
        """The ids of a thread. An id that is not in it is certainly new; one that is may be another of its CRC-32."""
        known = self._threads.get(row)
        if known is None:
            known = self._threads[row] = _packed(set(self._load(row)))
            self._grown(_slots(known))
        else:
            self._threads.move_to_end(row)
        return known

    def add(self, row: int, crc: int) -> None:
        """An append has been stored."""
        known = self._threads.get(row)
        if isinstance(known, IdSet):
            self._grown(known.add(crc))
        elif known is not None and crc not in known:
            known.add(crc)
            self._grown(_IN_SET)
            if len(known) > _FEW:
                table = self._threads[row] = _packed(known)
                self._grown(_slots(table) - _slots(known))

    def _grown(self, slots: int) -> None:
        self._slots += slots
        while self._slots > _SLOTS_KEPT and len(self._threads) > 1:
            self._slots -= _slots(self._threads.popitem(last=False)[1])


def _packed(ids: set[int]) -> Ids:
    return ids if len(ids) <= _FEW else IdSet(ids)


def _slots(ids: Ids) -> int:
    return ids.slots if isinstance(ids, IdSet) else _IN_SET * len(ids)
