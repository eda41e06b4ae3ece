"""The state of a thread's runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from threadlog.projection.payloads import RunPayload

RunStatus: TypeAlias = Literal["active", "completed", "failed", "cancelled", "interrupted"]


class RunState(Struct, frozen=True, kw_only=True):
    """One run at one seq."""

    id: str
    status: RunStatus
    agent: str | None
    """The agent's name."""
    attempt: int
    """How many workers have taken the run up."""
    started_seq: int
    """The event with which the run began."""
    started_us: int
    """When: UTC, microseconds since 1970."""
    ended_seq: int | None = None
    """The event with which it ended; None while it is active."""
    ended_us: int | None = None
    parent_run_id: str | None = None
    input_item_id: str | None = None
    """The message that the run answers."""
    cancel_requested: bool = False
    reason: str | None = None
    """Why it ended, in the ending event's word."""
    error: str | None = None
    """What went wrong where it failed: one sentence for people."""

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.status == "active"


_ENDS: Mapping[str, RunStatus] = {
    "run.completed": "completed",
    "run.failed": "failed",
    "run.cancelled": "cancelled",
    "run.interrupted": "interrupted",
}

RUN_TYPES = frozenset({"run.started", "run.cancel_requested", *_ENDS})
"""The run events that change a run's state."""


def run_after(run: RunState | None, event_type: str, payload: RunPayload, seq: int, time_us: int) -> RunState | None:
    """A run after one of its events; None where the event does not fit.

    It does not fit a run that has not started, has ended already, or was taken up by a later attempt.
    """
    if event_type == "run.started":
        return _started(run, payload, seq, time_us)
    if run is None or not run.active or payload.attempt < run.attempt:
        return None
    if event_type == "run.cancel_requested":
        return msgspec.structs.replace(run, cancel_requested=True)
    return msgspec.structs.replace(
        run,
        status=_ENDS[event_type],
        ended_seq=seq,
        ended_us=time_us,
        reason=payload.reason,
        error=None if payload.error is None else payload.error.message,
    )


def _started(run: RunState | None, payload: RunPayload, seq: int, time_us: int) -> RunState | None:
    if run is None:
        return RunState(
            id=payload.run_id,
            status="active",
            agent=payload.agent,
            attempt=payload.attempt,
            started_seq=seq,
            started_us=time_us,
            parent_run_id=payload.parent_run_id,
            input_item_id=payload.input_item_id,
        )
    if payload.attempt <= run.attempt:
        return None
    return msgspec.structs.replace(
        run, status="active", agent=payload.agent, attempt=payload.attempt, ended_seq=None, ended_us=None, reason=None,
        error=None,
    )  # fmt: skip
