"""Comparing runs: whether one is the beginning of the other."""

from __future__ import annotations

from collections.abc import Sequence

from threadlog.exchange.calls import calls_of, without_calls
from threadlog.exchange.plain import Json, canonical


def first_difference(stored: Sequence[Json], given: Sequence[Json]) -> int | None:
    """The first message in which two runs differ; None where one is the beginning of the other.

    A last stored message may still miss some of its tool calls.
    """
    for index, (old, new) in enumerate(zip(stored, given, strict=False)):
        if canonical(old) != canonical(new) and not (index == len(stored) - 1 and _begins(old, new)):
            return index
    return None


def differing_keys(first: dict[str, Json], second: dict[str, Json]) -> list[str]:
    """The keys under which two objects hold different JSON, or only one holds any."""
    return sorted(
        key
        for key in first.keys() | second.keys()
        if (key in first) != (key in second) or canonical(first[key]) != canonical(second[key])
    )


def is_longer(given: Sequence[Json], stored: Sequence[Json]) -> bool:
    """Whether a run goes on where the stored one ends."""
    if len(given) != len(stored):
        return len(given) > len(stored)
    return bool(given) and canonical(given[-1]) != canonical(stored[-1])


def _begins(old: Json, new: Json) -> bool:
    """Whether a message is another one without the last of its tool calls."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return False
    first, second = calls_of(old), calls_of(new)
    same = canonical(without_calls(old)) == canonical(without_calls(new))
    return same and len(first) < len(second) and canonical(first) == canonical(second[: len(first)])
