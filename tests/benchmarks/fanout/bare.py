"""What the web server alone does: event streams from memory to all viewers, the same bytes, and no log.

Run with the number of a listening socket. ``/go?viewers=N&seconds=S&rate=R&events=E&report=FILE`` begins to stream once
N streams at ``/`` are open: E events at a time, R times a second, or as fast as they go with R = 0.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic, process_time
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import msgspec
import uvicorn
import uvloop
from fanout.agent import Report
from msgspec import Struct

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

FRAME = (
    b'id: %010d-0123456789ab\ndata: {"seq":%010d,"cursor":"%010d-0123456789ab",'
    b'"id":"01a0f0d6-0000-7000-8000-000000000000","type":"thread.item.updated","version":1,"time":"2026-01-01T00:00:00.000000Z",'
    b'"actor":"user:developer","run_id":null,'
    b'"data":{"type":"thread.item.updated","item_id":"msg_0123456789abcdef0123","update":{"type":'
    b'"assistant_message.content_part.text_delta","content_index":0,"delta":" and so many words"}}}\n\n'
)


class Task(Struct):
    """What is asked of one round."""

    viewers: int
    seconds: float
    rate: int
    events: int
    report: str


class Stream:
    """One stream: each chunk goes to every viewer; one that is slow finds the chunks that it missed."""

    def __init__(self) -> None:
        self.viewers = 0
        self.stored: dict[int, float] = {}
        self._chunks: list[bytes] = []
        self._bells: list[asyncio.Future[None]] = []
        self._ended = False

    @property
    def waiting(self) -> int:
        """Viewers who have everything so far."""
        return len(self._bells)

    def add(self, seqs: range) -> None:
        """Give some events to everybody."""
        self._chunks.append(b"".join(FRAME % (seq, seq, seq) for seq in seqs))
        now = monotonic()
        self.stored.update((seq, now) for seq in seqs)
        self._ring()

    def end(self) -> None:
        """Let it end behind the last chunk."""
        self._ended = True
        self._ring()

    async def follow(self, send: Send) -> None:
        """Send it to one viewer."""
        self.viewers += 1
        at = 0
        while at < len(self._chunks) or not self._ended:
            if at < len(self._chunks):
                await send({"type": "http.response.body", "body": self._chunks[at], "more_body": True})
                at += 1
            else:
                bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._bells.append(bell)
                await bell

    def _ring(self) -> None:
        bells, self._bells = self._bells, []
        for bell in bells:
            bell.set_result(None)


class Bare:
    """The application: ``/go`` makes a new stream, which is at every other path."""

    def __init__(self) -> None:
        self._stream = Stream()

    async def __call__(self, scope: dict[str, Any], receive: object, send: Send) -> None:
        """Answer one request."""
        going = scope["path"] == "/go"
        stream = self._stream = Stream() if going else self._stream
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        if not going:
            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
            await stream.follow(send)
        await send({"type": "http.response.body", "body": b""})
        if going:
            asked = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
            await write(stream, msgspec.convert(asked, Task, strict=False))


async def write(stream: Stream, task: Task) -> None:
    """Fill a stream once all its viewers are there."""
    while stream.viewers < task.viewers:  # noqa: ASYNC110 (of this nothing else tells)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    began, spent = monotonic(), process_time()
    seq = 0
    while (now := monotonic()) < began + task.seconds:
        if task.rate:
            await asyncio.sleep(began + seq / task.events / task.rate - now)
        stream.add(range(seq + 1, seq + 1 + task.events))
        seq += task.events
        while not task.rate and stream.waiting < task.viewers:  # noqa: ASYNC110 (so that nobody falls behind)
            await asyncio.sleep(0)
    report = Report(stream.stored, monotonic() - began, process_time() - spent)
    Path(task.report).write_bytes(msgspec.json.encode(report))
    stream.end()


def main() -> None:
    """Serve."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        Bare(),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
