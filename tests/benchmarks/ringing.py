"""A process that appends to a log now and then, and says at the end when each append was acknowledged.

Run with the log's URL and the number of appends.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from time import monotonic
from uuid import uuid4

from raw import DATA

from threadlog.log import Append, Appended, Expect, NewEvent, open_log


async def main(url: str, appends: int) -> None:
    """Append."""
    acknowledged = {}
    thread = uuid4().hex
    async with open_log(url) as log:
        for number in range(appends):
            event = NewEvent("thread.item.updated", DATA)
            append = Append(
                tenant="acme", thread_id=thread, append_id=f"{number}", expected=Expect.ANY, events=(event,)
            )
            (outcome,) = await log.append(log.shard_of("acme"), [append])
            assert isinstance(outcome, Appended)
            acknowledged[outcome.events[-1].position] = monotonic()
            await asyncio.sleep(0.05 * random.random())
    print(json.dumps(acknowledged), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
