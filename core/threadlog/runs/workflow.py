"""A workflow while its tasks are being worked on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from threadlog.model import (
    DurationSummary,
    Task,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    Workflow,
    WorkflowItem,
    WorkflowSummary,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
    new_id,
)
from threadlog.runs.errors import InvalidOutput


class WorkflowStream:
    """Writes one workflow, task by task.

    Args:
        stream: where its events go.
    """

    def __init__(self, thread_id: str, workflow: Workflow, stream: Callable[[ThreadEvent], Awaitable[None]]) -> None:
        self._stream = stream
        self._item = WorkflowItem(
            id=new_id("workflow"),
            thread_id=thread_id,
            created_at=datetime.now(UTC),
            workflow=workflow.model_copy(deep=True),
        )

    @property
    def item(self) -> WorkflowItem:
        """The workflow as it stands."""
        return self._item.model_copy(deep=True)

    async def open(self) -> None:
        """Begin the workflow."""
        await self._stream(ThreadItemAddedEvent(item=self._item))

    async def add(self, task: Task) -> int:
        """Add a task and return its index."""
        tasks = self._item.workflow.tasks
        tasks.append(task)
        index = len(tasks) - 1
        await self._stream(
            ThreadItemUpdatedEvent(item_id=self._item.id, update=WorkflowTaskAdded(task=task, task_index=index))
        )
        return index

    async def update(self, task: Task, index: int) -> None:
        """Put another task in the place of one.

        Raises:
            InvalidOutput: there is none of this index.
        """
        tasks = self._item.workflow.tasks
        if not 0 <= index < len(tasks):
            raise InvalidOutput(f"the workflow has no task {index}; it has {len(tasks)}, counted from 0.")
        tasks[index] = task
        await self._stream(
            ThreadItemUpdatedEvent(item_id=self._item.id, update=WorkflowTaskUpdated(task=task, task_index=index))
        )

    async def close(self, summary: WorkflowSummary | None, *, expanded: bool) -> None:
        """End the workflow; without a summary it is summed up by its duration."""
        workflow = self._item.workflow
        if summary is not None:
            workflow.summary = summary
        elif workflow.summary is None:
            seconds = (datetime.now(UTC) - self._item.created_at).total_seconds()
            workflow.summary = DurationSummary(duration=max(0, round(seconds)))
        workflow.expanded = expanded
        await self._stream(ThreadItemDoneEvent(item=self._item))
