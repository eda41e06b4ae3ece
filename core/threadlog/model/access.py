"""Access events: with whom the owner shares a thread (not part of ChatKit's vocabulary)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from threadlog.model.events import ThreadEvent

AccessRole: TypeAlias = Literal["viewer", "editor"]
"""Viewers read; editors write as well."""


class AccessGranted(ThreadEvent):
    """A user may now do what the role allows, in place of an earlier role."""

    type: Literal["access.granted"] = "access.granted"
    user: str
    role: AccessRole


class AccessRevoked(ThreadEvent):
    """A user may no longer see the thread."""

    type: Literal["access.revoked"] = "access.revoked"
    user: str


ACCESS_EVENT_TYPES: tuple[type[ThreadEvent], ...] = (AccessGranted, AccessRevoked)
"""The access event types of this version."""
