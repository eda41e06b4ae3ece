"""What a benchmark found: numbers beside the machine's own limit, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measured thing, the median of all rounds.

    Attributes:
        name: what was measured.
        value: how much, in `unit`.
        limit: what the machine allows, in the same unit, measured in the same rounds; None where there is none.
        limit_is: what the limit is.
        spread: the lowest and the highest of the rounds.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_is: str = ""
    spread: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """Value to limit."""
        return None if self.limit is None else self.value / self.limit


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
    return [
        Row(
            contest.name,
            median(values[contest.name]),
            contest.unit,
            median(limits[contest.name]) if contest.limit is not None else None,
            contest.limit_is,
            (min(values[contest.name]), max(values[contest.name])),
        )
        for contest in contests
    ]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    for column in ("median", "lowest", "highest", "limit", "ratio"):
        table.add_column(column, justify="right")
    table.add_column("limit is")
    for row in rows:
        low, high = row.spread or (row.value, row.value)
        limit = "" if row.limit is None else f"{row.limit:,.0f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        numbers = (f"{row.value:,.0f} {row.unit}", f"{low:,.0f}", f"{high:,.0f}", limit, ratio)
        table.add_row(row.name, *numbers, row.limit_is)
    Console(width=140).print(table)


def save(path: Path, parts: dict[str, Sequence[Row]]) -> None:
    """Write all numbers as JSON, with the machine on which they were taken."""
    machine = {"python": sys.version.split()[0], "system": platform.platform(), "cpus": os.cpu_count()}
    rows = {part: [{**asdict(row), "ratio": row.ratio} for row in rows] for part, rows in parts.items()}
    path.write_text(json.dumps({"machine": machine, "parts": rows}, indent=2) + "\n")
