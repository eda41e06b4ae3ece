"""JSON that any log, any language and any browser carries; and a form in which the rest of JSON is kept as text.

What a file of runs may hold and an event may not: lone surrogates, NaN and infinities, integers beyond 64 bits, and
nesting without end.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""What `json.loads` gives."""

AS_TEXT = "$json"
"""Key of an object that stands for the value whose JSON text it holds."""

_DEEP = 32
_LONE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """The text with each lone surrogate replaced, so that UTF-8 can carry it; the length stays the same."""
    return text if text.isascii() else _LONE.sub(_REPLACEMENT, text)


def surrogates(text: str) -> list[list[int]]:
    """Place and code of each lone surrogate in a text."""
    return [[found.start(), ord(found[0])] for found in _LONE.finditer(text)]


def with_surrogates(text: str, lone: list[list[int]]) -> str:
    """Put back what `surrogates` found."""
    letters = list(text)
    for place, code in lone:
        letters[place] = chr(code)
    return "".join(letters)


def canonical(value: Json) -> str:
    """Text that is the same exactly for the same JSON: 1 is not 1.0, and the order of keys does not count."""
    return json.dumps(value, sort_keys=True)


def pack(value: Json) -> Json:
    """The value in a form that any event carries; `unpack` gives it back exactly."""
    return _packed(value, 0)


def unpack(value: Json) -> Json:
    """What was packed."""
    if isinstance(value, dict):
        if value.keys() == {AS_TEXT}:
            return json.loads(value[AS_TEXT])
        return {key: unpack(inner) for key, inner in value.items()}
    return [unpack(inner) for inner in value] if isinstance(value, list) else value


def tidy(value: Json) -> Json:
    """The value as near as plain JSON comes to it, for those who only look at it."""
    return _tidied(value, 0)


def _packed(value: Json, depth: int) -> Json:
    if not _can_stand(value, depth):
        return {AS_TEXT: json.dumps(value)}
    if isinstance(value, dict):
        return {key: _packed(inner, depth + 1) for key, inner in value.items()}
    return [_packed(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _can_stand(value: Json, depth: int) -> bool:
    """Whether a value can stand in an event as it is, apart from what is inside it."""
    if isinstance(value, str):
        return clean(value) == value
    if isinstance(value, dict):
        return depth < _DEEP and value.keys() != {AS_TEXT} and all(clean(key) == key for key in value)
    return depth < _DEEP if isinstance(value, list) else _is_plain_number(value)


def _is_plain_number(value: Json) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _tidied(value: Json, depth: int) -> Json:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict | list) and depth >= _DEEP:
        return "…"
    if isinstance(value, dict):
        return {clean(key): _tidied(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tidied(inner, depth + 1) for inner in value]
    return value if _is_plain_number(value) else str(value)
