"""Runs of agents taken in from elsewhere: the way in for an import while the server is the log's one writer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ImportedRun(BaseModel):
    """One line of a file of runs: an id and OpenAI chat messages; further fields are kept."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    id: Annotated[str, Field(min_length=1)]
    messages: list[dict[str, Any]]


class Imported(BaseModel):
    """What became of a run."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Literal["imported", "unchanged", "grown", "differs", "invalid"]
    thread_id: str | None
    """The thread that the run is."""
    events: int
    """Events that were appended."""
    message: str | None
    """More about it, for people."""
