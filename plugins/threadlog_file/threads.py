"""The threads of one shard: which there are, and where each stands. Columns of numbers, not an object per thread.

A thread's row is its number in order of creation (its first event's position), so row order is listing order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

DELETED = 1
"""Flag: the thread is deleted."""
HEADED = 2
"""Flag: a head change has been seen, so the thread appears in listings unless it is deleted."""


class Tenant:
    """One tenant's threads."""

    __slots__ = ("listed", "number", "owned", "rows")

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: dict[str, int] = {}
        """Row of each thread id."""
        self.listed = array("I")
        """Rows that listings show, ascending."""
        self.owned: dict[str, array[int]] = {}
        """Those of each owner, ascending."""

    def list(self, row: int, owner: str | None) -> None:
        """Show the thread in listings."""
        _insert(self.listed, row)
        if owner is not None:
            _insert(self.owned.setdefault(owner, array("I")), row)

    def unlist(self, row: int, owner: str | None) -> None:
        """Show the thread no more."""
        _remove(self.listed, row)
        if owner is not None:
            _remove(self.owned[owner], row)
            if not self.owned[owner]:
                del self.owned[owner]


class Threads:
    """All threads of a shard."""

    __slots__ = ("_numbered", "created_us", "flags", "head_at", "last_seq", "newest", "tenant_of", "tenants")

    def __init__(self) -> None:
        self.tenants: dict[str, Tenant] = {}
        self._numbered: list[Tenant] = []
        self.tenant_of = array("I")
        """Number of the row's tenant, in order of first appearance."""
        self.last_seq = array("Q")
        """Seq of the row's last event."""
        self.created_us = array("Q")
        """Time of its first event."""
        self.newest = array("I")
        """1 + ordinal of the newest segment that holds events of it."""
        self.head_at = array("I")
        """1 + ordinal of the segment in which its head changed last; 0 if never."""
        self.flags = bytearray()

    def __len__(self) -> int:
        return len(self.flags)

    def find(self, tenant: str, thread: str) -> int | None:
        """The thread's row, if there is such a thread."""
        known = self.tenants.get(tenant)
        return None if known is None else known.rows.get(thread)

    def tenant(self, row: int) -> Tenant:
        """The tenant of a row."""
        return self._numbered[self.tenant_of[row]]

    def add(self, tenant: str, thread: str, created_us: int) -> int:
        """A row for a thread that is new."""
        known = self.tenants.get(tenant)
        if known is None:
            known = self.tenants[tenant] = Tenant(len(self._numbered))
            self._numbered.append(known)
        row = known.rows[thread] = len(self.flags)
        self.tenant_of.append(known.number)
        self.last_seq.append(0)
        self.created_us.append(created_us)
        self.newest.append(0)
        self.head_at.append(0)
        self.flags.append(0)
        return row


def _insert(rows: array[int], row: int) -> None:
    at = bisect_left(rows, row)
    if at == len(rows):
        rows.append(row)
    elif rows[at] != row:
        rows.insert(at, row)


def _remove(rows: array[int], row: int) -> None:
    at = bisect_left(rows, row)
    if at < len(rows) and rows[at] == row:
        del rows[at]
