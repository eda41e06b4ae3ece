"""Replay: a stored thread's events again, at the moments at which they happened or at a pace to read along."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable

from threadlog.exchange.pace import Pace, Score
from threadlog.log import Event


async def replay(
    events: Iterable[Event] | AsyncIterable[Event],
    *,
    speed: float = 1.0,
    natural: bool = False,
    max_pause: float | None = None,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[tuple[float, Event], None]:
    """Play events as if they were live: each with the seconds to wait before showing it.

    Every event comes exactly once and as it is stored. The waits add up to the thread's own timing whatever showing
    an event costs; who falls behind is given the rest without waits until they have caught up.

    Args:
        events: of one thread, in order.
        speed: how many times faster than it happened.
        natural: play at `pace`, whatever the times say. Imported items are always played so: they came all at once.
        max_pause: no wait is longer than this many seconds of playing; None for no such limit.
        pace: what natural means.
        clock: gives the seconds of a clock that never jumps.

    Raises:
        ValueError: the speed is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"speed is {speed}; it must be above 0, where 2 is twice as fast.")
    score = Score(pace or Pace(), natural=natural)
    due = clock()
    async for event in _each(events):
        gap = score.seconds_before(event) / speed
        due += gap if max_pause is None else min(gap, max_pause)
        yield max(0.0, due - clock()), event


async def _each(events: Iterable[Event] | AsyncIterable[Event]) -> AsyncGenerator[Event, None]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event
