"""Updates: how an item changes while it is being made."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, SerializeAsAny, Tag

from threadlog.model.base import Model, Sparse, Tagged
from threadlog.model.items import GeneratedImage
from threadlog.model.messages import Annotation, AssistantMessageContent
from threadlog.model.open_union import OTHER, AnyOf, tag_reader
from threadlog.model.tasks import Task
from threadlog.model.widgets import WidgetComponent, WidgetRoot


class Update(Model):
    """Any change of one item."""

    type: str


class UnknownUpdate(Update):
    """An update of a type that this version does not know: kept as it is."""


class UpdateBase(Update, Tagged):
    """What all known updates are."""


class AssistantMessageContentPartAdded(UpdateBase):
    """A new part of an assistant's message begins."""

    type: Literal["assistant_message.content_part.added"] = "assistant_message.content_part.added"
    content_index: int
    """The part's place in the message, from 0."""
    content: AssistantMessageContent


class AssistantMessageContentPartTextDelta(UpdateBase):
    """The next characters of a part's text."""

    type: Literal["assistant_message.content_part.text_delta"] = "assistant_message.content_part.text_delta"
    content_index: int
    delta: str


class AssistantMessageContentPartAnnotationAdded(UpdateBase):
    """A part's text got a reference to a source."""

    type: Literal["assistant_message.content_part.annotation_added"] = "assistant_message.content_part.annotation_added"
    content_index: int
    annotation_index: int
    """The annotation's place in the part, from 0."""
    annotation: Annotation


class AssistantMessageContentPartDone(UpdateBase):
    """A part is complete."""

    type: Literal["assistant_message.content_part.done"] = "assistant_message.content_part.done"
    content_index: int
    content: AssistantMessageContent
    """The whole part."""


class WidgetStreamingTextValueDelta(UpdateBase):
    """The next characters of a widget's text."""

    type: Literal["widget.streaming_text.value_delta"] = "widget.streaming_text.value_delta"
    component_id: str
    delta: str
    done: bool
    """Whether the text is complete."""


class WidgetRootUpdated(UpdateBase):
    """The whole widget is another one."""

    type: Literal["widget.root.updated"] = "widget.root.updated"
    widget: WidgetRoot


class WidgetComponentUpdated(UpdateBase):
    """A component of the widget is another one."""

    type: Literal["widget.component.updated"] = "widget.component.updated"
    component_id: str
    component: WidgetComponent


class WorkflowTaskAdded(UpdateBase):
    """A workflow got a task."""

    type: Literal["workflow.task.added"] = "workflow.task.added"
    task_index: int
    """The task's place in the workflow, from 0."""
    task: Task


class WorkflowTaskUpdated(UpdateBase):
    """A workflow's task changed."""

    type: Literal["workflow.task.updated"] = "workflow.task.updated"
    task_index: int
    task: Task
    """The whole task."""


class GeneratedImageUpdated(Sparse, UpdateBase):
    """An image is there, or a better version of it."""

    type: Literal["generated_image.updated"] = "generated_image.updated"
    image: GeneratedImage
    progress: float | None = None
    """How much of the image is done, from 0 to 1."""


UPDATE_TYPES: tuple[type[UpdateBase], ...] = (
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartTextDelta,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    WidgetStreamingTextValueDelta,
    WidgetRootUpdated,
    WidgetComponentUpdated,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
    GeneratedImageUpdated,
)
"""The update types of this version."""

ThreadItemUpdate: TypeAlias = Annotated[
    AssistantMessageContentPartAdded
    | AssistantMessageContentPartTextDelta
    | AssistantMessageContentPartAnnotationAdded
    | AssistantMessageContentPartDone
    | WidgetStreamingTextValueDelta
    | WidgetRootUpdated
    | WidgetComponentUpdated
    | WorkflowTaskAdded
    | WorkflowTaskUpdated
    | GeneratedImageUpdated,
    Field(discriminator="type"),
]
"""Any update of a type of this version."""

OpenUpdate: TypeAlias = Annotated[
    Annotated[AssistantMessageContentPartAdded, Tag("assistant_message.content_part.added")]
    | Annotated[AssistantMessageContentPartTextDelta, Tag("assistant_message.content_part.text_delta")]
    | Annotated[AssistantMessageContentPartAnnotationAdded, Tag("assistant_message.content_part.annotation_added")]
    | Annotated[AssistantMessageContentPartDone, Tag("assistant_message.content_part.done")]
    | Annotated[WidgetStreamingTextValueDelta, Tag("widget.streaming_text.value_delta")]
    | Annotated[WidgetRootUpdated, Tag("widget.root.updated")]
    | Annotated[WidgetComponentUpdated, Tag("widget.component.updated")]
    | Annotated[WorkflowTaskAdded, Tag("workflow.task.added")]
    | Annotated[WorkflowTaskUpdated, Tag("workflow.task.updated")]
    | Annotated[GeneratedImageUpdated, Tag("generated_image.updated")]
    | Annotated[SerializeAsAny[UnknownUpdate], Tag(OTHER)],
    Discriminator(tag_reader(*UPDATE_TYPES)),
    AnyOf,
]
"""Any update at all, unknown ones included."""
