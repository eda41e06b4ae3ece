"""What messages say, as plain text."""

from __future__ import annotations

from threadlog.model import AssistantMessageItem, UserMessageItem, UserMessageTagContent


def text_of(item: UserMessageItem | AssistantMessageItem) -> str:
    """The text of a message, its parts joined; what a user tagged is written as ``@name``."""
    return "".join(f"@{part.text}" if isinstance(part, UserMessageTagContent) else part.text for part in item.content)
