"""Whether the server lives, and whether it can take events."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.log import LogStopped
from threadlog_server.call import CurrentService
from threadlog_server.problems import documented
from threadlog_server.routes import json_response


class Alive(BaseModel):
    """The server answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The server takes events."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Literal["ready"] = "ready"
    log: str
    """The log's scheme."""
    durability: str
    """What an acknowledged event survives: `memory`, `process`, `disk` or `replicated`."""
    waiting: int = Field(ge=0)
    """Events that wait to be stored."""
    streams: int = Field(ge=0)
    """Open event streams."""


async def livez() -> Response:
    """Say that the server answers."""
    return json_response(Alive())


async def readyz(service: CurrentService) -> Response:
    """Say whether the log can take events now, and if not, why."""
    status = await service.store.log.status()
    if not status.writable:
        raise LogStopped(status.reason or "the log cannot take events now.")
    info = service.store.log.info
    ready = Ready(
        log=info.scheme,
        durability=info.durability.name.lower(),
        waiting=service.store.committer.depth.events,
        streams=len(service.streams),
    )
    return json_response(ready)


def add_routes(router: APIRouter) -> None:
    """Add the routes of health."""
    router.add_api_route("/livez", livez, response_model=Alive, responses=documented())
    router.add_api_route("/readyz", readyz, response_model=Ready, responses=documented())
