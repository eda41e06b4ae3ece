"""What a benchmark found: numbers beside the machine's own limit, as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """What a number is meant to be: at least or at most so much."""

    of: Literal["value", "ratio"]
    side: Literal["≥", "≤"]
    bound: float

    def met(self, value: float, ratio: float | None) -> bool:
        """Whether what was measured is what was meant."""
        measured = value if self.of == "value" else ratio
        assert measured is not None, "a goal for the ratio needs a limit"
        return measured >= self.bound if self.side == "≥" else measured <= self.bound

    def __str__(self) -> str:
        return f"{'ratio ' if self.of == 'ratio' else ''}{self.side} {_short(self.bound)}"


@dataclass(frozen=True)
class Row:
    """One measured thing over all rounds.

    Attributes:
        name: what was measured.
        unit: of all numbers but the ratio and the share.
        value: the median.
        lowest: the lowest of all rounds.
        highest: the highest.
        limit: what the machine allows (or a peer reaches), the median of the same rounds; None where there is none.
        ratio: the median of each round's value to its own limit, measured one after the other.
        limit_is: what the limit is.
        busy: share of one core that this process used meanwhile, the median; well under 1 in something that does not
            wait means that the machine had other work, and that the value is too low by as much.
        goal: what was meant.
        met: whether that was reached; None without a goal.
    """

    name: str
    unit: str
    value: float
    lowest: float
    highest: float
    limit: float | None = None
    ratio: float | None = None
    limit_is: str = ""
    busy: float | None = None
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Skipped:
    """Something that could not be measured here.

    Attributes:
        name: what.
        why: what is missing, and how to get it.
    """

    name: str
    why: str


Found = Sequence[Row | Skipped]
"""What a part found."""

Run = Callable[[], Awaitable[float]]
"""Does one round and gives its number."""


@dataclass(frozen=True)
class Contest:
    """A thing to measure and the limit to hold it against; each gives a number when it is run for one round."""

    name: str
    unit: str
    run: Run
    limit: Run | None = None
    limit_is: str = ""
    goal: Goal | None = None


@dataclass(frozen=True)
class Sample:
    """One round of a contest."""

    value: float
    limit: float | None = None
    busy: float | None = None


async def measure(contests: Sequence[Contest], rounds: int) -> list[Row]:
    """Run all contests in turn, round after round, so that what else the machine does falls on all alike."""
    samples: dict[str, list[Sample]] = {contest.name: [] for contest in contests}
    for _ in range(rounds):
        for contest in contests:
            samples[contest.name].append(await _sample(contest))
    return [row(one.name, one.unit, samples[one.name], one.limit_is, one.goal) for one in contests]


async def _sample(contest: Contest) -> Sample:
    began, spent = perf_counter(), process_time()
    value = await contest.run()
    busy = (process_time() - spent) / (perf_counter() - began)
    return Sample(value, await contest.limit() if contest.limit else None, busy)


def row(name: str, unit: str, samples: Sequence[Sample], limit_is: str = "", goal: Goal | None = None) -> Row:
    """The row of some rounds."""
    values = [sample.value for sample in samples]
    limits = [sample.limit for sample in samples if sample.limit is not None]
    ratios = [sample.value / sample.limit for sample in samples if sample.limit]
    shares = [sample.busy for sample in samples if sample.busy is not None]
    ratio = median(ratios) if ratios else None
    return Row(
        name=name,
        unit=unit,
        value=median(values),
        lowest=min(values),
        highest=max(values),
        limit=median(limits) if limits else None,
        ratio=ratio,
        limit_is=limit_is,
        busy=median(shares) if shares else None,
        goal="" if goal is None else str(goal),
        met=None if goal is None else goal.met(median(values), ratio),
    )


def show(title: str, found: Found, seconds: float) -> None:
    """Print a table."""
    table = Table(title=f"{title} ({seconds:.0f} s)", title_justify="left")
    table.add_column("measured")
    for column in ("median", "lowest", "highest", "limit", "ratio", "busy"):
        table.add_column(column, justify="right")
    table.add_column("limit is")
    table.add_column("goal")
    for one in found:
        table.add_row(*_cells(one))
    Console(width=160).print(table)


def _cells(one: Row | Skipped) -> tuple[str, ...]:
    if isinstance(one, Skipped):
        return one.name, "skipped", "", "", "", "", "", one.why, ""
    met = {None: "", True: ", met", False: ", missed"}[one.met]
    numbers = f"{_short(one.value)} {one.unit}", _short(one.lowest), _short(one.highest), _short(one.limit)
    shares = "" if one.ratio is None else f"{one.ratio:.2f}", "" if one.busy is None else f"{one.busy:.2f}"
    return one.name, *numbers, *shares, one.limit_is, f"{one.goal}{met}"


def _short(number: float | None) -> str:
    """Three digits that say something."""
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def save(path: Path, parts: Mapping[str, Found], load: tuple[float, float, float], *, loop: str, quick: bool) -> None:
    """Write all numbers as JSON, with the machine on which they were taken and what else it had to do."""
    machine = {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "loop": loop,
        "load_before": [round(number, 2) for number in load],
        "load_after": [round(number, 2) for number in os.getloadavg()],
    }
    numbers = {part: [asdict(one) for one in found] for part, found in parts.items()}
    path.write_text(json.dumps({"quick": quick, "machine": machine, "parts": numbers}, indent=2) + "\n")
