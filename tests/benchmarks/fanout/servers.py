"""The two servers that stream: `threadlog serve`, and the same web server without a log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from fanout import viewers as crowd
from fanout.agent import Report

from threadlog_server.listening import listen

HERE = Path(__file__).parent
PATIENCE = 45.0
"""Seconds after which a round counts as stuck."""


@dataclass(frozen=True)
class Streamed:
    """One round: what the writer saw and what the viewers got.

    Attributes:
        events: how many each viewer got.
        size: bytes that each viewer got.
        pieces: into how many pieces they came, on the average.
        seconds: from the first byte written to the last byte at the last viewer.
        spent: CPU seconds of the server's process.
        receiving: CPU seconds of this process while it received.
        delays: seconds from stored to received, all events at all viewers, sorted.
    """

    events: int
    size: int
    pieces: float
    seconds: float
    spent: float
    receiving: float
    delays: list[float]


class Server(ABC):
    """A server with one stream."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self._address = address
        self._report = folder / "report"

    @abstractmethod
    def begin(self, viewers: int, seconds: float, rate: int) -> str:
        """Ask for a stream that begins when so many viewers have come; its path."""

    def streamed(self, viewers: int, seconds: float, rate: int, *, at_once: bool = False) -> Streamed:
        """Stream to so many viewers, and check that each of them gets everything in order.

        Args:
            viewers: how many.
            seconds: how long the writer writes.
            rate: events a second; 0 for as many as there can be.
            at_once: leave delays alone, and look at the bytes of one viewer only, so that receiving costs little.
        """
        path = self.begin(viewers, seconds, rate)
        opened = crowd.connect(*self._address, path, viewers, check=not at_once)
        try:
            receiving = process_time()
            crowd.watch(opened, PATIENCE)
            receiving = process_time() - receiving
            ends = crowd.check(opened, crc=not at_once)
        finally:
            crowd.close(opened)
        report = msgspec.json.decode(self._report.read_bytes(), type=Report)
        self._report.unlink()
        written = [end for end in ends if end[0] in report.stored]
        assert len(written) == len(report.stored), f"{len(report.stored) - len(written)} stored events came to nobody"
        return Streamed(
            events=len(written),
            size=opened[0].size,
            pieces=sum(len(viewer.times) for viewer in opened) / viewers,
            seconds=max(viewer.times[-1] for viewer in opened) - min(report.stored.values()),
            spent=report.spent,
            receiving=receiving,
            delays=[] if at_once else crowd.delays(opened, written, report.stored),
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Make a call of the server."""
        connection = HTTPConnection(*self._address, timeout=10)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            assert response.status < 300, f"{response.status}: {text!r}"
            return json.loads(text or b"null")
        finally:
            connection.close()


class Threadlog(Server):
    """`threadlog serve`: viewers follow a thread in which an agent writes."""

    def begin(self, viewers: int, seconds: float, rate: int) -> str:
        """Make a thread, and send the agent a message."""
        thread = self.ask("POST", "/v1/threads", {})["id"]
        task = {"viewers": viewers, "seconds": seconds, "rate": rate, "report": str(self._report)}
        started = self.ask("POST", f"/v1/threads/{thread}/messages", {"text": json.dumps(task)})
        return f"/v1/threads/{thread}/events?" + urlencode({"after": started["cursor"], "until": "run-end"})


class Bare(Server):
    """The same bytes from memory.

    Args:
        events: so many are sent at once when it is as fast as it can.
    """

    def __init__(self, address: tuple[str, int], folder: Path, events: int) -> None:
        super().__init__(address, folder)
        self._events = events

    def begin(self, viewers: int, seconds: float, rate: int) -> str:
        """Tell it what to stream."""
        events = 1 if rate else self._events
        task = {"viewers": viewers, "seconds": seconds, "rate": rate, "events": events, "report": str(self._report)}
        self.ask("GET", f"/go?{urlencode(task)}")
        return "/"


@contextmanager
def threadlog() -> Iterator[Threadlog]:
    """`threadlog serve` on a new file log, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as name:
        folder = Path(name)
        where = ["--port", "0", "--log", f"file:{name}/log"]
        command = ["-m", "threadlog", "serve", "--agent", "fanout.agent:write", *where]
        environment = {**os.environ, "XDG_CONFIG_HOME": name, "XDG_DATA_HOME": name}
        with process(command, stdout=subprocess.PIPE, env=environment) as serving:
            assert serving.stdout is not None
            lines = iter(serving.stdout.readline, b"")
            url = next((part for line in lines for part in line.decode().split() if part.startswith("http://")), None)
            assert url is not None, "threadlog serve did not start; see its error above"
            parts = urlsplit(url)
            yield Threadlog((str(parts.hostname), int(parts.port or 0)), folder)


@contextmanager
def bare(events: int) -> Iterator[Bare]:
    """The bare stream, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="threadlog-bench-") as name, listen("127.0.0.1", 0) as listening:
        command = ["-m", "fanout.bare", str(listening.fileno())]
        with process(command, pass_fds=(listening.fileno(),)):
            yield Bare(listening.getsockname()[:2], Path(name), events)


@contextmanager
def process(arguments: list[str], **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that is stopped in the end."""
    with subprocess.Popen([sys.executable, *arguments], cwd=HERE.parent, **how) as running:
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
