"""One call of the API: who calls, and what serves the call."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from msgspec import Struct

from threadlog.store import Principal, ThreadStore
from threadlog_server.service import ThreadService


class Call(Struct, frozen=True):
    """Who calls, and what serves the call."""

    principal: Principal
    service: ThreadService

    @property
    def store(self) -> ThreadStore:
        """The thread store."""
        return self.service.store


async def service_of(request: Request) -> ThreadService:
    """The service that the router's own dependency prepared."""
    service: ThreadService = _prepared(request, "threadlog")
    return service


async def call_of(request: Request) -> Call:
    """The call that the router's own dependency prepared (see `threadlog_server.mount.router`)."""
    call: Call = _prepared(request, "threadlog_call")
    return call


def _prepared(request: Request, name: str) -> Any:
    # FastAPI goes on to the other dependencies when one finds the request invalid, and then answers 422 without
    # calling the route: what was not prepared is not used either.
    return getattr(request.state, name, None)


CurrentCall = Annotated[Call, Depends(call_of)]
CurrentService = Annotated[ThreadService, Depends(service_of)]
