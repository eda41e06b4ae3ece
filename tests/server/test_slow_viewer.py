"""A viewer that does not read."""

from __future__ import annotations

import asyncio
import gc
import re
import tracemalloc
from typing import Any

import pytest

from threadlog.log import Expect
from threadlog.model import ProgressUpdateEvent

pytestmark = pytest.mark.anyio

EVENTS = 20_000
APPEND = 500
MEGABYTE = 1_000_000


async def _fill(threads: Any, thread_id: str) -> None:
    """Add many events, as fast as they are stored."""
    for start in range(0, EVENTS, APPEND):
        events = [ProgressUpdateEvent(text=f"step {start + n} " + "x" * 120) for n in range(APPEND)]
        await threads.service.store.append(threads.who, thread_id, events, expected=Expect.THREAD_EXISTS)


async def _open(threads: Any, thread_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A viewer's connection, from which nothing is read but what comes at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(threads.url.rpartition(":")[2]), limit=1024)
    head = f"GET /v1/threads/{thread_id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    return reader, writer


async def test_it_costs_next_to_nothing_and_gets_every_event_once(start: Any, until: Any) -> None:
    """While it sleeps through 20 000 events the server keeps less than a megabyte for it; then it reads them all."""
    grown = {}
    for stalled in (False, True):
        async with start() as threads:
            warm, thread_id = await threads.create(), await threads.create()
            await _fill(threads, warm)
            connection = await _open(threads, thread_id) if stalled else None
            await until(lambda threads=threads, stalled=stalled: len(threads.service.streams) == stalled)
            gc.collect()
            tracemalloc.start()
            await _fill(threads, thread_id)
            gc.collect()
            grown[stalled] = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            if connection is not None:
                seqs = await _read(*connection)
    assert grown[True] - grown[False] < MEGABYTE
    assert seqs == list(range(1, EVENTS + 2))


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[int]:
    """Read to the last event, and give the seqs of all frames."""
    received = bytearray()
    while b'"seq":%d,' % (EVENTS + 1) not in received[-2000:]:
        received += await reader.read(1 << 20)
    writer.close()
    await writer.wait_closed()
    body = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", bytes(received))  # the frames of HTTP's chunks
    return [int(seq) for seq in re.findall(rb'data: \{"seq":(\d+),', body)]
