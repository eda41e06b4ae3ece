"""How runs end, and the events that say so."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from threadlog.model import (
    AssistantMessageItem,
    CustomSummary,
    DurationSummary,
    EndOfTurnItem,
    ErrorEvent,
    Item,
    RunCancelled,
    RunCompleted,
    RunError,
    RunFailed,
    RunInterrupted,
    ServerToolCallItem,
    ThreadEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    WorkflowItem,
    derived_id,
)
from threadlog.projection import ThreadState


class Completed(Struct, frozen=True):
    """The agent came to its end."""

    usage: dict[str, int] = {}


class Failed(Struct, frozen=True):
    """The agent raised an error, or took too long."""

    type: str
    """The error's class."""
    message: str
    """For the user; holds nothing that only operators may know."""
    reason: Literal["error", "timeout"] = "error"
    allow_retry: bool = False


class Cancelled(Struct, frozen=True):
    """Somebody asked for it."""

    by: str
    """Who, such as ``user:alice``."""


class Interrupted(Struct, frozen=True):
    """The run's server stopped or died."""

    reason: Literal["shutdown", "crash"]


Ending: TypeAlias = "Completed | Failed | Cancelled | Interrupted"

_WORDS = {Completed: "Done", Failed: "Failed", Cancelled: "Cancelled", Interrupted: "Interrupted"}


def final_events(state: ThreadState, run_id: str, ending: Ending, moment: datetime) -> list[ThreadEvent]:
    """What ends a run: its open items are completed as they are, the turn ends, and the outcome is recorded.

    - an assistant's message keeps the text that it has; one without any is taken out,
    - a workflow's unfinished tasks are no longer loading, and its summary names the outcome,
    - a server tool call without a result has failed,
    - everything else is done as it stands.

    Nothing here is random, so that deciding again gives the same events.
    """
    items = filter(None, map(state.item, state.open_item_ids))
    events: list[ThreadEvent] = [_closed(item, ending, moment) for item in items]
    if isinstance(ending, Failed):
        events.append(ErrorEvent(message=ending.message, allow_retry=ending.allow_retry))
    events.append(
        ThreadItemDoneEvent(
            item=EndOfTurnItem(id=derived_id("end_of_turn", run_id), thread_id=state.thread_id, created_at=moment)
        )
    )
    events.append(outcome_event(run_id, ending))
    return events


def outcome_event(run_id: str, ending: Ending) -> ThreadEvent:
    """The run's last event."""
    match ending:
        case Completed(usage):
            return RunCompleted(run_id=run_id, usage=usage) if usage else RunCompleted(run_id=run_id)
        case Failed(kind, message, reason):
            return RunFailed(run_id=run_id, reason=reason, error=RunError(type=kind, message=message))
        case Cancelled(by):
            return RunCancelled(run_id=run_id, reason=f"by {by}")
        case Interrupted(reason):
            return RunInterrupted(run_id=run_id, reason=reason)


def _closed(item: Item, ending: Ending, moment: datetime) -> ThreadEvent:
    if isinstance(item, AssistantMessageItem) and not any(part.text for part in item.content):
        return ThreadItemRemovedEvent(item_id=item.id)
    if isinstance(item, WorkflowItem):
        item = _closed_workflow(item, ending, moment)
    if isinstance(item, ServerToolCallItem) and item.status == "pending":
        item = item.model_copy(update={"status": "failed", "error": f"{_WORDS[type(ending)]} before it gave a result."})
    return ThreadItemDoneEvent(item=item)


def _closed_workflow(item: WorkflowItem, ending: Ending, moment: datetime) -> WorkflowItem:
    closed = item.model_copy(deep=True)
    for task in closed.workflow.tasks:
        if task.status_indicator == "loading":
            task.status_indicator = "none"
    if not isinstance(ending, Completed):
        closed.workflow.summary = CustomSummary(title=_WORDS[type(ending)])
    elif closed.workflow.summary is None:
        closed.workflow.summary = DurationSummary(duration=max(0, round((moment - item.created_at).total_seconds())))
    return closed
