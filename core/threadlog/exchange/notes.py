"""Notes: what an imported item keeps of its message beyond what the item itself can say.

The note is the item's field ``chat_message``. It holds the place of the message in its run, and the change (see
`threadlog.exchange.changes`) from the message that the item's own fields amount to, to the message that was imported.
A tidy run needs no changes.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from threadlog.exchange.calls import Form
from threadlog.exchange.plain import Json

FIELD = "chat_message"
"""Name of the item's field."""


class ResultNote(Struct, omit_defaults=True):
    """The message that gave a tool call its result."""

    index: int
    change: dict[str, Any] | None = None


class Note(Struct, omit_defaults=True):
    """The message that an item was made from."""

    index: int
    """Its place in the run, from 0."""
    change: dict[str, Any] | None = None
    """On the first item of a message: how the message differs from what its items say, apart from its tool calls."""
    parts: bool = False
    """Whether the content is a list of parts, where one text would be a string otherwise."""
    call: Form | None = None
    """Of a tool call: how it was written."""
    call_change: dict[str, Any] | None = None
    """Of a tool call: how the call differs from what the item says."""
    result: ResultNote | None = None
    """Of a tool call that has its result."""


def note_of(item: Json) -> Note | None:
    """The item's note; None where it has none, or what stands there is none."""
    found = item.get(FIELD)
    if found is None:
        return None
    try:
        return msgspec.convert(found, Note)
    except msgspec.ValidationError:
        return None


def written(note: Note) -> Json:
    """The note as the item's field."""
    return msgspec.to_builtins(note)
