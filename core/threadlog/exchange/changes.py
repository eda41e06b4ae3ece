"""Changes: what it takes to turn one JSON value into another, as small as is simple.

A change is itself plain JSON, an object with one of these keys, or two of the third line:

- ``is``: the other value (packed, see `threadlog.exchange.plain`)
- ``surrogates``: the same text with lone surrogates at these places
- ``set``, ``without``, ``inside``: the same object with keys set, taken out, or changed inside
- ``list``: a list of elements of the first one (their number), changed elements (``{"at": n, "change": …}``) and new
  ones (``{"is": …}``)
"""

from __future__ import annotations

from typing import Any

from threadlog.exchange.plain import Json, canonical, clean, pack, surrogates, unpack, with_surrogates


def change_between(first: Json, second: Json) -> dict[str, Any] | None:
    """The change that turns `first` into `second`; None where they are the same JSON."""
    if canonical(first) == canonical(second):
        return None
    change = _inner_change(first, second)
    return change if change is not None else {"is": pack(second)}


def changed(first: Json, change: dict[str, Any] | None) -> Json:
    """Apply a change.

    Raises:
        LookupError, TypeError, ValueError: the change is not made for this value.
    """
    if change is None:
        return first
    if "is" in change:
        return unpack(change["is"])
    if "surrogates" in change:
        return with_surrogates(first, change["surrogates"])
    if "list" in change:
        return [_element(first, entry) for entry in change["list"]]
    kept = {key: value for key, value in first.items() if key not in change.get("without", ())}
    inside = {key: changed(first[key], inner) for key, inner in change.get("inside", {}).items()}
    return kept | inside | {key: unpack(value) for key, value in change.get("set", {}).items()}


def _inner_change(first: Json, second: Json) -> dict[str, Any] | None:
    if isinstance(first, str) and isinstance(second, str):
        return {"surrogates": surrogates(second)} if clean(second) == first else None
    if isinstance(first, dict) and isinstance(second, dict):
        return _object_change(first, second)
    if isinstance(first, list) and isinstance(second, list):
        return {"list": _list_change(first, second)}
    return None


def _object_change(first: dict[str, Json], second: dict[str, Json]) -> dict[str, Any] | None:
    if any(clean(key) != key for key in second):
        return None
    change: dict[str, Any] = {
        "without": [key for key in first if key not in second],
        "set": {key: pack(value) for key, value in second.items() if key not in first},
        "inside": {},
    }
    for key in first.keys() & second.keys():
        inner = change_between(first[key], second[key])
        if inner is not None and "is" in inner:
            change["set"][key] = inner["is"]
        elif inner is not None:
            change["inside"][key] = inner
    return {name: found for name, found in change.items() if found}


def _list_change(first: list[Json], second: list[Json]) -> list[Any]:
    """Elements are taken from `first` in order, each by the next element of `second` that looks like it."""
    entries: list[Any] = []
    at = 0
    for value in second:
        if at < len(first) and _alike(first[at], value):
            inner = change_between(first[at], value)
            entries.append(at if inner is None else {"at": at, "change": inner})
            at += 1
        else:
            entries.append({"is": pack(value)})
    return entries


def _alike(first: Json, second: Json) -> bool:
    if isinstance(first, dict) and isinstance(second, dict):
        return bool(first.get("type") == second.get("type"))
    return canonical(first) == canonical(second)


def _element(first: list[Json], entry: Any) -> Json:
    if isinstance(entry, int):
        return first[entry]
    return unpack(entry["is"]) if "is" in entry else changed(first[entry["at"]], entry["change"])
