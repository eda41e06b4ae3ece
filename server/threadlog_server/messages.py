"""Messages of users, which start runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from threadlog.model import (
    InferenceOptions,
    UserMessageContent,
    UserMessageInput,
    UserMessageItem,
    UserMessageTextContent,
    derived_id,
)
from threadlog_server.call import Call, CurrentCall
from threadlog_server.errors import KeyReused
from threadlog_server.parameters import THREAD_ID, IdempotencyKey, ThreadId
from threadlog_server.problems import documented
from threadlog_server.routes import json_response


class TextMessage(BaseModel):
    """A message of plain text."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=100_000)]

    def message(self) -> UserMessageInput:
        """The message as runs take it."""
        content = [UserMessageTextContent(text=self.text)]
        return UserMessageInput(content=content, attachments=[], inference_options=InferenceOptions())


class RichMessage(BaseModel):
    """A message of parts, as ChatKit's clients send it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    content: Annotated[list[UserMessageContent], Field(min_length=1, max_length=100)]
    attachments: Annotated[list[Annotated[str, Field(pattern=THREAD_ID)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    """Ids of attachments that were saved before."""
    quoted_text: Annotated[str, Field(max_length=100_000)] | None = None
    """What the user marked in the thread before writing."""
    inference_options: InferenceOptions = Field(default_factory=InferenceOptions)

    def message(self) -> UserMessageInput:
        """The message as runs take it."""
        return UserMessageInput(
            content=self.content,
            attachments=self.attachments,
            quoted_text=self.quoted_text,
            inference_options=self.inference_options,
        )


class Started(BaseModel):
    """A run that has begun."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    run_id: str
    thread_id: str
    item: UserMessageItem
    """Your message as it is stored."""
    cursor: str
    """Where the run begins: follow the thread's events after it."""


async def send_message(
    call: CurrentCall,
    request: Request,
    thread_id: ThreadId,
    message: TextMessage | RichMessage,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Add a user's message to a thread and begin to answer it. The answer comes as events of the thread."""
    sent = message.message()
    run = await call.service.runner.start(call.principal, thread_id, sent, append_id=_append_id(call, idempotency_key))
    if not _holds(run.item, sent):
        raise KeyReused("this idempotency key was sent with another message before; take a new one for this message.")
    started = Started(run_id=run.run_id, thread_id=run.thread_id, item=run.item, cursor=str(run.cursor))
    events = request.url.path.removesuffix("messages") + "events"
    return json_response(started, 202, {"location": f"{events}?after={run.cursor}&until=run-end"})


def add_routes(router: APIRouter) -> None:
    """Add the routes of messages."""
    router.add_api_route(
        "/threads/{thread_id}/messages",
        send_message,
        methods=["POST"],
        status_code=202,
        response_model=Started,
        response_description="The message is stored, and the run has begun; `Location` is where its events are.",
        responses=documented(404, 409, 410),
    )


def _append_id(call: Call, key: str | None) -> str | None:
    return None if key is None else derived_id("append", call.principal.tenant, call.principal.user, key)


def _holds(item: UserMessageItem, sent: UserMessageInput) -> bool:
    """Whether a stored message is what was sent."""
    return (
        [part.model_dump() for part in item.content] == [part.model_dump() for part in sent.content]
        and [attachment.id for attachment in item.attachments] == sent.attachments
        and item.quoted_text == sent.quoted_text
        and item.inference_options.model_dump() == sent.inference_options.model_dump()
    )
