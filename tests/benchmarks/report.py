"""What a benchmark found: numbers beside the machine's own limit, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measured thing over all rounds.

    Attributes:
        name: what was measured.
        unit: of all numbers but the ratio.
        value: the median.
        lowest: the worst round.
        highest: the best round.
        limit: what the machine allows, the median of the same rounds; None where there is no such thing.
        ratio: the median of each round's value to its own limit, measured one after the other.
        limit_is: what the limit is.
    """

    name: str
    unit: str
    value: float
    lowest: float
    highest: float
    limit: float | None = None
    ratio: float | None = None
    limit_is: str = ""


@dataclass(frozen=True)
class Contest:
    """A thing to measure and the limit to hold it against; each gives a rate when it is run for one round."""

    name: str
    unit: str
    run: Callable[[], Awaitable[float]]
    limit: Callable[[], Awaitable[float]] | None = None
    limit_is: str = ""


async def measure(contests: Sequence[Contest], rounds: int) -> list[Row]:
    """Run all contests in turn, round after round, so that what else the machine does falls on all alike."""
    values: dict[str, list[float]] = {contest.name: [] for contest in contests}
    limits: dict[str, list[float]] = {contest.name: [] for contest in contests}
    for _ in range(rounds):
        for contest in contests:
            values[contest.name].append(await contest.run())
            if contest.limit is not None:
                limits[contest.name].append(await contest.limit())
    return [_row(contest, values[contest.name], limits[contest.name]) for contest in contests]


def _row(contest: Contest, values: Sequence[float], limits: Sequence[float]) -> Row:
    row = Row(contest.name, contest.unit, median(values), min(values), max(values))
    if not limits:
        return row
    ratio = median(value / limit for value, limit in zip(values, limits, strict=True))
    return replace(row, limit=median(limits), ratio=ratio, limit_is=contest.limit_is)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    for column in ("median", "lowest", "highest", "limit", "ratio"):
        table.add_column(column, justify="right")
    table.add_column("limit is")
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:,.0f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        numbers = (f"{row.value:,.0f} {row.unit}", f"{row.lowest:,.0f}", f"{row.highest:,.0f}", limit, ratio)
        table.add_row(row.name, *numbers, row.limit_is)
    Console(width=140).print(table)


def save(path: Path, parts: dict[str, Sequence[Row]]) -> None:
    """Write all numbers as JSON, with the machine on which they were taken."""
    machine = {"python": sys.version.split()[0], "system": platform.platform(), "cpus": os.cpu_count()}
    numbers = {part: [asdict(row) for row in rows] for part, rows in parts.items()}
    path.write_text(json.dumps({"machine": machine, "parts": numbers}, indent=2) + "\n")
