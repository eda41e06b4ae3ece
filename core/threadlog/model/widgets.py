"""Widgets: user interface that an agent sends as data.

Their vocabulary is ChatKit's and grows with its clients, so that they are open JSON objects here.
"""

from __future__ import annotations

from typing import Literal

from threadlog.model.base import Sparse


class WidgetComponent(Sparse):
    """A part of a widget; its fields are those of its `type`."""

    type: str
    id: str | None = None
    """Names the component for updates."""
    key: str | None = None
    children: WidgetComponent | list[WidgetComponent] | None = None
    """Components inside this one: one, a list, or none."""


class WidgetRoot(WidgetComponent):
    """A whole widget."""

    type: Literal["Card", "ListView", "Basic"]
