"""Loading threads from the file log through the store, cold and warm, their events scattered among 200 others'.

Cold means that nothing of the thread is at hand: "from its events" folds them all, "from its snapshot" what came after
it. Warm means at hand, the look for what others appended included.
"""

from __future__ import annotations

import tempfile

from effort import Effort
from report import Contest, Found, Goal, measure
from threads import cold, decoding, events_of, folding, grow, save_snapshot, warm

from threadlog.log import EventLog, open_log

LIMIT = "decoding its JSON"


async def run(effort: Effort) -> Found:
    """Measure both kinds of thread, each with and without a snapshot."""
    deltas, items = effort.of(10_000, 100), effort.of(1_000, 10)
    sizes = [("deltas", deltas), ("items", items)] * 2
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as folder:
        async with open_log(f"file:{folder}/log") as log:
            bare_deltas, bare_items, deltas_with, items_with = await grow(log, sizes, effort.of(500, 5))
            await save_snapshot(log, deltas_with)
            await save_snapshot(log, items_with)
            contests = [
                *await of_thread(log, f"{deltas:,} deltas", bare_deltas, deltas_with, effort),
                *await of_thread(log, f"{items:,} items", bare_items, items_with, effort),
            ]
            return await measure(contests, effort.of(9, 1))


async def of_thread(log: EventLog, name: str, bare: str, with_snapshot: str, effort: Effort) -> list[Contest]:
    """What is measured of one thread, which is there twice: without a snapshot and with one."""
    events = await events_of(log, bare)
    times = effort.of(5, 1)
    limit = decoding(events, times)
    within = Goal("value", "≤", 20)
    return [
        Contest(f"{name}, fold alone", "ms", folding(events, times), limit, LIMIT),
        Contest(f"{name}, cold, from its events", "ms", cold(log, bare, times), limit, LIMIT, within),
        Contest(f"{name}, cold, from its snapshot", "ms", cold(log, with_snapshot, times), limit, LIMIT, within),
        Contest(f"{name}, warm", "ms", warm(log, bare, effort.of(3_000, 3)), goal=Goal("value", "≤", 1)),
    ]
