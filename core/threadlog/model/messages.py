"""What user and assistant messages are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StrictBool

from threadlog.model.base import Model, Sparse, Tagged
from threadlog.model.sources import EntitySource, FileSource, URLSource


class Annotation(Sparse):
    """A reference from an assistant's text to a source."""

    type: Literal["annotation"] = "annotation"
    source: URLSource | FileSource | EntitySource
    index: int | None = None
    """Character of the text at which the reference stands."""


class AssistantMessageContent(Model):
    """One part of an assistant's message."""

    type: Literal["output_text"] = "output_text"
    text: str
    """Markdown."""
    annotations: list[Annotation] = Field(default_factory=list)


class UserMessageTextContent(Tagged):
    """Plain text of a user."""

    type: Literal["input_text"] = "input_text"
    text: str


class UserMessageTagContent(Sparse, Tagged):
    """A thing that a user named in a message, such as a colleague or a document."""

    type: Literal["input_tag"] = "input_tag"
    id: str
    text: str
    data: dict[str, Any]
    group: str | None = None
    interactive: StrictBool = False


UserMessageContent: TypeAlias = Annotated[UserMessageTextContent | UserMessageTagContent, Field(discriminator="type")]
"""Any part of a user's message."""


class ToolChoice(Model):
    """The tool that the user wants used."""

    id: str


class InferenceOptions(Sparse):
    """What the user chose for the answer to a message."""

    tool_choice: ToolChoice | None = None
    model: str | None = None


class UserMessageInput(Sparse):
    """A user's message as a client submits it."""

    content: list[UserMessageContent]
    attachments: list[str]
    """Ids of attachments."""
    quoted_text: str | None = None
    inference_options: InferenceOptions
