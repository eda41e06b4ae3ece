"""A thread as it was at any of its events: what its log amounts to up to there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.model import OpenItem, Page, ThreadMetadata
from threadlog.projection import RunState, RunStatus, ThreadState
from threadlog.store import ItemNotFound
from threadlog_server.call import CurrentCall
from threadlog_server.parameters import MAX_SEQ, AfterId, Limit, Order, ThreadId
from threadlog_server.problems import documented
from threadlog_server.routes import json_response

At = Annotated[int | None, Query(ge=1, le=MAX_SEQ, description="The seq of the event. Left out: the last one.")]


class Run(BaseModel):
    """One run."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    status: RunStatus
    agent: str | None
    """The agent's name."""
    started_at: datetime
    ended_at: datetime | None
    """null while it is active."""
    parent_run_id: str | None
    """The run that started this one."""
    cancel_requested: bool
    reason: str | None
    """Why it ended."""
    error: str | None
    """What went wrong where it failed."""

    @classmethod
    def of(cls, run: RunState) -> Run:
        """A run as it is shown."""
        return cls(
            id=run.id,
            status=run.status,
            agent=run.agent,
            started_at=_moment(run.started_us),
            ended_at=None if run.ended_us is None else _moment(run.ended_us),
            parent_run_id=run.parent_run_id,
            cancel_requested=run.cancel_requested,
            reason=run.reason,
            error=run.error,
        )


class State(BaseModel):
    """A thread at one seq."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    thread_id: str
    seq: int = Field(ge=0)
    cursor: str
    """Follow the events after it to keep this state up to date."""
    thread: ThreadMetadata | None
    """null before the thread was created."""
    active_run: str | None
    """The run that is going on."""
    runs: list[Run]
    """The last runs, oldest first: `RUNS` of them at most."""
    items: Page[OpenItem]


RUNS = 100
"""Runs that a state shows."""


async def read_state(
    call: CurrentCall,
    thread_id: ThreadId,
    at: At = None,
    limit: Limit = 100,
    after: AfterId = None,
    order: Order = "asc",
) -> Response:
    """Read what a thread was just after one of its events, in the middle of a stream too; its items by page."""
    state = await call.store.state(call.principal, thread_id, at=at)
    try:
        items = state.page_items(after, min(limit, call.service.limits.page), order)
    except KeyError:
        raise ItemNotFound(thread_id, after or "") from None
    return json_response(_shown(state, items))


def add_routes(router: APIRouter) -> None:
    """Add the routes of states."""
    router.add_api_route("/threads/{thread_id}/state", read_state, response_model=State, responses=documented(404, 410))


def _shown(state: ThreadState, items: Page[OpenItem]) -> State:
    active = state.active_run
    return State(
        thread_id=state.thread_id,
        seq=state.seq,
        cursor=str(state.cursor),
        thread=state.metadata,
        active_run=None if active is None else active.id,
        runs=[Run.of(run) for run in list(state.runs.values())[-RUNS:]],
        items=items,
    )


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
