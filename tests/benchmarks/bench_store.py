"""Typed appends through the thread store on the file log, beside a bare loop of write and fdatasync.

Each append is a text delta as a run writes it: a model that is dumped, judged by the access rules, and stored on the
exact seq that its writer expects, a thread for each writer.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import perf_counter

import raw
from effort import Effort
from raw import CROWD, CROWD_BATCH, LONE, LONE_BATCH, Load
from report import Contest, Found, Goal, Run, measure

from threadlog import Principal, ThreadStore, open_store
from threadlog.log import Expect
from threadlog.model import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemUpdatedEvent,
)

ALICE = Principal("acme", "alice")
MESSAGE = "msg_0123456789abcdef0123"
DELTA = ThreadItemUpdatedEvent(
    item_id=MESSAGE,
    update=AssistantMessageContentPartTextDelta(
        content_index=0, delta="some words that an agent says, about as many as make 200 bytes"
    ),
)
GOALS = {
    LONE: Goal("ratio", "≥", 0.4),
    LONE_BATCH: Goal("ratio", "≥", 0.4),
    CROWD: Goal("value", "≥", 50_000),
    CROWD_BATCH: None,
}


async def run(effort: Effort) -> Found:
    """Measure all loads on exact seqs, then the crowd that does not say which."""
    seconds = effort.of(0.25, 0.1)
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as name:
        folder = Path(name)
        async with open_store(f"file:{folder}/log") as store:
            contests = [
                Contest(
                    load.name,
                    "events/s",
                    writing(store, load, seconds),
                    raw.appending(folder, load, seconds, encode=load.writers > 1),
                    raw.ENCODED if load.writers > 1 else raw.APPENDED,
                    goal,
                )
                for load, goal in GOALS.items()
            ]
            anyhow = writing(store, CROWD, seconds, exact=False)
            contests.append(Contest(f"{CROWD.name}, whatever the seq", "events/s", anyhow))
            return await measure(contests, effort.of(11, 1))


def writing(store: ThreadStore, load: Load, seconds: float, *, exact: bool = True) -> Run:
    """Rounds of appends, in events/s."""

    async def begin() -> str:
        thread = (await store.create_thread(ALICE)).id
        item = AssistantMessageItem(
            id=MESSAGE, thread_id=thread, created_at=datetime.now(UTC), content=[AssistantMessageContent(text="")]
        )
        await store.append(ALICE, thread, [ThreadItemAddedEvent(item=item)], expected=1)
        return thread

    async def write(thread: str, until: float) -> int:
        seq = 2
        for number in count():
            if perf_counter() >= until:
                return number * load.events
            expected = seq if exact else Expect.THREAD_EXISTS
            seq = (await store.append(ALICE, thread, [DELTA] * load.events, expected=expected)).next_expected
        raise AssertionError

    async def one_round() -> float:
        threads = [await begin() for _ in range(load.writers)]
        began = perf_counter()
        written = await asyncio.gather(*(write(thread, began + seconds) for thread in threads))
        return sum(written) / (perf_counter() - began)

    return one_round
