"""The test of power cuts itself, for any backend: lives that end everywhere, and what the next life finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeAlias

from file.power import workloads
from file.power.disk import Disk
from file.power.lives import PATH, Backend, Life, Work, first_life, live, next_life
from file.power.states import Fingerprint, every_state, fingerprint, states

Cuts: TypeAlias = Callable[[Disk], Iterator[Disk]]
"""Some legal states of a disk after a power cut."""


async def cut_everywhere(backend: Backend, life: Life, cuts: Cuts) -> int:
    """Cut the power after each operation of a life; returns how many different states the next life has found.

    Raises:
        Broken: the log broke its promise.
    """
    seen: set[tuple[Fingerprint, int]] = set()
    for number, disk, known in life.moments():
        for state in cuts(disk):
            found = (fingerprint(state), id(known))
            if found not in seen:
                seen.add(found)
                told = life.told(number, "cut", disk, state)
                await live(backend, workloads.one, state, known, *life.ancestry, told)
    return len(seen)


async def kill_then_cut_everywhere(backend: Backend, work: Work, cuts: Cuts) -> int:
    """Kill the process after each operation of a life, then cut the power after each operation of the next one."""
    life, count = await first_life(backend, work), 0
    for number, disk, known in life.moments():
        told = life.told(number, "killed")
        second = await live(backend, workloads.one, disk, known, told)
        count += await cut_everywhere(backend, second, cuts)
    return count


async def cut_again_and_again(backend: Backend, works: tuple[Work, ...], lives: int, rng: random.Random) -> None:
    """A log that ends anywhere, by a cut or a kill, several times over, whatever is done with it."""
    life = await first_life(backend, rng.choice(works))
    for _ in range(lives):
        life = await next_life(backend, rng.choice((*works, workloads.nothing, workloads.one)), life, rng)


def all_cuts(disk: Disk) -> Iterator[Disk]:
    """Every state, save for what the file LOCK says, which no program relies on."""
    settled = disk.copy()
    for cell in settled.undecided():
        if settled.path_of(cell.node) == f"{PATH}/LOCK":
            settled.flush(cell.node)
    return every_state(settled)


def some_cuts(most: int, rng: random.Random) -> Cuts:
    """At most so many states of each moment."""
    return lambda disk: states(disk, most, rng)
