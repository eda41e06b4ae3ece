"""Loading threads from the file log, cold and warm, among 200 others; and folding alone, beside reading its bytes.

Cold means that nothing of the thread is at hand: "from its events" folds them all, "from its snapshot" what came after
it. Warm means at hand, the look for what others appended included.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import perf_counter

import msgspec
from report import Contest, Row, measure

from threadlog import Principal, ThreadStore
from threadlog.log import Event, EventLog, open_log
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

ROUNDS = 9
ALICE = Principal("acme", "alice")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = CacheBounds(snapshot_events=1_000_000_000)
REGISTRY = default_registry()


async def run() -> list[Row]:
    """Measure both kinds of thread."""
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as folder:
        async with open_log(f"file:{folder}/log") as log:
            async with ThreadStore(log, registry=REGISTRY) as store:
                for _ in range(200):
                    await store.create_thread(ALICE)
                threads = {"10 000 deltas": await streamed(store), "1 000 items": await told(store)}
            contests = []
            for name, thread in threads.items():
                events = await events_of(log, thread)
                contests += [
                    Contest(f"{name}, fold alone", "folds/s", folding(events), reading(events), "decoding JSON"),
                    Contest(f"{name}, cold, from its events", "loads/s", cold(log, thread, NEVER, no_snapshot=True)),
                ]
                await saved(log, thread)
                contests += [
                    Contest(f"{name}, cold, from its snapshot", "loads/s", cold(log, thread, NEVER)),
                    Contest(f"{name}, warm", "loads/s", warm(log, thread)),
                ]
            return await measure(contests, ROUNDS)


async def streamed(store: ThreadStore) -> str:
    """A thread with one long answer."""
    thread = (await store.create_thread(ALICE)).id
    item = AssistantMessageItem(id="msg_0123456789abcdef0123", thread_id=thread, created_at=NOW, content=[])
    deltas = [
        ThreadItemUpdatedEvent(
            item_id=item.id, update=AssistantMessageContentPartTextDelta(content_index=0, delta=f" word {number}")
        )
        for number in range(10_000)
    ]
    await append(store, thread, [ThreadItemAddedEvent(item=item), *deltas])
    return thread


async def told(store: ThreadStore) -> str:
    """A thread with many messages."""
    thread = (await store.create_thread(ALICE)).id
    items = [
        UserMessageItem(
            id=f"msg_{number:020}",
            thread_id=thread,
            created_at=NOW,
            content=[UserMessageTextContent(text="what a user says " * 10)],
            inference_options=InferenceOptions(),
        )
        for number in range(1_000)
    ]
    await append(store, thread, [ThreadItemDoneEvent(item=item) for item in items])
    return thread


async def append(store: ThreadStore, thread: str, events: list[ThreadEvent]) -> None:
    """Append events in parts that the log takes."""
    for place in range(0, len(events), 500):
        await store.append(ALICE, thread, events[place : place + 500], expected=1 + place)


async def events_of(log: EventLog, thread: str) -> list[Event]:
    """All events of a thread."""
    events: list[Event] = []
    while page := (await log.read_thread(ALICE.tenant, thread, after=len(events), limit=1_000)).events:
        events += page
    return events


async def saved(log: EventLog, thread: str) -> None:
    """Make sure that there is a snapshot."""
    cache = StateCache(log, REGISTRY, bounds=CacheBounds(snapshot_events=1))
    await cache.load(ALICE.tenant, thread)
    await cache.snapshots.settle()
    await cache.close()


def folding(events: list[Event]) -> Callable[[], Awaitable[float]]:
    """Folds of all events from zero, a second."""

    async def one_round() -> float:
        began = perf_counter()
        for _ in range(5):
            ThreadState.fold(events, registry=REGISTRY)
        return 5 / (perf_counter() - began)

    return one_round


def reading(events: list[Event]) -> Callable[[], Awaitable[float]]:
    """The same bytes decoded into plain dicts, a second."""

    async def one_round() -> float:
        began = perf_counter()
        for _ in range(5):
            for event in events:
                msgspec.json.decode(event.data)
        return 5 / (perf_counter() - began)

    return one_round


def cold(
    log: EventLog, thread: str, bounds: CacheBounds, *, no_snapshot: bool = False
) -> Callable[[], Awaitable[float]]:
    """Loads into an empty cache, a second."""

    async def nothing(*_: object) -> None:
        return None

    async def one_round() -> float:
        spent = 0.0
        for _ in range(5):
            cache = StateCache(log, REGISTRY, bounds=bounds)
            if no_snapshot:
                cache.snapshots._find = nothing  # type: ignore[method-assign]
            began = perf_counter()
            await cache.load(ALICE.tenant, thread)
            spent += perf_counter() - began
            await cache.close()
        return 5 / spent

    return one_round


def warm(log: EventLog, thread: str) -> Callable[[], Awaitable[float]]:
    """Loads of a thread that is at hand, a second."""
    cache = StateCache(log, REGISTRY, bounds=NEVER)

    async def one_round() -> float:
        await cache.load(ALICE.tenant, thread)
        began = perf_counter()
        for _ in range(500):
            await cache.load(ALICE.tenant, thread)
        return 500 / (perf_counter() - began)

    return one_round
