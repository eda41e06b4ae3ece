"""The routes in somebody's own application: its lifespan, its dependencies, its principal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Query

from threadlog.cli.settings import ServerLimits
from threadlog.log import LogClosed, MemoryLog
from threadlog.store import Principal, ThreadStore
from threadlog_server import ThreadService, create_app, mount
from threadlog_server.listening import listen

pytestmark = pytest.mark.anyio


async def _agent(context: Any, message: Any) -> None:
    await context.say("Hello from the mounted agent.")


async def _user(x_user: Annotated[str | None, Header()] = None) -> str:
    if x_user is None:
        raise HTTPException(401, "say who you are", {"www-authenticate": "X-User"})
    return x_user


async def _who(user: Annotated[str, Depends(_user)]) -> Principal:
    return Principal("acme", user)


async def _token(token: Annotated[str, Query()] = "") -> None:
    if token != "open sesame":
        raise HTTPException(403, "no")


def _application(service: ThreadService, **options: Any) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service:
            app.state.ready = True
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/own")
    async def own() -> dict[str, bool]:
        return {"ready": app.state.ready}

    @app.post("/own")
    async def form() -> str:
        return "taken"

    mount(app, service, principal=_who, prefix="/chat", **options)
    return app


async def test_routes_live_in_an_application_of_ones_own(serve: Any) -> None:
    """Below the prefix, with the application's principal; its own routes and description are as before, and more."""
    app = _application(ThreadService("memory:", _agent))
    async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/own")).json() == {"ready": True}
        ann = {"x-user": "ann"}
        made = await client.post("/chat/v1/threads", json={"title": "Mine"}, headers=ann)
        assert made.headers["location"] == f"/chat/v1/threads/{made.json()['id']}"
        path = made.headers["location"]
        started = await client.post(f"{path}/messages", json={"text": "Hi"}, headers=ann)
        assert started.headers["location"].startswith(f"{path}/events?after=")
        stream = {**ann, "accept": "text/event-stream"}
        assert "Hello from the mounted agent." in (await client.get(started.headers["location"], headers=stream)).text
        assert (await client.get(path, headers={"x-user": "bob"})).status_code == 404
        assert "/chat/v1/threads" in (await client.get("/openapi.json")).json()["paths"]


async def test_whom_the_application_does_not_know_it_refuses(serve: Any) -> None:
    """What its dependency raises is answered, headers included, as a problem."""
    app = _application(ThreadService("memory:", _agent))
    async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.get("/chat/v1/threads")
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "X-User"
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"] == "say who you are"


async def test_the_applications_dependencies_come_first_and_may_read_the_query(serve: Any) -> None:
    """An event source cannot send headers: a token in the query is known, and nothing else is."""
    app = _application(ThreadService("memory:", _agent), dependencies=[Depends(_token)])
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers={"x-user": "ann"}) as client:
        assert (await client.get("/chat/v1/threads")).status_code == 403
        assert (await client.get("/chat/v1/threads", params={"token": "open sesame"})).status_code == 200
        assert (await client.get("/chat/v1/threads", params={"token": "open sesame", "x": "1"})).status_code == 422


async def test_guards_stand_before_the_mounted_routes_alone(serve: Any) -> None:
    """Bodies and origins are looked at below the prefix; the rest of the application takes what it takes."""
    app = _application(ThreadService("memory:", _agent, limits=ServerLimits(body_bytes=1024)))
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers={"x-user": "ann"}) as client:
        evil = {"origin": "http://evil.example"}
        assert (await client.post("/own", content=b"x" * 5000, headers=evil)).json() == "taken"
        assert (await client.get("/chat/v1/threads", headers=evil)).status_code == 403
        assert (await client.post("/chat/v1/threads", content=b"{}")).status_code == 415
        assert (await client.post("/chat/v1/threads", json={"title": "x" * 5000})).status_code == 413


async def test_origins_that_are_named_may_call(serve: Any) -> None:
    """A page of a front end of one's own, served from elsewhere."""
    app = _application(ThreadService("memory:", _agent), allowed_origins=["http://app.example"])
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers={"x-user": "ann"}) as client:
        assert (await client.get("/chat/v1/threads", headers={"origin": "http://app.example"})).status_code == 200


