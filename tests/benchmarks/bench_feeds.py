"""One thread fanned out to many subscribers in the process that commits, on the memory log.

Every subscriber joins the encoded events of each batch it gets, made once for all, as a server does before it writes.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Self

from effort import Effort
from raw import DATA
from report import Contest, Found, Run, measure

from threadlog.log import Append, Batch, Committer, Expect, Feeds, MemoryLog, NewEvent

CROWDS = (1, 100, 500)


async def run(effort: Effort) -> Found:
    """Measure deliveries at saturation, and delays at a steady rate."""
    seconds = effort.of(0.8, 0.05)
    return await measure(
        [
            *(Contest(f"{n} viewers, 20 events an append", "deliveries/s", saturating(n, seconds)) for n in CROWDS),
            *(Contest(f"{n} viewers at 200 events/s, p50", "µs", steady(n, seconds, 0.50)) for n in CROWDS),
            *(Contest(f"{n} viewers at 200 events/s, p99", "µs", steady(n, seconds, 0.99)) for n in CROWDS),
        ],
        effort.of(5, 1),
    )


def saturating(subscribers: int, seconds: float) -> Run:
    """A round of one writer that never rests, in events given to subscribers a second."""

    async def one_round() -> float:
        async with Scene(subscribers) as scene:
            began = perf_counter()
            while perf_counter() < began + seconds:
                await scene.append(20)
            await scene.settle()
            return scene.delivered / (perf_counter() - began)

    return one_round


def steady(subscribers: int, seconds: float, quantile: float) -> Run:
    """A round of one event every 5 ms, in microseconds from the append to the subscriber."""

    async def one_round() -> float:
        async with Scene(subscribers) as scene:
            for _ in range(int(seconds * 200)):
                await scene.append(1)
                await asyncio.sleep(0.005)
            await scene.settle()
            return sorted(scene.delays)[int(len(scene.delays) * quantile)] * 1e6

    return one_round


class Scene:
    """A thread, its writer and its subscribers."""

    def __init__(self, subscribers: int) -> None:
        self.delays: list[float] = []
        self._seen = [0] * subscribers
        self._appended = [0.0]  # when each seq was given to the committer
        self._stack = AsyncExitStack()

    @property
    def delivered(self) -> int:
        """Events given to all subscribers."""
        return sum(self._seen)

    async def __aenter__(self) -> Self:
        log = await self._stack.enter_async_context(MemoryLog())
        self._feeds = await self._stack.enter_async_context(Feeds(log))
        self._committer = await self._stack.enter_async_context(Committer(log, on_commit=self._feeds.publish))
        self._tasks = [asyncio.create_task(self._subscribe(number)) for number in range(len(self._seen))]
        await self.append(1)
        await self.settle()
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._stack.aclose()
        await asyncio.gather(*self._tasks)

    async def append(self, events: int) -> None:
        """Append so many events at once."""
        append = Append(
            tenant="acme",
            thread_id="thr_1",
            append_id=f"{len(self._appended)}",
            expected=Expect.ANY,
            events=tuple(NewEvent("thread.item.updated", DATA) for _ in range(events)),
        )
        self._appended += [perf_counter()] * events
        await self._committer.append(append)

    async def settle(self) -> None:
        """Wait until every subscriber has everything."""
        while min(self._seen) < len(self._appended) - 1:  # noqa: ASYNC110 (an event here would be measured too)
            await asyncio.sleep(0.001)

    async def _subscribe(self, number: int) -> None:
        async for batch in self._feeds.thread("acme", "thr_1"):
            encoded(batch)
            self._seen[number] += len(batch.events)
            now = perf_counter()
            self.delays += [now - self._appended[event.seq] for event in batch.events]


def encoded(batch: Batch) -> bytes:
    """All of a batch as a server writes it, joined once for everybody."""
    lines = batch.memo.get("lines")
    if lines is None:
        lines = batch.memo["lines"] = b"\n\n".join(event.data for event in batch.events)
    return lines
