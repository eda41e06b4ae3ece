"""A run: one line of a file, an object with an id, messages, and whatever else its writer knew of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from threadlog.exchange.plain import Json, canonical
from threadlog.model import ThreadlogError, derived_id

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longest line that is read."""
_MAX_DEPTH = 400


class InvalidRun(ThreadlogError, ValueError):
    """A line is no run; the message says what is wrong with it."""


class Run(Struct, frozen=True):
    """A run as it was read."""

    fields: dict[str, Json]
    """All of the line but its messages."""
    messages: list[Json]
    remark: str | None = None
    """What a reader should know of how the line was read."""

    @property
    def key(self) -> str:
        """What tells the run from others: its id, or its whole content where it has none."""
        found = self.fields.get("id")
        return canonical([self.fields, self.messages] if found is None else found)

    @property
    def name(self) -> str:
        """What people call the run."""
        found = self.fields.get("id")
        if found is None:
            return derived_id("run", self.key)
        return found if isinstance(found, str) else str(found)


def read_run(line: bytes | str | Mapping[str, Any]) -> Run:
    """Read a run.

    Args:
        line: the line of a file, or the object that it holds.

    Raises:
        InvalidRun: it is no JSON, or no object with a list of `messages`; or its id is no text or number.
    """
    repeated: list[str] = []
    value = dict(line) if isinstance(line, Mapping) else _parsed(line, repeated)
    if not isinstance(value, dict):
        raise InvalidRun(f"a run is a JSON object with `messages`, and this is {_kind(value)}.")
    messages = value.pop("messages", None)
    if not isinstance(messages, list):
        raise InvalidRun(f"`messages` must be a list of chat messages, and is {_kind(messages)}.")
    if isinstance(value.get("id"), bool | float | list | dict):
        raise InvalidRun(f"`id` must be a text or a whole number, and is {_kind(value['id'])}.")
    _check_depth(messages)
    _check_depth(list(value.values()))
    remark = f"{repeated[0]!r} stands twice in one object; the last one counts." if repeated else None
    return Run(value, messages, remark)


def _parsed(line: bytes | str, repeated: list[str]) -> Json:
    if len(line) > MAX_LINE_BYTES:
        raise InvalidRun(f"the line has {len(line)} bytes, and {MAX_LINE_BYTES} is the most: split the run.")
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
        return json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, repeated))
    except UnicodeDecodeError as error:
        raise InvalidRun(f"the line is not UTF-8 (byte {error.start}).") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRun(f"the line is not JSON: {error}.") from None


def _object(pairs: list[tuple[str, Json]], repeated: list[str]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return value


def _check_depth(values: list[Json]) -> None:
    level = values
    for _ in range(_MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise InvalidRun(f"the run is nested deeper than {_MAX_DEPTH} levels; flatten it.")


def _inside(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _kind(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "missing or null"}
    return names.get(type(value), "a number")
