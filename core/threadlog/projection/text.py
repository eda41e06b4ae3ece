"""Text that grows by small pieces, joined only when somebody reads it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

_PIECES_AT_MOST = 512


class Text(Struct, frozen=True):
    """The pieces added to a text so far.

    Successive versions share one list, of which each sees the first `count` pieces. Only the longest version may
    extend the list in place; what grows from an older one is given a list of its own. So a piece costs no copy, and no
    version ever sees another one's pieces.
    """

    pieces: list[str]
    count: int

    def extended(self, more: Sequence[str]) -> Text:
        """This text and `more`."""
        pieces = self.pieces if len(self.pieces) == self.count else self.pieces[: self.count]
        if len(pieces) > _PIECES_AT_MOST:
            pieces = ["".join(pieces)]
        pieces.extend(more)
        return Text(pieces, len(pieces))

    def __str__(self) -> str:
        return "".join(self.pieces[: self.count])


def text_of(pieces: Sequence[str]) -> Text:
    """A text of these pieces."""
    return Text(list(pieces), len(pieces))
