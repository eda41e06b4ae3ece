"""Where the reader of a tenant's or a shard's feed stands. (`threadlog.log.Cursor` is that of a thread's feed.)"""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from threadlog.log.cursor import START, Cursor
from threadlog.log.envelope import Event
from threadlog.log.errors import InvalidCursor


class TenantCursor(Struct, frozen=True):
    """The point just after an event of the tenant; `str()` gives its form on the wire, ``57-9f3a1c2b@thr_abc``.

    It names an event that the tenant has seen and not a position: positions count the events of the shard's other
    tenants too, and nobody outside may learn how many those are. What it costs: going on from it looks once more at
    the neighbours' events since.
    """

    thread_id: str
    at: Cursor

    @classmethod
    def of(cls, event: Event) -> Self:
        """The cursor of a reader who has just seen `event`."""
        return cls(event.thread_id, Cursor.of(event))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the wire form.

        Raises:
            InvalidCursor: `text` is not of that form.
        """
        if text == "0":
            return cls("", START)
        at, _, thread_id = text.partition("@")
        if not thread_id:
            raise InvalidCursor(f"{text[:40]!r} is no cursor of a tenant's feed; use one that the feed gave.")
        return cls(thread_id, Cursor.parse(at))

    def __str__(self) -> str:
        return f"{self.at}@{self.thread_id}" if self.at.seq else "0"


class ShardCursor(Struct, frozen=True):
    """The point just after the event at `position`; `str()` gives its form on the wire, ``57-9f3a1c2b``.

    A bare number is a cursor without a check; 0 is the start of the shard. For operators only.
    """

    position: int = 0
    check: str | None = None

    @classmethod
    def of(cls, event: Event) -> Self:
        """The cursor of a reader who has just seen `event`."""
        return cls(event.position, event.check)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the wire form.

        Raises:
            InvalidCursor: `text` is not of that form.
        """
        cursor = Cursor.parse(text)
        return cls(cursor.seq, cursor.check)

    def __str__(self) -> str:
        return str(Cursor(self.position, self.check))


TENANT_START = TenantCursor("", START)
"""Before the tenant's first event."""

SHARD_START = ShardCursor()
"""Before the shard's first event."""
