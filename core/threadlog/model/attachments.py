"""Attachments: files that belong to user messages. The log holds what is known of them, never their bytes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from threadlog.model.base import Model, Sparse, Tagged, Url


class AttachmentUploadDescriptor(Model):
    """How the client uploads the bytes, where creating and uploading are two steps."""

    url: Url
    method: Literal["POST", "PUT"]
    headers: dict[str, str] = Field(default_factory=dict)


class AttachmentBase(Sparse):
    """What all attachments have."""

    id: str
    name: str
    mime_type: str
    upload_descriptor: AttachmentUploadDescriptor | None = None
    """None once the bytes are there."""
    thread_id: str | None = None
    """The thread of the message that carries it; None before it was sent."""
    metadata: dict[str, Any] | None = None
    """The application's own data."""


class FileAttachment(AttachmentBase, Tagged):
    """A file of any kind."""

    type: Literal["file"] = "file"


class ImageAttachment(AttachmentBase, Tagged):
    """An image with a preview."""

    type: Literal["image"] = "image"
    preview_url: Url


Attachment: TypeAlias = Annotated[FileAttachment | ImageAttachment, Field(discriminator="type")]
"""Any attachment."""
