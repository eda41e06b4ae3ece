"""Running the server: its store, its agent and uvicorn, from the start to an orderly end."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

import uvicorn

from threadlog import open_store
from threadlog.cli.settings import Settings
from threadlog.log import LogLocked
from threadlog.store import Principal, ThreadStore
from threadlog_server.agents import chosen_agent
from threadlog_server.app import create_app
from threadlog_server.exporting import exporting
from threadlog_server.listening import url_of
from threadlog_server.principal import development_principal
from threadlog_server.service import ThreadService

_FILES = 500
"""Open files that are not connections: the log's, Python's own, an agent's."""


def run(settings: Settings, listening: socket.socket, started: Callable[[], None]) -> int:
    """Serve until the process is told to stop.

    Args:
        settings: everything that can be set.
        listening: where to listen; its URL is written into the log's lock, so that other commands find this server.
        started: called once requests are answered.

    Returns:
        The exit code: 0 after an orderly end.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    _allow_files(settings.server.limits.connections + _FILES)
    with exporting(settings.telemetry), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, listening, started))
    return 0


async def _serve(settings: Settings, listening: socket.socket, started: Callable[[], None]) -> None:
    service = ThreadService(
        _opener(settings, url_of(listening)), chosen_agent(settings.agent), limits=settings.server.limits
    )
    who = settings.principal
    app = create_app(
        service,
        principal=development_principal(Principal(who.tenant, who.user, frozenset(who.roles))),
        allowed_hosts=settings.server.allowed_hosts,
        allowed_origins=settings.server.allowed_origins,
    )
    try:
        async with service:
            await _Server(_config(app, settings), service, started).serve([listening])
    except LogLocked as locked:
        raise _with_address(locked) from locked


def _with_address(locked: LogLocked) -> LogLocked:
    """The same error, saying where the server is that has the log."""
    url = locked.holder.get("url")
    return LogLocked(f"{locked} It is a server at {url}.", locked.holder) if url else locked


def _opener(settings: Settings, url: str) -> Callable[[], AbstractAsyncContextManager[ThreadStore]]:
    log = settings.log
    holder = {"pid": str(os.getpid()), "url": url}

    return lambda: open_store(log.url, shards=log.shards, require=log.durability, holder=holder)


def _config(app: object, settings: Settings) -> uvicorn.Config:
    limits = settings.server.limits
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="off",  # the service is open already: an error of opening is to be told as what it is
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=max(1, round(limits.shutdown_seconds)),
        limit_concurrency=2 * limits.connections,
    )


class _Server(uvicorn.Server):
    """Uvicorn, with streams that end before it waits for them, and without its way of dying by the signal."""

    def __init__(self, config: uvicorn.Config, service: ThreadService, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._when_started = service, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _freeze()
        self._when_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop orderly at the first signal, at once at the second."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self._service.streams.end()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop, where there is one for this platform."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def _freeze() -> None:
    """Take what was loaded by now, which lives as long as the process, out of the garbage collector's sight.

    A full collection need not look at it again each time: that is some 8 % of the server's work on small requests, and
    a pause in the middle of streams.
    """
    gc.collect()
    gc.freeze()


def _allow_files(count: int) -> None:
    """Let the process have as many files open as it may serve connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
