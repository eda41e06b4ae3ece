"""What stands between the network and the routes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from threadlog_server import problems
from threadlog_server.guards import (
    LOOPBACK,
    BodyGuard,
    Crowd,
    HostGuard,
    OriginGuard,
    SafeHeaders,
    Under,
    host_name,
    is_loopback,
)

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


async def _echo(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


def _app() -> Starlette:
    async def on_http(request: Request, error: Any) -> Response:
        return problems.of_http(error)

    methods = ["GET", "POST", "DELETE"]
    routes = [Route("/", _echo, methods=methods), Route("/chat/v1/x", _echo, methods=methods)]
    return Starlette(routes=routes, exception_handlers={408: on_http, 413: on_http})


def _problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    return body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LocalHost:8000", "[::1]:8000", "threads.example.com:81"])
async def test_known_hosts_are_answered(serve: Any, host: str) -> None:
    """Loopback's names and those that the operator named, whatever the port and the case."""
    async with serve(HostGuard(_app(), (*LOOPBACK, "threads.example.com"))) as url, httpx.AsyncClient() as client:
        assert (await client.get(url, headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "::1", "[::2]"]
)
async def test_a_rebound_name_is_refused(serve: Any, host: str) -> None:
    """A page whose name was made to point here still sends its own name, and is not answered."""
    async with serve(HostGuard(_app(), LOOPBACK)) as url, httpx.AsyncClient() as client:
        response = await client.get(url, headers={"host": host})
        assert response.status_code == 421
        assert "allowed_hosts" in _problem(response)["detail"]


async def test_a_request_with_two_hosts_or_none_is_refused(serve: Any) -> None:
    """Which of two hosts counts is not for us to guess."""
    guard = HostGuard(_app(), LOOPBACK)
    for hosts in ([], [(b"host", b"localhost"), (b"host", b"evil.example")]):
        assert await _status(guard, headers=hosts) == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://{host}"}, 200),
        ({"origin": "https://{host}"}, 200),
        ({"origin": "http://app.example"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://{host}.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:1"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
    ],
)
async def test_pages_of_other_origins_are_refused(serve: Any, headers: dict[str, str], status: int) -> None:
    """What a browser says of where a request comes from decides; a link that is followed is no request of a page."""
    async with serve(OriginGuard(_app(), ["http://app.example/"])) as url, httpx.AsyncClient() as client:
        host = url.removeprefix("http://")
        sent = {name: value.format(host=host) for name, value in headers.items()}
        response = await client.get(url, headers=sent)
        assert response.status_code == status
        if status == 403:
            assert "allowed_origins" in _problem(response)["detail"]


async def test_a_form_that_navigates_here_is_refused(serve: Any) -> None:
    """A page of another origin cannot post by letting its form lead here."""
    async with serve(OriginGuard(_app())) as url, httpx.AsyncClient() as client:
        headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert (await client.post(url, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON; charset="UTF-8"', 200),
        ("application/json; charset=utf-16", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain; application/json", 415),
        (None, 415),
    ],
)
async def test_bodies_are_json(serve: Any, content_type: str | None, status: int) -> None:
    """The types that a page may send to another origin without being asked are not taken."""
    async with serve(BodyGuard(_app(), 100)) as url, httpx.AsyncClient() as client:
        headers = {} if content_type is None else {"content-type": content_type}
        response = await client.post(url, content=b"{}", headers=headers)
        assert response.status_code == status
        if status == 415:
            assert "application/json" in _problem(response)["detail"]


async def test_requests_without_a_body_need_no_type(serve: Any) -> None:
    """GET, DELETE and an empty POST pass."""
    async with serve(BodyGuard(_app(), 100)) as url, httpx.AsyncClient() as client:
        for method in ("GET", "DELETE", "POST"):
            assert (await client.request(method, url)).status_code == 200


async def test_a_body_over_the_limit_is_refused_by_its_length_or_as_it_comes(serve: Any) -> None:
    """A chunked body has no length to go by; it is cut off where it becomes too much."""

    async def chunked(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 10

    async with serve(BodyGuard(_app(), 100)) as url, httpx.AsyncClient() as client:
        assert (await client.post(url, content=b"x" * 100, headers=JSON)).json() == {"bytes": 100}
        assert (await client.post(url, content=chunked(10), headers=JSON)).json() == {"bytes": 100}
        for content in (b"x" * 101, chunked(11)):
            response = await client.post(url, content=content, headers=JSON)
            assert response.status_code == 413
            assert "100 bytes" in _problem(response)["detail"]


async def test_a_body_that_does_not_arrive_is_given_up(serve: Any) -> None:
    """Whoever sends half a body and falls silent holds no request for ever."""
    async with serve(BodyGuard(_app(), 100, seconds=0.1)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 408")
        writer.close()
        await writer.wait_closed()


async def test_a_crowd_is_bounded(serve: Any) -> None:
    """Beyond the limit a request is told to come back, and as soon as there is room it is served."""
    inside, leave = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the web server asks for a lifespan, too"
        inside.set()
        await leave.wait()
        await Response("done")(scope, receive, send)

    async with serve(Crowd(slow, 1)) as url, httpx.AsyncClient() as client:
        first = asyncio.create_task(client.get(url))
        await inside.wait()
        refused = await client.get(url)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        _problem(refused)
        leave.set()
        assert (await first).text == "done"
        assert (await client.get(url)).text == "done"


async def test_every_answer_says_not_to_guess_or_keep_it(serve: Any) -> None:
    """No sniffing, no storing, no embedding elsewhere; what a route says itself stays."""

    async def own(request: Request) -> Response:
        return Response(headers={"cache-control": "no-cache"})

    app = Starlette(routes=[Route("/", _echo), Route("/own", own)])
    async with serve(SafeHeaders(app)) as url, httpx.AsyncClient() as client:
        headers = (await client.get(url)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]
        assert (await client.get(f"{url}/own")).headers["cache-control"] == "no-cache"


async def test_a_guard_can_be_put_before_a_part_of_an_application(serve: Any) -> None:
    """Routes mounted into somebody's application are guarded, and the application's own are left alone."""
    app = Under(_app(), "/chat/v1", lambda inner: BodyGuard(inner, 5))
    async with serve(app) as url, httpx.AsyncClient() as client:
        assert (await client.post(url, content=b"far too long")).status_code == 200
        assert (await client.post(f"{url}/chat/v1/x", content=b"far too long", headers=JSON)).status_code == 413


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.1", False),
        ("example.com", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, expected: bool) -> None:
    """Only addresses of this machine alone, in all their spellings, are loopback."""
    assert is_loopback(host) is expected


def test_a_host_is_compared_without_its_port() -> None:
    """IPv6 addresses keep their brackets."""
    assert host_name("Example.COM:80") == "example.com"
    assert host_name("[::1]:80") == "[::1]"
    assert host_name("[::1]") == "[::1]"


async def _status(app: ASGIApp, headers: list[tuple[bytes, bytes]]) -> int:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "scheme": "http", "query_string": b""}
    await app(scope, receive, send)
    assert json.loads(sent[1]["body"])["status"] == sent[0]["status"]
    return int(sent[0]["status"])
