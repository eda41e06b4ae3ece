"""Attachment events: the life of one attachment, in a stream of its own (not part of ChatKit's vocabulary)."""

from __future__ import annotations

from typing import Literal

from threadlog.model.attachments import Attachment
from threadlog.model.base import Sparse
from threadlog.model.events import ThreadEvent


class AttachmentSaved(Sparse, ThreadEvent):
    """What is known of the attachment from now on."""

    type: Literal["attachment.saved"] = "attachment.saved"
    attachment: Attachment
    owner: str | None = None
    """The user whose attachment it is, as the first event of the stream says."""


class AttachmentDeleted(ThreadEvent):
    """The attachment is gone for its users."""

    type: Literal["attachment.deleted"] = "attachment.deleted"
    attachment_id: str


ATTACHMENT_EVENT_TYPES: tuple[type[ThreadEvent], ...] = (AttachmentSaved, AttachmentDeleted)
"""The attachment event types of this version."""
