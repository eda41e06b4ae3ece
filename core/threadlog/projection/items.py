"""An item as the fold keeps it: its last whole form, and what was added to it since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import msgspec
from msgspec import Struct

from threadlog.projection.payloads import Json, StructuralUpdate, WidgetTextDelta
from threadlog.projection.text import Text, text_of
from threadlog.projection.updates import PARTS_AT_MOST, component_of, part_of, updated

Place: TypeAlias = "int | str"
"""Where in an item a text grows: a content part's index, or a widget component's id."""

_NONE: Mapping[Place, Text] = MappingProxyType({})
_PIECE = 64  # bytes that Python takes for a small string in a list, beside its characters


class FoldedItem(Struct, frozen=True):
    """One item at one seq. Never changed and never handed out: callers are given what `json` says."""

    id: str
    type: str
    seq: int
    """The event with which it appeared; items stand in this order."""
    changed: int
    """The last event that changed it."""
    open: bool
    """Whether it was added and not done yet."""
    body: bytes | Json | None
    """Its JSON as the writer gave it; the plain form once an update changed it; None when it was removed."""
    texts: Mapping[Place, Text] = _NONE
    """What is to be added to the texts of `body`."""
    types: tuple[str, ...] = ()
    """Further types that an item of this id had."""
    size: int = 0
    """Memory that it takes, in bytes, approximately."""

    @property
    def removed(self) -> bool:
        """Whether it was taken out of the thread; its id still marks its place."""
        return self.body is None

    def json(self) -> bytes:
        """The item as JSON, texts joined."""
        if isinstance(self.body, bytes) and not self.texts:
            return self.body
        return msgspec.json.encode(self._joined())

    def plain(self) -> Json:
        """The item as a dict of the caller's own."""
        found: Json = msgspec.json.decode(self.json())
        return found

    def takes(self, place: Place) -> bool:
        """Whether a text grows at `place`."""
        if place in self.texts:
            return True
        if isinstance(place, int):
            return self.type == "assistant_message" and 0 <= place < PARTS_AT_MOST
        return self.type == "widget" and component_of(self._joined().get("widget"), place) is not None

    def with_text(self, place: Place, pieces: Sequence[str], seq: int) -> FoldedItem:
        """The item with more text at a place that it `takes`."""
        old = self.texts.get(place)
        text = text_of(pieces) if old is None else old.extended(pieces)
        size = self.size + sum(map(len, pieces)) + _PIECE * len(pieces)
        return msgspec.structs.replace(self, texts={**self.texts, place: text}, changed=seq, size=size)

    def updated(self, update: StructuralUpdate | WidgetTextDelta, seq: int, size: int) -> FoldedItem | None:
        """The item after an update of `size` bytes; None where it does not fit the item."""
        body = updated(self.type, self._joined(), update)
        if body is None:
            return None
        return msgspec.structs.replace(self, body=body, texts=_NONE, changed=seq, size=self.size + size)

    def without_body(self, seq: int) -> FoldedItem:
        """What stays of the item when it is removed."""
        return msgspec.structs.replace(self, body=None, texts=_NONE, changed=seq, open=False, size=0)

    def _joined(self) -> Json:
        """`body` in plain form with `texts` joined; shares what is inside with `body`."""
        data: Json = msgspec.json.decode(self.body) if isinstance(self.body, bytes) else dict(self.body or {})
        for place, text in self.texts.items():
            data = _with_joined(data, place, str(text))
        return data


def _with_joined(data: Json, place: Place, text: str) -> Json:
    if isinstance(place, int):
        content, part = part_of(data, place)
        content[place] = {**part, "text": part["text"] + text}
        return {**data, "content": content}
    delta = WidgetTextDelta(place, text)
    return updated("widget", data, delta) or data
