"""The routes as a router, and mounted into an application of one's own."""

# Annotations are evaluated in this module (no `from __future__`): the principal's dependency is an argument.
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request

from threadlog.store import Principal
from threadlog_server import events, imports, items, messages, replay, runs, states, threads
from threadlog_server.call import Call
from threadlog_server.guards import BodyGuard, OriginGuard, Under
from threadlog_server.principal import PrincipalDependency
from threadlog_server.routes import ProblemRoute
from threadlog_server.service import ThreadService

VERSION = "/v1"
"""What the paths of this API begin with."""


def router(
    service: ThreadService, principal: PrincipalDependency, *, prefix: str = "", dependencies: Sequence[Any] = ()
) -> APIRouter:
    """All routes of threads.

    Args:
        service: what serves them; open while they are used.
        principal: the dependency that says who calls.
        prefix: what their paths begin with, before ``/v1``.
        dependencies: further dependencies of every route (``Depends(...)``), resolved first. Give them here rather
            than to `include_router`: parameters that nobody is known to read are refused.
    """

    async def prepare(request: Request, caller: Annotated[Principal, Depends(principal)]) -> None:
        request.state.threadlog = service
        request.state.threadlog_call = Call(caller, service)

    made = APIRouter(prefix=prefix + VERSION, route_class=ProblemRoute, dependencies=[*dependencies, Depends(prepare)])
    for noun in (threads, items, states, events, messages, runs, replay, imports):
        noun.add_routes(made)
    return made


def mount(
    app: FastAPI,
    service: ThreadService,
    *,
    principal: PrincipalDependency,
    prefix: str = "",
    dependencies: Sequence[Any] = (),
    allowed_origins: Sequence[str] = (),
) -> None:
    """Mount the routes into an application, which enters the service in its lifespan (``async with service``).

    Bodies below the prefix are bounded and JSON only, and pages of other origins are refused there. Which hosts the
    application answers to, and CORS headers, are the application's own matter.

    Args:
        app: the application, before it is started.
        service: what serves the routes.
        principal: the dependency that says who calls, or raises `HTTPException`.
        prefix: what the paths begin with, before ``/v1``.
        dependencies: further dependencies of every route.
        allowed_origins: other origins whose pages may call.
    """
    app.include_router(router(service, principal, prefix=prefix, dependencies=dependencies))
    app.add_middleware(Under, prefix=prefix + VERSION, guard=lambda inner: BodyGuard(inner, service.limits.body_bytes))
    app.add_middleware(Under, prefix=prefix + VERSION, guard=lambda inner: OriginGuard(inner, allowed_origins))
