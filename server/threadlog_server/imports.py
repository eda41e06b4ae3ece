"""Runs of agents taken in from elsewhere: the way in for an import while the server is the log's one writer."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.exchange import ImportOutcome, InvalidRun, import_run
from threadlog_server.call import CurrentCall
from threadlog_server.jsonschema import ANY
from threadlog_server.problems import documented
from threadlog_server.routes import json_response

_RUN: dict[str, Any] = {
    "type": "object",
    "title": "ImportedRun",
    "description": "One line of a file of runs: OpenAI chat messages, an id, and whatever else is known of the run.",
    "required": ["messages"],
    "properties": {
        "id": {"type": ["string", "integer", "null"], "description": "Names the run; without it, its content does."},
        "messages": {"type": "array", "items": ANY, "description": "Real files are not tidy: anything is kept."},
    },
    "additionalProperties": ANY,
}


class Imported(BaseModel):
    """What became of a run."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Literal["imported", "unchanged", "grown", "differs"]
    """`differs` says that the thread holds another past than the run, and was left alone."""
    thread_id: str
    """The thread that the run is."""
    events: int = Field(ge=0)
    """Events that were appended."""
    message: str | None
    """More about it, for people."""


async def import_one(call: CurrentCall, request: Request) -> Response:
    """Take in one run as a thread of yours. Doing it again finishes it, or changes nothing."""
    # The body is taken as it is: runs may hold what a strict reader of JSON refuses, such as lone surrogates.
    outcome = await import_run(call.store, call.principal, await request.body())
    if outcome.status == "invalid" or outcome.thread_id is None:
        raise InvalidRun(_text(outcome.message) or "this is no run.")
    return json_response(_imported(outcome, outcome.status, outcome.thread_id))


def add_routes(router: APIRouter) -> None:
    """Add the routes of imports."""
    router.add_api_route(
        "/imports",
        import_one,
        methods=["POST"],
        response_model=Imported,
        response_description="What became of it.",
        responses=documented(409),
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _RUN}}}},
    )


def _imported(
    outcome: ImportOutcome, status: Literal["imported", "unchanged", "grown", "differs"], thread_id: str
) -> Imported:
    return Imported(status=status, thread_id=thread_id, events=outcome.events, message=_text(outcome.message))


def _text(message: str | None) -> str | None:
    """A message that can be sent: it may name a run whose id holds a lone surrogate."""
    return None if message is None else message.encode("utf-8", "backslashreplace").decode()
