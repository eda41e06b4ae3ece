"""A local server that speaks OpenAI's chat completions by a script, for the official client to talk to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Answer:
    """One streamed answer: the deltas of its chunks."""

    deltas: Sequence[dict[str, Any]]
    finish: str | None = "stop"
    usage: tuple[int, int] | None = (10, 5)
    drop: bool = False
    """Close the connection in the middle of the stream."""
    hang: bool = False
    """Never finish the stream."""


@dataclass
class Refusal:
    """An error status."""

    status: int
    error: dict[str, Any] = field(default_factory=dict)


def text(*pieces: str, **more: Any) -> Answer:
    """An answer of text."""
    return Answer([{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)], **more)


def calls(*wanted: tuple[str, str, str], pieces: int = 3) -> Answer:
    """An answer that calls tools: (call id, name, arguments), the arguments in pieces as endpoints send them."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for index, (call_id, name, arguments) in enumerate(wanted):
        head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [head]})
        size = max(1, -(-len(arguments) // pieces))
        parts = [arguments[at : at + size] for at in range(0, len(arguments), size)]
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in parts]
    return Answer(deltas, finish="tool_calls")


class Endpoint:
    """Answers each request by the next step of its script; keeps what it was asked.

    Attributes:
        requests: the bodies of the requests.
        headers: their headers, names in lower case.
        gone: set when a client closed a stream before its end.
    """

    def __init__(self, *script: Answer | Refusal) -> None:
        self._script = list(script)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.gone = asyncio.Event()
        self.streaming = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            self.requests.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
            self.headers.append(headers)
            await self._answer(self._script.pop(0), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()

    async def _answer(self, step: Answer | Refusal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(step, Refusal):
            body = json.dumps({"error": step.error}).encode()
            writer.write(
                f"HTTP/1.1 {step.status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for chunk in self._chunks(step):
            await _send(writer, f"data: {json.dumps(chunk)}\n\n")
        self.streaming.set()
        if step.drop:
            return
        if step.hang:
            await reader.read()
            self.gone.set()
            return
        await _send(writer, "data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _chunks(self, step: Answer) -> list[dict[str, Any]]:
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test"}
        chunks = [
            {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}
            for delta in step.deltas
        ]
        if not (step.drop or step.hang or step.finish is None):
            chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": step.finish}]})
        if step.usage is not None and not step.drop and not step.hang:
            used, made = step.usage
            usage = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
            chunks.append({**base, "choices": [], "usage": usage})
        return chunks


async def _send(writer: asyncio.StreamWriter, data: str) -> None:
    encoded = data.encode()
    writer.write(f"{len(encoded):x}\r\n".encode() + encoded + b"\r\n")
    await writer.drain()
