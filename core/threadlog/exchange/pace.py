"""Pace: how long after the one before it an event is played."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from threadlog.exchange.notes import FIELD
from threadlog.log import Event

_SPOKEN = ("user_message", "assistant_message")


class Pace(Struct, frozen=True, kw_only=True):
    """How fast a thread is played that has no times of its own, or whose times do not matter."""

    letters_per_second: float = 70.0
    """Of text: its event comes when it would be typed."""
    pause: float = 0.3
    """Seconds before any event that is not more of a text."""
    longest: float = 8.0
    """Seconds that one event takes at most."""


class Score:
    """Says when the events of one thread, given in order, are to be played.

    Args:
        pace: for imported items, which came all at once, and for whatever is to be played naturally.
        natural: play everything so, whatever the recorded times.
    """

    def __init__(self, pace: Pace, *, natural: bool) -> None:
        self._pace, self._natural = pace, natural
        self._last_us: int | None = None
        self._shown: set[str] = set()

    def seconds_before(self, event: Event) -> float:
        """How long after the event before it this one comes; the first comes at once."""
        last_us, self._last_us = self._last_us, event.time_us
        payload = _payload(event)
        natural = self._seconds_for(payload)
        if last_us is None:
            return 0.0
        if self._natural or FIELD in _object(payload.get("item")):
            return natural
        return max(0, event.time_us - last_us) / 1_000_000  # a clock may have been set back in between

    def _seconds_for(self, payload: dict[str, Any]) -> float:
        delta = _object(payload.get("update")).get("delta")
        if isinstance(delta, str):
            return self._typing(len(delta))
        item = _object(payload.get("item"))
        item_id = str(item.get("id", payload.get("item_id")))
        shown = item_id in self._shown
        self._shown.add(item_id)
        return self._pace.pause + self._typing(0 if shown else _letters(item))

    def _typing(self, letters: int) -> float:
        return min(self._pace.longest, letters / self._pace.letters_per_second)


def _payload(event: Event) -> dict[str, Any]:
    """The payload of an item's event; nothing of any other, and of one that cannot be read."""
    if not event.type.startswith("thread.item."):
        return {}
    try:
        return _object(msgspec.json.decode(event.data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _letters(item: dict[str, Any]) -> int:
    """How much there is to type in an item that is said by somebody."""
    content = item.get("content")
    if item.get("type") not in _SPOKEN or not isinstance(content, list):
        return 0
    return sum(len(str(_object(part).get("text", ""))) for part in content)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
