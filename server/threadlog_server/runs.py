"""Runs of agents: stopped by request. They begin with a message and go on when viewers leave."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from threadlog_server.call import CurrentCall
from threadlog_server.parameters import RunId, ThreadId
from threadlog_server.problems import documented
from threadlog_server.routes import json_response
from threadlog_server.states import Run


async def cancel_run(call: CurrentCall, thread_id: ThreadId, run_id: RunId) -> Response:
    """Stop a run and answer when its end is recorded; what it has said stays. One that is over stays as it is."""
    return json_response(Run.of(await call.service.runner.cancel(call.principal, thread_id, run_id)))


def add_routes(router: APIRouter) -> None:
    """Add the routes of runs."""
    router.add_api_route(
        "/threads/{thread_id}/runs/{run_id}/cancel",
        cancel_run,
        methods=["POST"],
        response_model=Run,
        response_description="The run as it ended.",
        responses=documented(404, 409, 410),
    )
