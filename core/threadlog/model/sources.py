"""Where an answer comes from: what annotations and tasks refer to."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from threadlog.model.base import Sparse, Tagged
from threadlog.model.icons import Icon


class SourceBase(Sparse):
    """What all sources have."""

    title: str
    description: str | None = None
    timestamp: str | None = None
    """When the source was made or read, as text for people."""
    group: str | None = None
    """Sources of one group are shown together."""


class URLSource(SourceBase, Tagged):
    """A page of the web."""

    type: Literal["url"] = "url"
    url: str
    attribution: str | None = None


class FileSource(SourceBase, Tagged):
    """A file."""

    type: Literal["file"] = "file"
    filename: str


class EntitySource(SourceBase, Tagged):
    """A thing of the application's own, such as a customer or a ticket."""

    type: Literal["entity"] = "entity"
    id: str
    icon: Icon | None = None
    label: str | None = None
    """Shown beside the icon when the reader points at the source."""
    inline_label: str | None = None
    """Shown in the text in place of the icon."""
    interactive: bool = False
    """Whether the client calls back when the reader clicks."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Handed to the client's callbacks."""
    preview: Literal["lazy"] | None = None
    """Ignored by today's clients; kept because stored threads carry it."""


Source: TypeAlias = Annotated[URLSource | FileSource | EntitySource, Field(discriminator="type")]
"""Any source."""
