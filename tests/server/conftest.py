"""A real web server on loopback for every test of the HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp

from threadlog_server.listening import listen, url_of

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