async def test_an_open_store_is_used_and_not_closed(serve: Any) -> None:
    """Who opened it closes it, and may use it beside the routes."""
    async with MemoryLog() as log, ThreadStore(log) as store:
        thread = await store.create_thread(Principal("acme", "ann"), title="Direct")
        app = _application(ThreadService(store, _agent))
        async with serve(app) as url, httpx.AsyncClient(base_url=url, headers={"x-user": "ann"}) as client:
            assert (await client.get(f"/chat/v1/threads/{thread.id}")).json()["title"] == "Direct"
        assert (await store.load_thread(Principal("acme", "ann"), thread.id)).title == "Direct"


def test_a_service_that_is_not_open_says_what_to_do() -> None:
    """Forgetting the lifespan is told of."""
    service = ThreadService("memory:", _agent)
    with pytest.raises(LogClosed, match="lifespan"):
        _ = service.store
    with pytest.raises(LogClosed, match="lifespan"):
        _ = service.runner


async def test_named_origins_get_cors_headers_and_others_get_none(serve: Any) -> None:
    """The application of its own: what the settings name may read; nobody else is told anything."""
    app = create_app("memory:", _agent, allowed_origins=["http://app.example"])
    async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        friend, stranger = {"origin": "http://app.example"}, {"origin": "http://evil.example"}
        preflight = await client.options("/v1/threads", headers={**asked, **friend})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "http://app.example"
        made = await client.post("/v1/threads", json={}, headers=friend)
        assert made.status_code == 201
        assert made.headers["access-control-allow-origin"] == "http://app.example"
        for response in (
            await client.options("/v1/threads", headers={**asked, **stranger}),
            await client.post("/v1/threads", json={}, headers=stranger),
            await client.get("/v1/threads", headers=stranger),
        ):
            assert response.status_code in {400, 403}
            assert "access-control-allow-origin" not in response.headers


async def test_the_development_principal_serves_this_machine_alone(serve: Any) -> None:
    """A caller from elsewhere is refused even where somebody made the server listen there."""
    app = create_app("memory:", _agent)

    async def from_elsewhere(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "client": ("192.0.2.7", 4711)}
        await app(scope, receive, send)

    async with serve(from_elsewhere) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.get("/v1/threads")
        assert response.status_code == 403
        assert response.json()["type"] == "urn:threadlog:problem:development-only"


def test_an_application_needs_an_agent() -> None:
    """It is said at once, not at the first message."""
    with pytest.raises(TypeError, match="agent"):
        create_app("memory:")


MINE = """
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from threadlog import Principal
from threadlog_server import ThreadService, mount

async def agent(context, message):
    await context.say("I begin.")
    await asyncio.sleep(600)

service = ThreadService("file:threads", agent)

@asynccontextmanager
async def lifespan(app):
    async with service:
        yield

async def who():
    return Principal("acme", "ann")

app = FastAPI(lifespan=lifespan)
mount(app, service, principal=who)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_web_server_that_is_told_to_stop_is_not_kept_by_viewers(tmp_path: Path, number: int) -> None:
    """Uvicorn waits for its connections; the streams hear of the signal themselves, say so and end."""
    (tmp_path / "mine.py").write_text(MINE)
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "mine:app", "--port", str(port), "--log-level", "warning"]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path)
    transport = httpx.AsyncHTTPTransport(retries=8)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=30) as client:
        thread_id = (await client.post("/v1/threads")).json()["id"]
        started = await client.post(f"/v1/threads/{thread_id}/messages", json={"text": "x"})
        headers = {"accept": "text/event-stream"}
        async with client.stream("GET", started.headers["location"], headers=headers) as response:
            lines = response.aiter_lines()
            while "I begin." not in await anext(lines):
                pass
            process.send_signal(number)
            rest = [line async for line in lines]
    assert '"reason":"shutdown"' in rest[-2]
    await asyncio.wait_for(process.wait(), 30)
