"""A power cut loses nothing that was acknowledged, whatever of the rest has reached the disk."""

from __future__ import annotations

import os
import random
import time

import pytest

from file.power import workloads
from file.power.campaign import Cuts, all_cuts, cut_again_and_again, cut_everywhere, kill_then_cut_everywhere, some_cuts
from file.power.journal import Broken
from file.power.lives import Backend, Work, first_life
from file.power.wrong import WRONG, Wrong
from threadlog_file import FileOptions

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(3600)]

EFFORT = int(os.environ.get("THREADLOG_POWER_CUTS", "1"))
"""How many times as many states are sampled."""

INLINE = FileOptions(sync="inline", segment_bytes=4096, prefill_bytes=0, reserve_bytes=0)
FILLING = FileOptions(sync="inline", segment_bytes=4096, prefill_bytes=2048, reserve_bytes=0)
THREAD = FileOptions(sync="thread", segment_bytes=4096, prefill_bytes=2048, reserve_bytes=0)
ROOMY = FileOptions(sync="inline", segment_bytes=1 << 20, prefill_bytes=10_000, reserve_bytes=0)

HOWS = {"inline": INLINE, "filling": FILLING, "thread": THREAD, "roomy": ROOMY}


@pytest.fixture
def rng() -> random.Random:
    """Chance, whose seed is printed and can be given again."""
    seed = int(os.environ.get("THREADLOG_SEED", time.time_ns() % 1_000_000_007))
    print(f"THREADLOG_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize("how", ["inline", "filling"])
@pytest.mark.parametrize("work", [workloads.one, workloads.few], ids=lambda work: work.__name__)
async def test_every_state_after_a_cut_anywhere(how: str, work: Work) -> None:
    """All that may be on the disk after a cut at any operation of a small workload."""
    backend = Backend(HOWS[how])
    count = await cut_everywhere(backend, await first_life(backend, work), all_cuts)
    print(f"{count} states")
    assert count > 40


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("work", workloads.ALL, ids=lambda work: work.__name__)
async def test_a_cut_anywhere(how: str, work: Work, rng: random.Random) -> None:
    """Some states of each moment of each workload, and all where they are few."""
    backend = Backend(HOWS[how], shards=3 if work is workloads.tenants else 1)
    count = await cut_everywhere(backend, await first_life(backend, work), some_cuts(3 * EFFORT, rng))
    print(f"{count} states")


@pytest.mark.parametrize("work", [workloads.one, workloads.few], ids=lambda work: work.__name__)
async def test_a_cut_anywhere_after_a_kill_anywhere(work: Work, rng: random.Random) -> None:
    """What a killed process left in memory only is not taken for stored by the next one."""
    count = await kill_then_cut_everywhere(Backend(INLINE), work, some_cuts(2 * EFFORT, rng))
    print(f"{count} states")
    assert count > 200


@pytest.mark.parametrize("how", HOWS)
async def test_cuts_and_kills_again_and_again(how: str, rng: random.Random) -> None:
    """Also during recovery, and during the recovery of what a cut recovery left."""
    for _ in range(25 * EFFORT):
        await cut_again_and_again(Backend(HOWS[how]), workloads.ALL, 5, rng)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_copy_is_found(wrong: Wrong, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tests fail on a backend that leaves out a flush, or moves it."""
    wrong.install(monkeypatch)
    backend = Backend(INLINE, files=wrong.files)
    with pytest.raises(Broken) as caught:
        await cuts_and_kills(backend, some_cuts(20, rng))
    print(caught.value)


async def test_the_right_copy_is_not(rng: random.Random) -> None:
    """It is what was left out that they fail for."""
    await cuts_and_kills(Backend(INLINE), some_cuts(20, rng))


async def cuts_and_kills(backend: Backend, cuts: Cuts) -> None:
    """Cut the power anywhere, at once and after a kill."""
    await cut_everywhere(backend, await first_life(backend, workloads.few), cuts)
    await kill_then_cut_everywhere(backend, workloads.one, cuts)
