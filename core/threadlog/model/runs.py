"""Run events: the life of one execution of an agent in a thread (not part of ChatKit's vocabulary).

A run ends with exactly one of `RunCompleted`, `RunFailed`, `RunCancelled` and `RunInterrupted`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from threadlog.model.base import Sparse
from threadlog.model.events import ThreadEvent


class RunError(Sparse):
    """What went wrong, without the trace, which belongs into logs."""

    type: str
    """The error's class or code, such as ``TimeoutError``."""
    message: str
    """One sentence for people."""


class RunEvent(Sparse, ThreadEvent):
    """What all run events have."""

    run_id: str
    attempt: int = Field(default=1, ge=1)
    """Counts the workers that took the run up, from 1."""


class RunStarted(RunEvent):
    """A worker takes the run up: for the first time, or after another one died."""

    type: Literal["run.started"] = "run.started"
    agent: str
    """The agent's name."""
    parent_run_id: str | None = None
    """The run that started this one."""
    input_item_id: str | None = None
    """The message that the run answers."""


class RunStepStarted(RunEvent):
    """A step begins that is not to be done twice."""

    type: Literal["run.step.started"] = "run.step.started"
    step_id: str
    """The same in every attempt of the run."""
    name: str | None = None


class RunStepCompleted(RunEvent):
    """A step is done; a later attempt takes its result from here."""

    type: Literal["run.step.completed"] = "run.step.completed"
    step_id: str
    result: Any = None


class RunStepFailed(RunEvent):
    """A step failed."""

    type: Literal["run.step.failed"] = "run.step.failed"
    step_id: str
    error: RunError


class RunCheckpointSaved(RunEvent):
    """What the run needs to go on after a crash."""

    type: Literal["run.checkpoint.saved"] = "run.checkpoint.saved"
    checkpoint_id: str
    state: Any
    """The agent's own data."""


class RunCancelRequested(RunEvent):
    """Somebody wants the run to stop."""

    type: Literal["run.cancel_requested"] = "run.cancel_requested"
    reason: str | None = None


class RunCompleted(RunEvent):
    """The agent came to its end."""

    type: Literal["run.completed"] = "run.completed"


class RunFailed(RunEvent):
    """The agent failed, or took too long."""

    type: Literal["run.failed"] = "run.failed"
    reason: str = "error"
    """``error`` or ``timeout``."""
    error: RunError


class RunCancelled(RunEvent):
    """The run was stopped by request."""

    type: Literal["run.cancelled"] = "run.cancelled"
    reason: str | None = None


class RunInterrupted(RunEvent):
    """The run's worker is gone, and nobody had asked for it."""

    type: Literal["run.interrupted"] = "run.interrupted"
    reason: str
    """``crash``, ``shutdown``, or a word of the application's own."""


RUN_EVENT_TYPES: tuple[type[RunEvent], ...] = (
    RunStarted,
    RunStepStarted,
    RunStepCompleted,
    RunStepFailed,
    RunCheckpointSaved,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunCancelled,
    RunInterrupted,
)
"""The run event types of this version."""

RunStreamEvent: TypeAlias = Annotated[
    RunStarted
    | RunStepStarted
    | RunStepCompleted
    | RunStepFailed
    | RunCheckpointSaved
    | RunCancelRequested
    | RunCompleted
    | RunFailed
    | RunCancelled
    | RunInterrupted,
    Field(discriminator="type"),
]
"""Any run event."""
