"""What folding needs of a payload, read straight from its bytes.

`msgspec` structs and not the models of `threadlog.model`: a text delta is read in 0.2 µs, where making its model takes
many times that. They are never part of a cycle, so that the garbage collector need not know of them. What does not fit
is malformed for the fold, which then leaves the event out (see `Fold`).
"""

from __future__ import annotations

from typing import Any, TypeAlias, get_args

import msgspec
from msgspec import Raw, Struct

Json: TypeAlias = "dict[str, Any]"


class ItemName(Struct, gc=False):
    """What identifies an item."""

    id: str
    type: str


class ItemPayload(Struct, gc=False):
    """An event that carries a whole item."""

    item: Raw


class ItemIdPayload(Struct, gc=False):
    """An event that names an item."""

    item_id: str


class ThreadPayload(Struct, gc=False):
    """An event that carries a thread's metadata."""

    thread: Json


class TextDelta(Struct, tag="assistant_message.content_part.text_delta", gc=False):
    """The next characters of a part's text."""

    content_index: int
    delta: str


class PartAdded(Struct, tag="assistant_message.content_part.added", gc=False):
    """A part begins."""

    content_index: int
    content: Json


class PartDone(Struct, tag="assistant_message.content_part.done", gc=False):
    """A part is complete."""

    content_index: int
    content: Json


class AnnotationAdded(Struct, tag="assistant_message.content_part.annotation_added", gc=False):
    """A part got an annotation."""

    content_index: int
    annotation_index: int
    annotation: Json


class WidgetTextDelta(Struct, tag="widget.streaming_text.value_delta", gc=False):
    """The next characters of a widget component."""

    component_id: str
    delta: str
    done: bool = False


class WidgetRootUpdated(Struct, tag="widget.root.updated", gc=False):
    """A whole new widget."""

    widget: Json


class WidgetComponentUpdated(Struct, tag="widget.component.updated", gc=False):
    """A new component in the place of another."""

    component_id: str
    component: Json


class TaskAdded(Struct, tag="workflow.task.added", gc=False):
    """A workflow's next task."""

    task_index: int
    task: Json


class TaskUpdated(Struct, tag="workflow.task.updated", gc=False):
    """A new form of a workflow's task."""

    task_index: int
    task: Json


class ImageUpdated(Struct, tag="generated_image.updated", gc=False):
    """A new form of an image."""

    image: Json


StructuralUpdate: TypeAlias = (
    PartAdded
    | PartDone
    | AnnotationAdded
    | WidgetRootUpdated
    | WidgetComponentUpdated
    | TaskAdded
    | TaskUpdated
    | ImageUpdated
)
"""Every update but the two kinds of text delta."""


class UpdatePayload(Struct, gc=False):
    """``thread.item.updated``."""

    item_id: str
    update: TextDelta | WidgetTextDelta | StructuralUpdate


UPDATE_KINDS = frozenset(
    kind.__struct_config__.tag for kind in (TextDelta, WidgetTextDelta, *get_args(StructuralUpdate))
)
"""The types of update that mean something to the fold."""


class _Kind(Struct, gc=False):
    type: str


class _KindPayload(Struct, gc=False):
    item_id: str
    update: _Kind


class RunErrorPayload(Struct, gc=False):
    """Why a run failed."""

    type: str
    message: str


class RunPayload(Struct, gc=False):
    """Any ``run.*`` event."""

    run_id: str
    attempt: int = 1
    agent: str | None = None
    parent_run_id: str | None = None
    input_item_id: str | None = None
    reason: str | None = None
    error: RunErrorPayload | None = None


class GrantPayload(Struct, gc=False):
    """``access.granted`` and ``access.revoked``."""

    user: str
    role: str | None = None


class AttachmentPayload(Struct, gc=False):
    """``attachment.saved``."""

    attachment: Raw
    owner: str | None = None


class AttachmentName(Struct, gc=False):
    """What identifies an attachment."""

    id: str


class AttachmentIdPayload(Struct, gc=False):
    """``attachment.deleted``."""

    attachment_id: str


def update_kind(data: bytes) -> str:
    """The type of the update in a ``thread.item.updated``.

    Raises:
        msgspec.DecodeError: it has none.
    """
    return _kind_payload(data).update.type


_kind_payload = msgspec.json.Decoder(_KindPayload).decode
item_name = msgspec.json.Decoder(ItemName).decode
item_payload = msgspec.json.Decoder(ItemPayload).decode
item_id_payload = msgspec.json.Decoder(ItemIdPayload).decode
thread_payload = msgspec.json.Decoder(ThreadPayload).decode
update_payload = msgspec.json.Decoder(UpdatePayload).decode
run_payload = msgspec.json.Decoder(RunPayload).decode
grant_payload = msgspec.json.Decoder(GrantPayload).decode
attachment_payload = msgspec.json.Decoder(AttachmentPayload).decode
attachment_name = msgspec.json.Decoder(AttachmentName).decode
attachment_id_payload = msgspec.json.Decoder(AttachmentIdPayload).decode
