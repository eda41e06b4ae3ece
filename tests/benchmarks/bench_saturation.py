"""One stream to 500 viewers over HTTP as fast as it goes: events delivered a second, all viewers together.

`threadlog serve` on a file log, whose agent never rests, beside a bare stream of the same web server that sends the
same bytes from memory in pieces as large as the server's. That every viewer gets every byte is checked, and for one of
them that it is every event in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from effort import Effort
from fanout.servers import Streamed, bare, threadlog
from report import Found, Goal, Row, Sample, row

from threadlog_server.events import CHUNK_BYTES

EVENT_BYTES = 430
"""About what an event of this stream takes."""


async def run(effort: Effort) -> Found:
    """Measure, round after round."""
    return await asyncio.to_thread(rounds, effort)


def rounds(effort: Effort) -> list[Row]:
    """The rounds, all in one thread, whose sockets block."""
    viewers, seconds = effort.of(500, 5), effort.of(2.0, 0.05)
    found = []
    with threadlog() as server, bare(CHUNK_BYTES // EVENT_BYTES) as limit:
        for _ in range(effort.of(5, 1)):
            ours = server.streamed(viewers, seconds, 0, at_once=True)
            found.append((ours, limit.streamed(viewers, seconds, 0, at_once=True)))
    return rows(viewers, found)


def rows(viewers: int, found: list[tuple[Streamed, Streamed]]) -> list[Row]:
    """What the rounds show."""

    def of(name: str, unit: str, number: Callable[[Streamed], float], goal: Goal | None = None) -> Row:
        samples = [Sample(number(ours), number(limit)) for ours, limit in found]
        return row(f"{viewers} viewers: {name}", unit, samples, "a bare stream", goal)

    return [
        of("deliveries", "a second", lambda one: viewers * one.events / one.seconds, Goal("value", "≥", 1_000_000)),
        of("bytes", "MB/s", lambda one: viewers * one.size / one.seconds / 1e6),
        of("deliveries for each CPU second of the server", "", lambda one: viewers * one.events / one.spent),
        of("one core of the server", "%", lambda one: one.spent / one.seconds * 100),
        of("one core of the viewers", "%", lambda one: one.receiving / one.seconds * 100),
        of("bytes of one piece as received", "", lambda one: one.size / one.pieces),
    ]
