"""Workflows: tasks in order, with a summary once they are over."""

from __future__ import annotations

from typing import Literal, TypeAlias

from threadlog.model.base import Model, Sparse
from threadlog.model.icons import Icon
from threadlog.model.tasks import Task


class CustomSummary(Sparse):
    """What a finished workflow is called."""

    title: str
    icon: Icon | None = None


class DurationSummary(Model):
    """How long a finished workflow took."""

    duration: int
    """In seconds."""


WorkflowSummary: TypeAlias = CustomSummary | DurationSummary
"""Any summary; told apart by their fields."""


class Workflow(Sparse):
    """Tasks that belong together."""

    type: Literal["custom", "reasoning"]
    tasks: list[Task]
    summary: WorkflowSummary | None = None
    """Shown in place of the tasks once there is one."""
    expanded: bool = False
    """Whether the tasks are shown beside the summary."""
