"""One call of the API: who calls, and what serves the call."""

from __future__ import annotations

from typing import Annotated

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
    service: ThreadService = request.state.threadlog
    return service


async def call_of(request: Request) -> Call:
    """The call that the router's own dependency prepared (see `threadlog_server.mount.router`)."""
    call: Call = request.state.threadlog_call
    return call


CurrentCall = Annotated[Call, Depends(call_of)]
CurrentService = Annotated[ThreadService, Depends(service_of)]
