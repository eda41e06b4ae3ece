"""A proxy before a server's socket, which can fall silent as a network does."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Passes bytes to and fro until it is told to hold them back; connections stay open all the while."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server, self._folder = server, folder
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> str:
        """The folder to connect to."""
        return str(self._folder)

    def fall_silent(self) -> None:
        """From now on pass nothing on."""
        self._speaking.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection."""
        theirs, ours = await asyncio.open_unix_connection(str(self._server / _SOCKET))
        for source, target in ((reader, ours), (theirs, writer)):
            task = asyncio.create_task(self._pass(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    await self._speaking.wait()
                    target.write(data)
                    await target.drain()
        finally:
            target.close()


@asynccontextmanager
async def proxied(url: str) -> AsyncGenerator[Proxy, None]:
    """A proxy before the server of a URL with a socket's folder in it."""
    server = Path(parse_qs(urlsplit(url).query)["host"][0])
    with tempfile.TemporaryDirectory(prefix="threadlog-proxy-") as folder:
        proxy = Proxy(server, Path(folder))
        listener = await asyncio.start_unix_server(proxy.serve, f"{folder}/{_SOCKET}")
        try:
            yield proxy
        finally:
            listener.close()
            await proxy.close()
