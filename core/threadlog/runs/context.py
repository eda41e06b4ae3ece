"""What an agent is given: its thread, and the ways to write into it by streaming."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from threadlog.log import NewEvent
from threadlog.model import (
    AssistantMessageItem,
    ClientToolCallItem,
    HiddenContextItem,
    Icon,
    Item,
    Kind,
    NoticeEvent,
    ProgressUpdateEvent,
    ServerToolCallItem,
    Task,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    WidgetItem,
    WidgetRoot,
    WidgetRootUpdated,
    Workflow,
    WorkflowItem,
    WorkflowSummary,
    new_id,
)
from threadlog.runs.errors import InvalidOutput
from threadlog.runs.message import MessageStream
from threadlog.runs.output import Output
from threadlog.runs.workflow import WorkflowStream
from threadlog.store import Principal, ThreadStore

T = TypeVar("T")
V = TypeVar("V")


class AgentContext(Generic[T]):
    """One run's hold on its thread.

    Whatever is streamed is stored before anybody sees it; viewers read the thread's log and nothing else. All methods
    that stream wait while too much is waiting to be stored, and raise `RunEnded` once the run is over, `InvalidOutput`
    and `TooLarge` for what cannot be stored, and the log's error if an earlier event could not be stored.

    Attributes:
        thread: the thread's metadata as the run began.
        store: the thread store.
        principal: the agent, acting for the user who wrote the message.
        request_context: whatever the application gave with the message.
        run_id: this run.
        handed_out: the stored event that an `AgentResponseHandler` yielded last; an agent that yields it in turn does
            not stream it again.
        usage: what the models used, such as ``{"input_tokens": 812}``; recorded when the run completes.
    """

    def __init__(
        self,
        *,
        thread: ThreadMetadata,
        store: ThreadStore,
        principal: Principal,
        request_context: T,
        run_id: str,
        output: Output,
        stopping: asyncio.Event,
    ) -> None:
        self.thread, self.store, self.principal = thread, store, principal
        self.request_context, self.run_id = request_context, run_id
        self.usage: dict[str, int] = {}
        self._output, self._stopping = output, stopping
        self.handed_out: ThreadEvent | None = None
        self._produced: dict[str, None] = {}
        self._workflow: WorkflowStream | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the run was told to stop, for agents that catch `asyncio.CancelledError` or work in threads."""
        return self._stopping.is_set()

    @property
    def workflow_item(self) -> WorkflowItem | None:
        """The open workflow, if there is one."""
        return None if self._workflow is None else self._workflow.item

    def generate_id(self, kind: Kind) -> str:
        """A fresh id for an item or anything else that has one."""
        return new_id(kind)

    async def stream(self, event: ThreadEvent) -> None:
        """Add an event to the thread: it is stored soon, in the order of these calls, and then shown.

        Text deltas of one message that are still waiting may be stored as one event; no text is lost.
        """
        await self._output.put(event)
        if isinstance(event, ThreadItemAddedEvent | ThreadItemDoneEvent):
            self._produced[event.item.id] = None

    async def flush(self) -> None:
        """Wait until all that was streamed is stored."""
        await self._output.flush()

    def stored(self) -> AbstractAsyncContextManager[list[NewEvent]]:
        """Listen to what is stored: gives a list that grows with each append, as it stands in the log."""
        return self._output.listen()

    async def items(self, *, limit: int = 100, order: Literal["asc", "desc"] = "asc") -> list[Item]:
        """Items of the thread as the agent sees them, those included that it has streamed.

        Args:
            limit: at most so many, the first or (``desc``) the last ones.
            order: oldest first, or newest first.
        """
        await self.flush()
        found: list[Item] = []
        after = None
        while len(found) < limit:
            page = await self.store.load_thread_items(
                self.principal, self.thread.id, after=after, limit=min(100, limit - len(found)), order=order
            )
            found += page.data
            after = page.after
            if not page.has_more or after is None:
                break
        return found

    def add_usage(self, **used: int | None) -> None:
        """Add to what the models used, for instance ``input_tokens=812``."""
        for what, count in used.items():
            self.usage[what] = self.usage.get(what, 0) + (count or 0)

    async def withdraw(self) -> None:
        """Take out of the thread all items that this run has added; its history keeps them."""
        self._workflow = None
        for item_id in list(self._produced):
            await self.stream(ThreadItemRemovedEvent(item_id=item_id))
        self._produced.clear()

    def parse(self, event: NewEvent) -> ThreadEvent:
        """An event of `stored` as a model."""
        return self.store.registry.parse_event(event.type, event.version, event.data)

    # What is said

    @asynccontextmanager
    async def message(self) -> AsyncIterator[MessageStream]:
        """An assistant's message to write piece by piece; complete when the block ends without an error."""
        await self.end_workflow()
        message = MessageStream(self.thread.id, self.stream)
        await message.open()
        yield message
        await message.close()

    async def stream_text(self, chunks: AsyncIterable[str] | Iterable[str]) -> AssistantMessageItem:
        """Stream one assistant's message from its pieces."""
        async with self.message() as message:
            async for chunk in _each(chunks):
                await message.write(chunk)
        return message.item

    async def say(self, text: str) -> AssistantMessageItem:
        """Stream one whole assistant's message."""
        return await self.stream_text([text])

    async def progress(self, text: str, icon: Icon | None = None) -> None:
        """Tell what the agent is doing; shown until something else happens."""
        await self.stream(ProgressUpdateEvent(text=text) if icon is None else ProgressUpdateEvent(text=text, icon=icon))

    async def notice(self, message: str, level: Literal["info", "warning", "danger"] = "info") -> None:
        """Tell the user something beside the conversation (Markdown)."""
        await self.stream(NoticeEvent(level=level, message=message))

    async def remember(self, content: Any) -> HiddenContextItem:
        """Keep something (any JSON) in the thread for the agent's later runs; no viewer sees it."""
        item = HiddenContextItem(id=new_id("hidden_context"), **self._base(), content=content)
        await self.stream(ThreadItemDoneEvent(item=item))
        return item

    async def stream_widget(self, widget: WidgetRoot | AsyncIterable[WidgetRoot], copy_text: str | None = None) -> None:
        """Show a widget, or a widget that changes until the iterable ends."""
        item: WidgetItem | None = None
        async for root in _each(widget if isinstance(widget, AsyncIterable) else [widget]):
            if item is None:
                item = WidgetItem(id=new_id("widget"), **self._base(), widget=root, copy_text=copy_text)
                await self.stream(ThreadItemAddedEvent(item=item))
            else:
                item.widget = root
                await self.stream(ThreadItemUpdatedEvent(item_id=item.id, update=WidgetRootUpdated(widget=root)))
        if item is not None:
            await self.stream(ThreadItemDoneEvent(item=item))

    # What is done

    async def start_workflow(self, workflow: Workflow | None = None) -> None:
        """Begin a workflow; tasks are then added to it. One that is open is ended."""
        await self.end_workflow()
        self._workflow = WorkflowStream(self.thread.id, workflow or Workflow(type="custom", tasks=[]), self.stream)
        await self._workflow.open()

    async def add_workflow_task(self, task: Task) -> int:
        """Add a task to the open workflow, or to a new one.

        Returns:
            The task's index, for `update_workflow_task`.
        """
        if self._workflow is None:
            await self.start_workflow()
        assert self._workflow is not None
        return await self._workflow.add(task)

    async def update_workflow_task(self, task: Task, task_index: int) -> None:
        """Change a task of the open workflow.

        Raises:
            InvalidOutput: no workflow is open, or it has no such task.
        """
        if self._workflow is None:
            raise InvalidOutput("no workflow is open; begin with start_workflow or add_workflow_task.")
        await self._workflow.update(task, task_index)

    async def end_workflow(self, summary: WorkflowSummary | None = None, *, expanded: bool = False) -> None:
        """End the open workflow, if there is one; without a `summary` it is summed up by how long it took."""
        if self._workflow is not None:
            workflow, self._workflow = self._workflow, None
            await workflow.close(summary, expanded=expanded)

    async def start_tool_call(
        self, name: str, arguments: dict[str, Any] | str, *, call_id: str | None = None
    ) -> ServerToolCallItem:
        """Record that a tool which runs beside the agent is called; end it with `end_tool_call`."""
        item_id = new_id("tool_call")
        item = ServerToolCallItem(
            id=item_id, **self._base(), call_id=call_id or item_id, name=name, arguments=arguments, status="pending"
        )
        await self.stream(ThreadItemAddedEvent(item=item))
        return item

    async def end_tool_call(self, call: ServerToolCallItem, output: Any = None, *, error: str | None = None) -> None:
        """Record what a tool gave back, or (`error`) why it failed."""
        outcome = {"status": "completed"} if error is None else {"status": "failed", "error": error}
        done = call.model_copy(update={**outcome, **({} if output is None else {"output": output})})
        await self.stream(ThreadItemDoneEvent(item=done))

    async def call_client_tool(self, name: str, arguments: dict[str, Any]) -> ClientToolCallItem:
        """Ask the viewer's client to call one of its tools.

        The answer comes with a later message: end the run after this call.
        """
        item_id = new_id("tool_call")
        item = ClientToolCallItem(
            id=item_id, **self._base(), call_id=item_id, name=name, arguments=arguments, status="pending"
        )
        await self.stream(ThreadItemDoneEvent(item=item))
        return item

    def _base(self) -> dict[str, Any]:
        return {"thread_id": self.thread.id, "created_at": datetime.now(UTC)}


async def _each(values: AsyncIterable[V] | Iterable[V]) -> AsyncIterator[V]:
    if isinstance(values, AsyncIterable):
        async for value in values:
            yield value
    else:
        for value in values:
            yield value
