"""What a power cut may leave on a disk: every state of it where there are few, else some of each kind."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from file.power.disk import SIZE, Cell, Disk, Settle

Fingerprint: TypeAlias = int


def options(cell: Cell) -> list[Any]:
    """What of a cell may be on the disk: any of its history and, for a page, a few tears between two of these."""
    found = list(dict.fromkeys(cell.history))
    if isinstance(cell.key, int) and cell.key != SIZE:
        for old, new in itertools.pairwise(cell.history):
            found += (torn(old, new, at) for at in tears(old, new))
    return found


def tears(old: bytes, new: bytes) -> list[int]:
    """Bytes of a page at which to tear a change of it: just inside either end, in the middle, and between sectors."""
    changed = [at for at in range(len(new)) if old[at] != new[at]]
    first, last = changed[0], changed[-1]
    sectors = [at for at in range(512, len(new), 512) if first < at <= last]
    return sorted({first + 1, (first + last) // 2 + 1, last, *sectors[:1], *sectors[-1:]} - {first, last + 1})


def torn(old: bytes, new: bytes, at: int) -> bytes:
    """The beginning of the new bytes, the end of the old ones."""
    return new[:at] + old[at:]


def every_state(disk: Disk) -> Iterator[Disk]:
    """Every state in turn (with `options` for what is torn)."""
    cells = disk.undecided()
    for values in itertools.product(*map(options, cells)):
        chosen = {(cell.node, cell.key): value for cell, value in zip(cells, values, strict=True)}
        yield disk.after_cut(lambda cell, chosen=chosen: chosen[cell.node, cell.key])  # type: ignore[misc]


def states(disk: Disk, most: int, rng: random.Random) -> Iterator[Disk]:
    """Every state where there are at most `most`, else that many: the extremes, the nearly extreme, and any."""
    cells = disk.undecided()
    if math.prod(len(options(cell)) for cell in cells) <= most:
        yield from every_state(disk)
        return
    for number, settle in zip(range(most), _settlings(cells, rng), strict=False):
        assert number < most
        yield disk.after_cut(settle)


def any_state(disk: Disk, rng: random.Random) -> Disk:
    """One of them."""
    cells = disk.undecided()
    kinds = list(_extremes(cells)) if rng.random() < 0.3 else [_mixture(rng)]
    return disk.after_cut(rng.choice(kinds))


def fingerprint(disk: Disk) -> Fingerprint:
    """Equal for disks that hold the same."""
    return hash(tuple(sorted(disk.tree().items(), key=lambda entry: entry[0])))


def _settlings(cells: Sequence[Cell], rng: random.Random) -> Iterator[Settle]:
    yield from _extremes(cells)
    while True:
        yield _mixture(rng)


def _extremes(cells: Sequence[Cell]) -> Iterator[Settle]:
    """Nothing that was not flushed is on the disk; everything; nothing but one change; everything but one."""
    yield lambda cell: cell.history[0]
    yield lambda cell: cell.history[-1]
    for one in cells:
        yield lambda cell, one=one: cell.history[-1 if _same(cell, one) else 0]  # type: ignore[misc]
        yield lambda cell, one=one: cell.history[0 if _same(cell, one) else -1]  # type: ignore[misc]


def _same(cell: Cell, other: Cell) -> bool:
    return (cell.node, cell.key) == (other.node, other.key)


def _mixture(rng: random.Random) -> Settle:
    """Any state; how likely each change has reached the disk differs between states."""
    likely = rng.choice((0.1, 0.5, 0.9))

    def settle(cell: Cell) -> Any:
        history = cell.history
        if rng.random() < 0.2:
            return rng.choice(history)
        if isinstance(cell.key, int) and cell.key != SIZE and rng.random() < 0.3:
            at = rng.randrange(len(history) - 1)
            return torn(history[at], history[at + 1], _tear(history[at], history[at + 1], rng))
        return history[-1] if rng.random() < likely else history[0]

    return settle


def _tear(old: bytes, new: bytes, rng: random.Random) -> int:
    """A byte of the change at which to tear it."""
    return rng.choice(tears(old, new) or [0]) if rng.random() < 0.5 else rng.randint(*_span(old, new))


def _span(old: bytes, new: bytes) -> tuple[int, int]:
    changed = [at for at in range(len(new)) if old[at] != new[at]]
    return changed[0], changed[-1]
