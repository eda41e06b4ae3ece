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
        self._asking = False
        self.stumble: bytes | None = None
        """What a client says that is never passed on; its connection hangs from there, and the next one does not."""
        self.round_trips = 0
        """How often a client has spoken after the server had."""

    @property
    def host(self) -> str:
        """The folder to connect to."""
        return str(self._folder)

    def fall_silent(self) -> None:
        """From now on pass nothing on, whoever connects."""
        self._speaking.clear()

    def leave_hanging(self) -> None:
        """Pass nothing more on by the connections there are; new ones are as they should be."""
        self.fall_silent()
        self._speaking = asyncio.Event()
        self._speaking.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection."""
        theirs, ours = await asyncio.open_unix_connection(str(self._server / _SOCKET))
        for source, target in ((reader, ours), (theirs, writer)):
            task = asyncio.create_task(self._pass(source, target, self._speaking, asks=source is reader))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, speaking: asyncio.Event, *, asks: bool
    ) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    if self.stumble is not None and asks and self.stumble in data:
                        self.stumble = None
                        speaking = asyncio.Event()
                    await speaking.wait()
                    self.round_trips += asks and not self._asking
                    self._asking = asks
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
