"""Names of the icons that ChatKit's clients can draw."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import StringConstraints

NamedIcon: TypeAlias = Literal[
    "agent", "analytics", "atom", "batch", "bolt", "book-clock", "book-closed", "book-open", "bug", "calendar",
    "chart", "check", "check-circle", "check-circle-filled", "chevron-left", "chevron-right", "circle-question",
    "clock", "compass", "confetti", "cube", "desktop", "document", "dot", "dots-horizontal", "dots-vertical",
    "empty-circle", "external-link", "globe", "images", "info", "keys", "lab", "lifesaver", "lightbulb", "mail",
    "map-pin", "maps", "mobile", "name", "notebook", "notebook-pencil", "page-blank", "phone", "play", "plus",
    "profile", "profile-card", "reload", "search", "settings-slider", "sparkle", "sparkle-double", "square-code",
    "square-image", "square-text", "star", "star-filled", "suitcase", "user", "wreath", "write", "write-alt",
    "write-alt2",
]  # fmt: skip
"""The built-in icons."""

Icon: TypeAlias = (
    NamedIcon
    | Annotated[str, StringConstraints(pattern=r"^vendor:")]
    | Annotated[str, StringConstraints(pattern=r"^lucide:")]
)
"""A built-in icon, or one of a family: ``lucide:…``, ``vendor:…``."""
