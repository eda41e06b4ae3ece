"""A real web server on loopback for every test of the HTTP API."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx_sse
import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright
from starlette.types import ASGIApp

from conftest import required
from threadlog.cli.settings import ServerLimits
from threadlog.log import MemoryLog
from threadlog.model import UserMessageItem
from threadlog.runs import AgentContext
from threadlog.store import Principal, ThreadStore
from threadlog_server import ThreadService, create_app
from threadlog_server.listening import listen, url_of

THREADLOG = [sys.executable, "-m", "threadlog"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
]
Serve = Callable[[ASGIApp], AbstractAsyncContextManager[str]]

Until = Callable[[Callable[[], object]], Awaitable[None]]


@asynccontextmanager
async def _serve(app: ASGIApp) -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listening]))
    while not server.started and not task.done():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def serve() -> Serve:
    """Puts an application behind uvicorn, in this event loop; the block is given its URL."""
    return _serve


@pytest.fixture
def until() -> Until:
    """Waits for a condition of which nothing tells. The test's own timeout ends it."""

    async def wait(condition: Callable[[], object]) -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    return wait


class Frame(NamedTuple):
    """One frame of an event stream."""

    id: str | None
    event: str
    data: dict[str, Any]


class Threads:
    """A service on a memory log, behind a web server, with an agent that the test holds by the hand."""

    def __init__(self, log: MemoryLog, limits: ServerLimits | None = None) -> None:
        self.log = log
        self.said: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        """What the agent is to say next; None ends its turn, an exception is raised by it."""
        self.service = ThreadService(self._opened, self._agent, limits=limits)
        self.who = Principal("default", "developer")
        self.url = ""
        self.client = httpx.AsyncClient()

    async def agent(self) -> Principal:
        """The principal's dependency."""
        return self.who

    async def create(self, **body: Any) -> str:
        """Make a thread, and give its id."""
        response = await self.client.post("/v1/threads", json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def ask(self, thread_id: str, text: str = "Hello", *said: str) -> dict[str, Any]:
        """Send a message, let the agent answer all of `said`, and give the started run."""
        response = await self.client.post(f"/v1/threads/{thread_id}/messages", json={"text": text})
        assert response.status_code == 202, response.text
        if said:
            for piece in (*said, None):
                self.said.put_nowait(piece)
        started: dict[str, Any] = response.json()
        return started

    async def answered(self, thread_id: str, *said: str) -> dict[str, Any]:
        """Ask, and wait until the answer is over."""
        started = await self.ask(thread_id, "Hello", *(said or ("Hi",)))
        await self.service.runner.wait(started["run_id"])
        return started

    async def frames(self, path: str, after: str | None = None, **headers: str) -> AsyncIterator[Frame]:
        """The frames of a stream as they come."""
        headers["accept"] = "text/event-stream"
        if after is not None:
            headers["last-event-id"] = after
        async with self.client.stream("GET", path, headers=headers, timeout=60) as response:
            assert response.status_code == 200, await response.aread()
            async for event in httpx_sse.EventSource(response).aiter_sse():
                yield Frame(event.id, event.event, event.json())

    async def _agent(self, context: AgentContext[Any], message: UserMessageItem) -> None:
        async with context.message() as writing:
            while (said := await self.said.get()) is not None:
                if isinstance(said, Exception):
                    raise said
                await writing.write(said)
                await context.flush()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[ThreadStore]:
        async with self.log as log, ThreadStore(log) as store:
            yield store


Start = Callable[..., AbstractAsyncContextManager[Threads]]


@asynccontextmanager
async def _start(log: MemoryLog | None = None, limits: ServerLimits | None = None) -> AsyncIterator[Threads]:
    threads = Threads(log or MemoryLog(), limits)
    async with _serve(create_app(threads.service, principal=threads.agent)) as url:
        threads.url = url
        async with httpx.AsyncClient(base_url=url) as threads.client:
            yield threads


@pytest.fixture
def start() -> Start:
    """Starts a service; for tests that need more than one, or limits of their own."""
    return _start


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    """A running service with nothing in it."""
    async with _start() as threads:
        yield threads


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's chromium, without a window; the name rebound.example leads to this machine."""
    required("chromium", found=CHROMIUM is not None, remedy="apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        yield browser
        await browser.close()


class Launched:
    """`threadlog serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], page: str) -> None:
        self.process, self.page = process, page
        found = re.search(r"at +(http://\S+)", page)
        assert found, page
        self.url = found[1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


Launch = Callable[..., Launched]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts `threadlog serve` in `tmp_path`, on the log there and a free port unless told otherwise."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, port: int = 0) -> Launched:
        command = [*THREADLOG, "serve", "--log", f"file:{tmp_path}/log", "--port", str(port), *arguments]
        with (tmp_path / "stderr").open("a") as stderr:
            process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=stderr, text=True)
        running.append(process)
        assert process.stdout is not None
        page = ""
        while "Ctrl-C" not in page:
            line = process.stdout.readline()
            assert line, (tmp_path / "stderr").read_text()
            page += line
        return Launched(process, page)

    yield start
    for process in running:
        process.kill()
        process.communicate()
