"""One stream of 200 events/s to 100 and 500 viewers over HTTP: from stored to received, every event at every viewer.

`threadlog serve` on a file log is a process of its own, and so are the viewers: real sockets, HTTP/1.1, server-sent
events. The limit is a bare stream of the same web server, which sends the same bytes from memory. That every viewer
gets every byte in order is checked.
"""

from __future__ import annotations

import asyncio

from effort import Effort
from fanout.servers import Server, Streamed, bare, threadlog
from report import Found, Goal, Row, Sample, row

RATE = 200


async def run(effort: Effort) -> Found:
    """Measure both crowds, round after round."""
    return await asyncio.to_thread(rounds, effort)


def rounds(effort: Effort) -> list[Row]:
    """The rounds, all in one thread, whose sockets block."""
    seconds = effort.of(3.0, 0.1)
    crowds = effort.of((100, 500), (3, 5))
    found: dict[int, list[tuple[Streamed, Streamed]]] = {viewers: [] for viewers in crowds}
    with threadlog() as server, bare(1) as limit:
        for _ in range(effort.of(3, 1)):
            for viewers in crowds:
                found[viewers].append((steady(server, viewers, seconds), steady(limit, viewers, seconds)))
    return [one for viewers in crowds for one in rows(viewers, found[viewers])]


def steady(server: Server, viewers: int, seconds: float) -> Streamed:
    """One round."""
    return server.streamed(viewers, seconds, RATE)


def rows(viewers: int, found: list[tuple[Streamed, Streamed]]) -> list[Row]:
    """What one crowd got."""
    name = f"{viewers} viewers at {RATE} events/s"
    goals = {0.5: None, 0.99: Goal("value", "≤", 40) if viewers == 500 else None}
    delays = [
        row(
            f"{name}: p{quantile * 100:.0f} from stored to received",
            "ms",
            [Sample(delay(ours, quantile), delay(limit, quantile)) for ours, limit in found],
            "a bare stream",
            goal,
        )
        for quantile, goal in goals.items()
    ]
    shares = [Sample(ours.spent / ours.seconds * 100, limit.spent / limit.seconds * 100) for ours, limit in found]
    return [*delays, row(f"{name}: one core of the server", "%", shares, "a bare stream")]


def delay(streamed: Streamed, quantile: float) -> float:
    """A quantile of its delays in ms."""
    return streamed.delays[int(len(streamed.delays) * quantile)] * 1000
