"""What stands between the network and the routes. Pure ASGI, so that streams pass through untouched.

Even without authentication a page in somebody's browser must not reach a server on loopback: `HostGuard` stops a
name that was rebound to this address, `OriginGuard` stops pages of other origins, and `BodyGuard` takes JSON only,
which a page of another origin cannot send without being asked first. No CORS header is ever sent, unless the operator
named an origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from types import MappingProxyType
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadlog_server import problems

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""The names of loopback in ``Host``."""

SAFE = MappingProxyType(
    {
        "cache-control": "no-store",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
)
"""The headers of every answer that does not say something else."""

BODY_SECONDS = 30.0
"""How long the body of a request may take to arrive."""


class HostGuard:
    """Answers only to hosts that it knows, whatever the port.

    Args:
        app: what is guarded.
        allowed: names as they stand in ``Host``, without port; IPv6 addresses in brackets.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] != "http" or self._knows(Headers(scope=scope).getlist("host")):
            return await self._app(scope, receive, send)
        detail = "this server does not answer to that host; add it to server.allowed_hosts if it should."
        return await problems.of_status(421, detail)(scope, receive, send)

    def _knows(self, hosts: list[str]) -> bool:
        return len(hosts) == 1 and host_name(hosts[0]) in self._allowed


class OriginGuard:
    """Refuses requests that a browser sends for a page of another origin.

    Args:
        app: what is guarded.
        allowed: other origins whose pages may call, such as ``http://localhost:5173``.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(origin.lower().rstrip("/") for origin in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] != "http" or self._may(scope, Headers(scope=scope)):
            return await self._app(scope, receive, send)
        detail = "pages of other origins may not call this server; add yours to server.allowed_origins if it should."
        return await problems.of_status(403, detail)(scope, receive, send)

    def _may(self, scope: Scope, headers: Headers) -> bool:
        origins = headers.getlist("origin")
        if origins:
            host = headers.get("host", "").lower()
            return all(origin in self._allowed or urlsplit(origin).netloc == host for origin in map(str.lower, origins))
        if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
            return True
        return headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"


class BodyGuard:
    """Takes bodies that are JSON, not too large, and arrive in time, chunked ones included.

    Args:
        app: what is guarded.
        most: bytes of one body.
        seconds: how long a body may take.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float = BODY_SECONDS) -> None:
        self._app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 415; what shows only while reading is raised to the reader."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if not _has_body(headers):
            return await self._app(scope, receive, send)
        if not _is_json(headers.getlist("content-type")):
            detail = "bodies are JSON in UTF-8: send them with `Content-Type: application/json`."
            return await problems.of_status(415, detail)(scope, receive, send)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._most:
            return await problems.of_http(self._too_large())(scope, receive, send)
        return await self._app(scope, self._bounded(receive), send)

    def _bounded(self, receive: Receive) -> Receive:
        taken = 0
        deadline = anyio.current_time() + self._seconds
        whole = False

        async def bounded() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            message = await self._in_time(receive, deadline)
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise self._too_large()
            whole = not message.get("more_body", False)
            return message

        return bounded

    async def _in_time(self, receive: Receive, deadline: float) -> Message:
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                return await receive()
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive within {self._seconds:g} seconds.") from None

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is over {self._most} bytes: split or shorten it.")


class Crowd:
    """Answers 503 when more requests are under way than there may be.

    Args:
        app: what is guarded.
        most: requests at once, event streams included.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if self._now >= self._most:
            refusal = problems.of_status(503, "the server is busy; try again later.", {"retry-after": "1"})
            return await refusal(scope, receive, send)
        self._now += 1
        try:
            return await self._app(scope, receive, send)
        finally:
            self._now -= 1


class SafeHeaders:
    """Tells browsers and proxies to keep and to guess nothing of what is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class Under:
    """Guards what lies below a path, and leaves the rest of an application alone.

    Args:
        app: the application.
        prefix: the path, such as ``/chat/v1``.
        guard: puts the guard before an application.
    """

    def __init__(self, app: ASGIApp, prefix: str, guard: Callable[[ASGIApp], ASGIApp]) -> None:
        self._app, self._guarded = app, guard(app)
        self._prefix = prefix + "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, guarded or not."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        app = self._guarded if path.startswith(self._prefix) else self._app
        await app(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without its port and in lower case."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def is_loopback(host: str) -> bool:
    """Whether an address to listen on, or of a caller, is of this machine alone."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_json(types: list[str]) -> bool:
    if len(types) != 1:
        return False
    media, *parameters = (part.strip().lower() for part in types[0].split(";"))
    charsets = [
        value.strip("\"'") for name, _, value in (part.partition("=") for part in parameters) if name == "charset"
    ]
    return media == "application/json" and all(charset in {"utf-8", "utf8"} for charset in charsets)
