"""Typed appends through the thread store on the file log, beside a bare loop of write and fdatasync.

Each append is a text delta as a run writes it: a model that is dumped, judged by the access rules, and stored on the
exact seq that its writer expects, a thread for each writer.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from time import perf_counter

from bench_append import LIMIT, SECONDS, Load, bare
from report import Contest, Row, measure

from threadlog import Principal, ThreadStore, open_store
from threadlog.log import Expect
from threadlog.model import AssistantMessageContentPartTextDelta, ThreadItemUpdatedEvent

ROUNDS = 9
ALICE = Principal("acme", "alice")
DELTA = ThreadItemUpdatedEvent(
    item_id="msg_0123456789abcdef0123",
    update=AssistantMessageContentPartTextDelta(content_index=0, delta="some words that an agent says"),
)
LOADS = (
    Load("1 writer, 1 event", 1, 1),
    Load("1 writer, 20 events", 1, 20),
    Load("200 writers, 1 event", 200, 1),
    Load("200 writers, 20 events", 200, 20),
)


async def run() -> list[Row]:
    """Measure all loads on exact seqs, then the crowd that does not say which."""
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as folder:
        async with open_store(f"file:{folder}/log") as store:
            crowd = LOADS[2]
            contests = [
                Contest(load.name, "events/s", writing(store, load), bare(Path(folder), load), LIMIT) for load in LOADS
            ]
            anyhow = Contest(f"{crowd.name}, whatever the seq", "events/s", writing(store, crowd, exact=False))
            return await measure([*contests, anyhow], ROUNDS)


def writing(store: ThreadStore, load: Load, *, exact: bool = True) -> Callable[[], Awaitable[float]]:
    """A round of appends, in events a second."""

    async def write(thread: str, until: float) -> int:
        seq = 1
        for number in count():
            if perf_counter() >= until:
                return number * load.events
            expected = seq if exact else Expect.THREAD_EXISTS
            seq = (await store.append(ALICE, thread, [DELTA] * load.events, expected=expected)).next_expected
        raise AssertionError

    async def one_round() -> float:
        threads = [(await store.create_thread(ALICE)).id for _ in range(load.writers)]
        began = perf_counter()
        written = await asyncio.gather(*(write(thread, began + SECONDS) for thread in threads))
        return sum(written) / (perf_counter() - began)

    return one_round
