"""Tasks: steps of an agent's work that a viewer can watch, alone or in a workflow."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from threadlog.model.base import Sparse, Tagged
from threadlog.model.icons import Icon
from threadlog.model.sources import FileSource, URLSource


class TaskBase(Sparse):
    """What all tasks have."""

    status_indicator: Literal["none", "loading", "complete"] = "none"
    """How far the task is; drawn only inside a workflow."""


class CustomTask(TaskBase, Tagged):
    """A task in the application's own words."""

    type: Literal["custom"] = "custom"
    title: str | None = None
    icon: Icon | None = None
    content: str | None = None


class SearchTask(TaskBase, Tagged):
    """A search of the web."""

    type: Literal["web_search"] = "web_search"
    title: str | None = None
    title_query: str | None = None
    """The query that the title speaks of."""
    queries: list[str] = Field(default_factory=list)
    sources: list[URLSource] = Field(default_factory=list)
    """What was found."""


class ThoughtTask(TaskBase, Tagged):
    """A piece of the agent's reasoning."""

    type: Literal["thought"] = "thought"
    title: str | None = None
    content: str


class FileTask(TaskBase, Tagged):
    """Work on files."""

    type: Literal["file"] = "file"
    title: str | None = None
    sources: list[FileSource] = Field(default_factory=list)


class ImageTask(TaskBase, Tagged):
    """Work on an image."""

    type: Literal["image"] = "image"
    title: str | None = None


Task: TypeAlias = Annotated[CustomTask | SearchTask | ThoughtTask | FileTask | ImageTask, Field(discriminator="type")]
"""Any task."""
