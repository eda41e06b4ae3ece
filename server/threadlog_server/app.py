"""The application: routes, guards and a store that lives as long as it does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match

from threadlog.cli.settings import ServerLimits
from threadlog.runs import Agent
from threadlog.store import Principal
from threadlog_server import health, problems
from threadlog_server.guards import LOOPBACK, SAFE, BodyGuard, Crowd, HostGuard, OriginGuard, SafeHeaders
from threadlog_server.mount import router
from threadlog_server.openapi import describe
from threadlog_server.principal import PrincipalDependency, development_principal
from threadlog_server.routes import ProblemRoute
from threadlog_server.service import StoreSource, ThreadService
from threadlog_server.spans import HTTPSpans

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def create_app(
    threads: StoreSource | ThreadService,
    agent: Agent | None = None,
    *,
    principal: PrincipalDependency | None = None,
    limits: ServerLimits | None = None,
    allowed_hosts: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
) -> FastAPI:
    """Make an application of its own: the routes of threads, health, and the guards before them.

    Args:
        threads: where the threads are, or a service that is made already (`agent` and `limits` are then its own).
        agent: who answers messages.
        principal: the dependency that says who calls. Without one, every caller on this machine is one development
            principal, and nobody else is served.
        limits: what keeps the server bounded.
        allowed_hosts: names in ``Host`` that are answered beside those of loopback.
        allowed_origins: other origins whose pages may call; they alone are given CORS headers.
    """
    service = threads if isinstance(threads, ThreadService) else _service(threads, agent, limits)
    app = FastAPI(
        title="threadlog",
        summary="Threads of AI agents as events that nobody loses.",
        version="1",
        lifespan=_lifespan_of(service),
        docs_url=None,  # it would load scripts from elsewhere into an origin that may read every thread
        redoc_url=None,
        redirect_slashes=False,
        middleware=_guards(service.limits, allowed_hosts, allowed_origins),
        exception_handlers={HTTPException: _on_http, 500: _on_fault},
        telemetry={"tracing": False, "metrics": False, "logs": False},  # FastAPI's own: see `HTTPSpans` for why
    )
    app.include_router(_health(service))
    app.include_router(router(service, principal or development_principal(Principal("default", "developer"))))
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def _service(threads: StoreSource, agent: Agent | None, limits: ServerLimits | None) -> ThreadService:
    if agent is None:
        raise TypeError("an application needs an agent that answers messages: create_app(threads, agent).")
    return ThreadService(threads, agent, limits=limits)


def _lifespan_of(service: ThreadService) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        if service.is_open:
            yield
            return
        async with service:
            yield

    return lifespan


def _guards(limits: ServerLimits, hosts: Sequence[str], origins: Sequence[str]) -> list[Middleware]:
    """What a request passes, outermost first."""
    cors = [Middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=METHODS, allow_headers=["*"])]
    return [
        Middleware(HTTPSpans),
        Middleware(SafeHeaders),
        Middleware(HostGuard, allowed=(*LOOPBACK, *hosts)),
        *(cors if origins else []),
        Middleware(OriginGuard, allowed=origins),
        Middleware(Crowd, most=limits.connections),
        Middleware(BodyGuard, most=limits.body_bytes),
    ]


def _health(service: ThreadService) -> APIRouter:
    async def prepare(request: Request) -> None:
        request.state.threadlog = service

    made = APIRouter(
        route_class=ProblemRoute,
        dependencies=[Depends(prepare)],
        generate_unique_id_function=lambda route: route.name,
        tags=["health"],
    )
    health.add_routes(made)
    return made


async def _on_http(request: Request, error: Exception) -> Response:
    """Answer what no route answered."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problems.of_status(404, "there is nothing at this path; /openapi.json describes what there is.")
    if error.status_code == 405:
        return problems.of_status(405, f"{request.method} means nothing here.", {"allow": ", ".join(_allowed(request))})
    return problems.of_http(error)


async def _on_fault(request: Request, error: Exception) -> Response:
    """Answer a fault of the server's own without telling of its inside. This is outside of all guards."""
    return problems.of_status(500, "the server failed at this request; its log says more.", SAFE)


def _allowed(request: Request) -> list[str]:
    """All methods that some route takes at the request's path; a router by itself names those of one route."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
