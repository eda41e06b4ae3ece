"""Items: what a thread consists of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    Discriminator,
    Field,
    SerializeAsAny,
    Tag,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from threadlog.model.attachments import Attachment
from threadlog.model.base import Model, Sparse, Tagged, UTCTime
from threadlog.model.ids import new_id
from threadlog.model.messages import (
    AssistantMessageContent,
    InferenceOptions,
    UserMessageContent,
    UserMessageTextContent,
)
from threadlog.model.open_union import OTHER, AnyOf, tag_reader
from threadlog.model.structured_input import StructuredInput
from threadlog.model.tasks import Task
from threadlog.model.widgets import WidgetRoot
from threadlog.model.workflows import Workflow


class Item(Model):
    """Anything that can stand in a thread."""

    type: str
    id: str


class UnknownItem(Item):
    """An item of a type that this version does not know, or whose fields it cannot read: kept as it is."""


class ThreadItemBase(Item, Tagged):
    """What all known items have. Derive from it to add an item type, and register it."""

    thread_id: str
    created_at: UTCTime


class UserMessageItem(Sparse, ThreadItemBase):
    """What a user wrote."""

    type: Literal["user_message"] = "user_message"
    content: list[UserMessageContent]
    attachments: list[Attachment] = Field(default_factory=list)
    quoted_text: str | None = None
    """What the user marked in the thread before writing."""
    inference_options: InferenceOptions

    @classmethod
    def of_text(cls, thread_id: str, text: str) -> Self:
        """A message of plain text, with a fresh id, written now."""
        return cls(
            id=new_id("message"),
            thread_id=thread_id,
            created_at=datetime.now(UTC),
            content=[UserMessageTextContent(text=text)],
            inference_options=InferenceOptions(),
        )


class AssistantMessageItem(ThreadItemBase):
    """What an agent said."""

    type: Literal["assistant_message"] = "assistant_message"
    content: list[AssistantMessageContent]


class ClientToolCallItem(Sparse, ThreadItemBase):
    """A call of a tool that runs in the viewer's client."""

    type: Literal["client_tool_call"] = "client_tool_call"
    status: Literal["pending", "completed"] = "pending"
    call_id: str
    name: str
    arguments: dict[str, Any]
    output: Any | None = None


class ServerToolCallItem(Sparse, ThreadItemBase):
    """A call of a tool that runs beside the agent (not part of ChatKit's vocabulary)."""

    type: Literal["server_tool_call"] = "server_tool_call"
    status: Literal["pending", "completed", "failed"] = "pending"
    call_id: str
    """The model's name for the call."""
    name: str
    """The tool's name."""
    arguments: dict[str, Any] | str
    """As an object, or as the text that the model wrote, JSON or not."""
    output: Any | None = None
    """What the tool gave back, once it has."""
    error: str | None = None
    """What went wrong where the call failed, in a sentence for people."""


class WidgetItem(Sparse, ThreadItemBase):
    """A piece of user interface."""

    type: Literal["widget"] = "widget"
    widget: WidgetRoot
    copy_text: str | None = None
    """What the client copies in the widget's place."""


class GeneratedImage(Model):
    """An image that an agent made."""

    id: str
    url: str


class GeneratedImageItem(Sparse, ThreadItemBase):
    """An image in the thread; it has none while it is being made."""

    type: Literal["generated_image"] = "generated_image"
    image: GeneratedImage | None = None


class StructuredInputItem(ThreadItemBase):
    """A form that the user is asked to fill in."""

    type: Literal["structured_input"] = "structured_input"
    status: Literal["pending", "answered", "skipped"] = "pending"
    inputs: list[StructuredInput]


class TaskItem(ThreadItemBase):
    """A task that stands alone."""

    type: Literal["task"] = "task"
    task: Task


class WorkflowItem(ThreadItemBase):
    """Tasks that belong together."""

    type: Literal["workflow"] = "workflow"
    workflow: Workflow


class EndOfTurnItem(ThreadItemBase):
    """Says that the assistant has nothing to add to its turn."""

    type: Literal["end_of_turn"] = "end_of_turn"


class HiddenContextItem(ThreadItemBase):
    """What the agent should know and no viewer sees."""

    type: Literal["hidden_context_item"] = "hidden_context_item"
    content: Any


class SDKHiddenContextItem(ThreadItemBase):
    """Hidden context that a ChatKit server's own machinery writes."""

    type: Literal["sdk_hidden_context"] = "sdk_hidden_context"
    content: str


ITEM_TYPES: tuple[type[ThreadItemBase], ...] = (
    UserMessageItem,
    AssistantMessageItem,
    ClientToolCallItem,
    ServerToolCallItem,
    WidgetItem,
    GeneratedImageItem,
    StructuredInputItem,
    WorkflowItem,
    TaskItem,
    HiddenContextItem,
    SDKHiddenContextItem,
    EndOfTurnItem,
)
"""The item types of this version."""

ThreadItem: TypeAlias = Annotated[
    UserMessageItem
    | AssistantMessageItem
    | ClientToolCallItem
    | ServerToolCallItem
    | WidgetItem
    | GeneratedImageItem
    | StructuredInputItem
    | WorkflowItem
    | TaskItem
    | HiddenContextItem
    | SDKHiddenContextItem
    | EndOfTurnItem,
    Field(discriminator="type"),
]
"""Any item of a type of this version."""


def _other(value: Any, _: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Item:
    """Take an item of an application's own class, or make one; what nobody registered is kept as it is."""
    if isinstance(value, Item):
        return value
    registered: dict[str, type[Item]] = info.context or {}
    unknown = UnknownItem.model_validate(value)
    model = registered.get(unknown.type)
    return unknown if model is None else model.model_validate(value, context=registered)


OpenItem: TypeAlias = Annotated[
    Annotated[UserMessageItem, Tag("user_message")]
    | Annotated[AssistantMessageItem, Tag("assistant_message")]
    | Annotated[ClientToolCallItem, Tag("client_tool_call")]
    | Annotated[ServerToolCallItem, Tag("server_tool_call")]
    | Annotated[WidgetItem, Tag("widget")]
    | Annotated[GeneratedImageItem, Tag("generated_image")]
    | Annotated[StructuredInputItem, Tag("structured_input")]
    | Annotated[WorkflowItem, Tag("workflow")]
    | Annotated[TaskItem, Tag("task")]
    | Annotated[HiddenContextItem, Tag("hidden_context_item")]
    | Annotated[SDKHiddenContextItem, Tag("sdk_hidden_context")]
    | Annotated[EndOfTurnItem, Tag("end_of_turn")]
    | Annotated[SerializeAsAny[Item], WrapValidator(_other), Tag(OTHER)],
    Discriminator(tag_reader(*ITEM_TYPES)),
    AnyOf,
]
"""Any item at all: those of this version, those that an application registered, and unknown ones."""
