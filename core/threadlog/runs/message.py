"""An assistant's message while it is being written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from threadlog.model import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    UpdateBase,
    new_id,
)


class _Part:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.annotations: list[Annotation] = []
        self.held = ""

    def content(self) -> AssistantMessageContent:
        return AssistantMessageContent(text="".join(self.pieces), annotations=list(self.annotations))

    def take(self, text: str, *, last: bool) -> str:
        """`text` as UTF-8 can carry it: halves of a surrogate pair that came apart are joined, lone ones replaced."""
        text = self.held + text
        self.held = ""
        if text and "\ud800" <= text[-1] <= "\udbff" and not last:
            text, self.held = text[:-1], text[-1]
        if not text.isascii():
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self.pieces.append(text)
        return text


class MessageStream:
    """Writes one assistant's message, piece by piece; most messages have one part, 0.

    Args:
        stream: where its events go.
    """

    def __init__(self, thread_id: str, stream: Callable[[ThreadEvent], Awaitable[None]]) -> None:
        self._stream = stream
        self._parts: list[_Part] = []
        self._item = AssistantMessageItem(
            id=new_id("message"), thread_id=thread_id, created_at=datetime.now(UTC), content=[]
        )

    @property
    def text(self) -> str:
        """What has been written, of all parts."""
        return "".join(piece for part in self._parts for piece in part.pieces)

    @property
    def item(self) -> AssistantMessageItem:
        """The message as far as it has been written."""
        return self._item.model_copy(update={"content": [part.content() for part in self._parts]})

    async def open(self) -> None:
        """Begin the message."""
        await self._stream(ThreadItemAddedEvent(item=self._item))

    async def write(self, text: str, part: int = 0) -> None:
        """Add text (Markdown) to a part; parts begin when they are first written to."""
        await self._write(await self._part(part), part, text)

    async def annotate(self, annotation: Annotation, part: int = 0) -> None:
        """Add a reference to a source."""
        annotations = (await self._part(part)).annotations
        annotations.append(annotation)
        await self._update(
            AssistantMessageContentPartAnnotationAdded(
                content_index=part, annotation_index=len(annotations) - 1, annotation=annotation
            )
        )

    async def close(self) -> None:
        """Complete the parts and the message."""
        for index, part in enumerate(self._parts):
            await self._finish(part, index)
        await self._stream(ThreadItemDoneEvent(item=self.item))

    async def _part(self, index: int) -> _Part:
        while index >= len(self._parts):
            self._parts.append(_Part())
            added = AssistantMessageContentPartAdded(
                content_index=len(self._parts) - 1, content=AssistantMessageContent(text="")
            )
            await self._update(added)
        return self._parts[index]

    async def _write(self, part: _Part, index: int, text: str, *, last: bool = False) -> None:
        if writable := part.take(text, last=last):
            await self._update(AssistantMessageContentPartTextDelta(content_index=index, delta=writable))

    async def _finish(self, part: _Part, index: int) -> None:
        await self._write(part, index, "", last=True)
        await self._update(AssistantMessageContentPartDone(content_index=index, content=part.content()))

    async def _update(self, update: UpdateBase) -> None:
        await self._stream(ThreadItemUpdatedEvent(item_id=self._item.id, update=update))
