"""Threads: their metadata, their status, and pages of anything."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import Field, SerializeAsAny

from threadlog.model.base import Sparse, Tagged, UTCTime
from threadlog.model.items import OpenItem

T = TypeVar("T")


class Page(Sparse, Generic[T]):
    """Some of a longer list."""

    data: list[SerializeAsAny[T]] = Field(default_factory=list)
    has_more: bool = False
    after: str | None = None
    """Ask for what comes after this id to get the next page."""


class ActiveStatus(Tagged):
    """The thread takes messages."""

    type: Literal["active"] = "active"


class LockedStatus(Sparse, Tagged):
    """The thread takes no messages for now."""

    type: Literal["locked"] = "locked"
    reason: str | None = None


class ClosedStatus(Sparse, Tagged):
    """The thread takes no messages any more."""

    type: Literal["closed"] = "closed"
    reason: str | None = None


ThreadStatus: TypeAlias = Annotated[ActiveStatus | LockedStatus | ClosedStatus, Field(discriminator="type")]
"""Whether a thread takes messages."""


class ThreadMetadata(Sparse):
    """What is known of a thread without its items."""

    id: str
    title: str | None = None
    created_at: UTCTime
    status: ThreadStatus = Field(default_factory=ActiveStatus)
    allowed_image_domains: list[str] | None = None
    """Where images may be loaded from; None leaves it to the client."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """The application's own data."""


class Thread(ThreadMetadata):
    """A thread with its first items."""

    items: Page[OpenItem]
