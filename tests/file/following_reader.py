"""A process that follows a log which another process writes, and tells what it saw.

It writes a line ``POSITION ID`` for each event, until it has seen as many as it was asked for.
"""

from __future__ import annotations

import asyncio
import sys

from threadlog.log import OpenOptions
from threadlog_file import FileLog


async def follow(path: str, events: int) -> None:
    """Follow the shard, and compare each new event with its thread."""
    async with FileLog(path, OpenOptions(read_only=True)) as log:
        print("ready", flush=True)
        seen = 0
        while seen < events:
            await log.wait(0, after=seen, timeout=30)
            page = await log.read_shard(0, after=seen, limit=1000)
            for event in page.events:
                thread = await log.read_thread(event.tenant, event.thread_id, after=event.seq - 1, limit=1)
                assert thread.events == (event,)
                print(event.position, event.id)
            seen = page.looked_to
        heads = await log.list_heads("acme", limit=1000)
        print("heads", len(heads.heads), flush=True)


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1], int(sys.argv[2])))
