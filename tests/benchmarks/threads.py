"""Threads to load: one long answer, and one long conversation, whose events lie scattered among those of others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

import msgspec
from report import Run

from threadlog import Principal, ThreadStore
from threadlog.log import Event, EventLog, Expect
from threadlog.model import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    InferenceOptions,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    UserMessageItem,
    UserMessageTextContent,
    default_registry,
)
from threadlog.projection import CacheBounds, StateCache, ThreadState
from threadlog.store import StoreBounds

ALICE = Principal("acme", "alice")
REGISTRY = default_registry()
NO_SNAPSHOTS = StoreBounds(cache=CacheBounds(snapshot_events=1_000_000_000))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHERS = 200
STEPS = 500
"""Between so many steps of its own a thread's events lie apart, each with an event of each other thread between."""


@dataclass
class Grown:
    """A thread that grows with others."""

    id: str
    todo: Sequence[ThreadEvent]
    at: int = field(default=0)


def streamed(thread: str, deltas: int) -> list[ThreadEvent]:
    """One message that came word by word."""
    item = AssistantMessageItem(id="msg_0123456789abcdef0123", thread_id=thread, created_at=NOW, content=[])
    return [
        ThreadItemAddedEvent(item=item),
        *(
            ThreadItemUpdatedEvent(
                item_id=item.id, update=AssistantMessageContentPartTextDelta(content_index=0, delta=f" word {number}")
            )
            for number in range(deltas)
        ),
    ]


def told(thread: str, items: int) -> list[ThreadEvent]:
    """Many messages."""
    return [
        ThreadItemDoneEvent(
            item=UserMessageItem(
                id=f"msg_{number:020}",
                thread_id=thread,
                created_at=NOW,
                content=[UserMessageTextContent(text="what a user says " * 10)],
                inference_options=InferenceOptions(),
            )
        )
        for number in range(items)
    ]


async def grow(log: EventLog, sizes: Sequence[tuple[str, int]], steps: int = STEPS) -> list[str]:
    """Make threads, of deltas or of items, whose events lie among those of `OTHERS`; gives their ids."""
    made = {"deltas": streamed, "items": told}
    async with ThreadStore(log, registry=REGISTRY, bounds=NO_SNAPSHOTS) as store:
        grown = []
        for what, size in sizes:
            new = (await store.create_thread(ALICE)).id
            grown.append(Grown(new, made[what](new, size)))
        others = [(await store.create_thread(ALICE)).id for _ in range(OTHERS)]
        word = streamed(others[0], 1)[1]
        for _ in range(steps):
            among = (store.append(ALICE, other, [word], expected=Expect.ANY) for other in others)
            await asyncio.gather(*(_step(store, thread, steps) for thread in grown), *among)
        assert all(thread.at == len(thread.todo) for thread in grown)
    return [thread.id for thread in grown]


async def _step(store: ThreadStore, thread: Grown, steps: int) -> None:
    size = -(-len(thread.todo) // steps)
    events = thread.todo[thread.at : thread.at + size]
    if events:
        await store.append(ALICE, thread.id, events, expected=1 + thread.at)
        thread.at += len(events)


async def events_of(log: EventLog, thread: str) -> list[Event]:
    """All events of a thread."""
    events: list[Event] = []
    while page := (await log.read_thread(ALICE.tenant, thread, after=len(events), limit=1_000)).events:
        events += page
    return events


async def save_snapshot(log: EventLog, thread: str) -> None:
    """Make sure that there is a snapshot."""
    cache = StateCache(log, REGISTRY, bounds=CacheBounds(snapshot_events=1))
    await cache.load(ALICE.tenant, thread)
    await cache.snapshots.settle()
    await cache.close()


def cold(log: EventLog, thread: str, times: int) -> Run:
    """Rounds of loads through stores that know nothing yet, in ms."""

    async def one_round() -> float:
        spent = 0.0
        for _ in range(times):
            async with ThreadStore(log, registry=REGISTRY, bounds=NO_SNAPSHOTS) as store:
                began = perf_counter()
                await store.state(ALICE, thread)
                spent += perf_counter() - began
        return spent / times * 1000

    return one_round


def warm(log: EventLog, thread: str, times: int) -> Run:
    """Rounds of loads of a thread that is at hand, the look for what others appended included, in ms."""

    async def one_round() -> float:
        async with ThreadStore(log, registry=REGISTRY, bounds=NO_SNAPSHOTS) as store:
            await store.state(ALICE, thread)
            began = perf_counter()
            for _ in range(times):
                await store.state(ALICE, thread)
            return (perf_counter() - began) / times * 1000

    return one_round


def folding(events: Sequence[Event], times: int) -> Run:
    """Rounds of folds of events that are at hand, from zero, in ms."""

    async def one_round() -> float:
        began = perf_counter()
        for _ in range(times):
            ThreadState.fold(events, registry=REGISTRY)
        return (perf_counter() - began) / times * 1000

    return one_round


def decoding(events: Sequence[Event], times: int) -> Run:
    """Rounds of decoding the same payloads into plain dicts and nothing else, in ms."""

    async def one_round() -> float:
        began = perf_counter()
        for _ in range(times):
            for event in events:
                msgspec.json.decode(event.data)
        return (perf_counter() - began) / times * 1000

    return one_round
