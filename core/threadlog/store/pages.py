"""Checks of what pages are asked for."""

from __future__ import annotations

from typing import Literal, TypeAlias

from threadlog.store.errors import InvalidPage

Order: TypeAlias = Literal["asc", "desc"]
"""Oldest or newest first."""

PAGE_AT_MOST = 1000


def check_page(limit: int, order: str = "asc") -> None:
    """Refuse pages that cannot be.

    Raises:
        InvalidPage: the limit is not 1 to `PAGE_AT_MOST`, or the order neither ``asc`` nor ``desc``.
    """
    if not 1 <= limit <= PAGE_AT_MOST:
        raise InvalidPage(f"limit is {limit}; ask for 1 to {PAGE_AT_MOST} and read on with `after`.")
    if order not in ("asc", "desc"):
        raise InvalidPage(f"order is {order!r}; use 'asc' for oldest first or 'desc' for newest first.")
