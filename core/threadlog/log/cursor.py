"""Where a reader stands in a thread: a seq and a check that the history up to there is the same."""

from __future__ import annotations

import re

from msgspec import Struct

from threadlog.log.envelope import Event
from threadlog.log.errors import InvalidCursor

_CURSOR = re.compile(r"0|([1-9][0-9]{0,17})(?:-([0-9a-f]{8}))?", re.ASCII)


class Cursor(Struct, frozen=True):
    """The point just after the event `seq`; `str()` gives its form on the wire, ``57-9f3a1c2b``.

    A bare number is a cursor without a check, for people; 0 is the start of the thread.
    """

    seq: int = 0
    check: str | None = None

    @classmethod
    def of(cls, event: Event) -> Cursor:
        """The cursor of a reader who has just seen `event`."""
        return cls(event.seq, event.check)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read the wire form.

        Raises:
            InvalidCursor: `text` is not of that form.
        """
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidCursor(f"{text[:40]!r} is no cursor; use the id of an event you have seen, or 0 for all.")
        return cls(int(match[1] or 0), match[2])

    def __str__(self) -> str:
        return f"{self.seq}-{self.check}" if self.check else str(self.seq)


START = Cursor()
"""Before the first event."""
