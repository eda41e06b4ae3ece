"""The committer under real concurrency, checked from what each caller was told and what the log holds."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates import GatedLog, one
from threadlog.log import (
    Append,
    Appended,
    Committer,
    CommitterBounds,
    Duplicate,
    Event,
    EventLog,
    Limits,
    LogBusy,
    Outcome,
    OutcomeUnknown,
)

pytestmark = pytest.mark.anyio

BOUNDS = CommitterBounds(queue_events=25, queue_bytes=400, wait_seconds=30)
LIMITS = Limits(batch_events=7, batch_bytes=100)


class Unreliable(GatedLog):
    """A log that takes a random number of turns for each call, and at times loses the question or the answer."""

    def __init__(self, random_numbers: random.Random, *, lossy: bool) -> None:
        super().__init__(shards=3, limits=LIMITS)
        self._random, self._lossy = random_numbers, lossy

    async def _at(self, point: str) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)
        if self._lossy and point in ("append", "appended") and self._random.random() < 0.1:
            raise ConnectionError("lost")


async def all_events(log: EventLog) -> list[Event]:
    """Everything in the log, shard by shard in position order."""
    pages = [await log.read_shard(shard, limit=1_000_000) for shard in range(log.info.shards)]
    return [event for page in pages for event in page.events]


async def insist(committer: Committer, append: Append) -> Outcome:
    """Append, and ask again while the outcome is unknown."""
    while True:
        try:
            return await committer.append(append)
        except (OutcomeUnknown, LogBusy):
            continue


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), lossy=st.booleans())
async def test_every_append_is_stored_once_and_its_caller_knows(seed: int, lossy: bool) -> None:
    """Many callers of many threads over an unreliable log, some cancelled: nothing lost, doubled, split, unordered."""
    chance = random.Random(seed)
    announced: list[Event] = []
    told: dict[str, Outcome] = {}

    async def write(committer: Committer, writer: int) -> None:
        for number in range(12):
            append = one(
                f"{writer}.{number}",
                tenant=f"tenant {writer % 4}",
                thread=f"thr_{writer % 7}",
                events=chance.randrange(1, 5),
                data=b'"' + b"x" * chance.randrange(40) + b'"',
            )
            told[append.append_id] = await insist(committer, append)

    async with Unreliable(chance, lossy=lossy) as log, Committer(log, bounds=BOUNDS, on_commit=announced.extend) as c:
        writers = [asyncio.create_task(write(c, writer)) for writer in range(20)]
        for victim in chance.sample(writers, 5):
            for _ in range(chance.randrange(30)):
                await asyncio.sleep(0)
            victim.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        await c.drain()
        events = await all_events(log)

    in_log = Counter((event.tenant, event.thread_id, event.append_id) for event in events)
    for append_id, outcome in told.items():
        assert isinstance(outcome, Duplicate if lossy and isinstance(outcome, Duplicate) else Appended)
        stored = [event for event in events if event.append_id == append_id]
        assert tuple(stored) == outcome.events
        assert [event.seq for event in stored] == list(range(stored[0].seq, stored[0].seq + len(stored)))
    for writer in range(20):
        numbers = [int(event.append_id.split(".")[1]) for event in events if event.append_id.startswith(f"{writer}.")]
        assert numbers == sorted(numbers)
    assert sum(in_log.values()) == len(events) == len({event.id for event in events})
    by_shard = sorted(announced, key=lambda event: event.shard)
    assert [event.id for event in by_shard] == [event.id for event in events if event in announced]
    if not lossy:
        assert by_shard == events
