"""What an agent writes with its context."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from runs.world import World, only, said
from threadlog.model import (
    Annotation,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomSummary,
    CustomTask,
    FileSource,
    HiddenContextItem,
    InferenceOptions,
    ServerToolCallItem,
    UserMessageInput,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    WorkflowItem,
)
from threadlog.runs import AgentContext, InvalidOutput, text_of
from threadlog.store import AttachmentNotFound

pytestmark = pytest.mark.anyio


async def test_a_workflow_is_watched_task_by_task(world: World) -> None:
    """Tasks are added and changed, and the workflow ends with the summary that it is given."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.start_workflow()
        first = await context.add_workflow_task(CustomTask(title="look", status_indicator="loading"))
        await context.add_workflow_task(CustomTask(title="think"))
        await context.update_workflow_task(CustomTask(title="look", status_indicator="complete"), first)
        await context.end_workflow(CustomSummary(title="Done looking"), expanded=True)
        assert context.workflow_item is None

    workflow = only(await world.answer(agent), WorkflowItem).workflow
    assert [(task.title, task.status_indicator) for task in workflow.tasks] == [("look", "complete"), ("think", "none")]
    assert (workflow.summary.title, workflow.expanded) == ("Done looking", True)


async def test_a_message_ends_the_workflow_before_it(world: World) -> None:
    """Who begins to speak has finished working; the workflow says how long it took."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.add_workflow_task(CustomTask(title="look"))
        await context.say("seen")

    state = await world.answer(agent)
    assert [item.type for item in state.items][1:3] == ["workflow", "assistant_message"]
    assert only(state, WorkflowItem).workflow.summary.duration == 0


async def test_tasks_that_are_not_there_cannot_be_changed(world: World) -> None:
    """Without a workflow, or beyond its tasks, the call raises and names what there is."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        with pytest.raises(InvalidOutput, match="no workflow is open"):
            await context.update_workflow_task(CustomTask(title="x"), 0)
        await context.add_workflow_task(CustomTask(title="look"))
        with pytest.raises(InvalidOutput, match="has no task 1"):
            await context.update_workflow_task(CustomTask(title="x"), 1)
        await context.say("fine")

    assert said(await world.answer(agent)) == ["fine"]


async def test_tool_calls_are_recorded_with_their_results(world: World) -> None:
    """A call is pending until it ends, with its output or with its error."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        good = await context.start_tool_call("add", {"a": 1, "b": 2}, call_id="call_1")
        bad = await context.start_tool_call("add", "not json")
        await context.flush()
        pending = await world.state(context.thread.id)
        assert [item.status for item in pending.items if isinstance(item, ServerToolCallItem)] == ["pending"] * 2
        await context.end_tool_call(good, {"sum": 3})
        await context.end_tool_call(bad, error="no numbers were given")

    calls = [item for item in (await world.answer(agent)).items if isinstance(item, ServerToolCallItem)]
    assert [(call.call_id == "call_1", call.status, call.arguments, call.output, call.error) for call in calls] == [
        (True, "completed", {"a": 1, "b": 2}, {"sum": 3}, None),
        (False, "failed", "not json", None, "no numbers were given"),
    ]


async def test_a_client_tool_call_waits_beyond_its_run(world: World) -> None:
    """The call stays pending when the run completes: its answer comes from the viewer's client."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.call_client_tool("open", {"page": 3})

    call = only(await world.answer(agent), ClientToolCallItem)
    assert (call.name, call.arguments, call.status) == ("open", {"page": 3}, "pending")


async def test_a_widget_may_change_until_it_is_done(world: World) -> None:
    """The last form of a widget stays, with the text that a client copies."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        async def forms() -> AsyncIterator[Any]:
            for value in ("a", "b", "c"):
                yield {"type": "Card", "children": [{"type": "Text", "value": value}]}

        await context.stream_widget(forms(), copy_text="c")

    widget = only(await world.answer(agent), WidgetItem)
    assert widget.model_dump()["widget"]["children"][0]["value"] == "c"
    assert widget.copy_text == "c"


async def test_a_message_may_refer_to_sources(world: World) -> None:
    """Annotations stand in the part of the message that they belong to."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        async with context.message() as answer:
            await answer.write("see the notes")
            await answer.annotate(Annotation(source=FileSource(title="Notes", filename="notes.txt"), index=7))
            await answer.write("second part", part=1)

    first, second = only(await world.answer(agent), AssistantMessageItem).content
    assert (first.text, first.annotations[0].source.filename) == ("see the notes", "notes.txt")
    assert (second.text, second.annotations) == ("second part", [])


async def test_an_agent_remembers_what_no_viewer_sees(world: World) -> None:
    """Hidden context is there for the agent's next run and in nothing that the user reads."""
    seen: list[Any] = []

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        seen.append([item.content for item in await context.items() if isinstance(item, HiddenContextItem)])
        await context.remember({"mood": text_of(message)})

    thread_id = await world.thread()
    async with world.runner(agent) as runner:
        for text in ("good", "bad"):
            run = await runner.start(world.alice, thread_id, text)
            await runner.wait(run.run_id)
    assert seen == [[], [{"mood": "good"}]]
    state = await world.store.state(world.alice, thread_id)
    assert not any(item.type == "hidden_context_item" for item in state.items)
    events = (await world.store.read_events(world.alice, thread_id)).events
    assert b"mood" not in b"".join(event.data for event in events)


async def test_items_include_what_was_just_streamed(world: World) -> None:
    """An agent that looks at its thread sees its own latest words, in either order and page by page."""
    found: list[list[str]] = []

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        for number in range(120):
            await context.say(str(number))
        for order in ("asc", "desc"):
            items = await context.items(limit=110, order=order)  # type: ignore[arg-type]
            found.append([text_of(item) for item in items if isinstance(item, AssistantMessageItem)])

    await world.answer(agent)
    assert found == [[str(number) for number in range(109)], [str(number) for number in range(119, 9, -1)]]


async def test_a_message_is_stored_as_it_was_sent(world: World) -> None:
    """Tags, a quote and options of the message reach the agent; an unknown attachment is refused."""
    got: list[UserMessageItem] = []

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        got.append(message)
        assert context.request_context == {"ip": "::1"}

    tag = UserMessageTagContent(id="u1", text="bob", data={})
    sent = UserMessageInput(
        content=[UserMessageTextContent(text="ask "), tag],
        attachments=[],
        quoted_text="earlier",
        inference_options=InferenceOptions(model="m"),
    )
    thread_id = await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, sent, request_context={"ip": "::1"})
        await runner.wait(run.run_id)
        assert (await world.run_of(run)).status == "completed"
        with pytest.raises(AttachmentNotFound):
            await runner.start(world.alice, thread_id, sent.model_copy(update={"attachments": ["atc_none"]}))
    (message,) = got
    assert (text_of(message), message.quoted_text, message.inference_options.model) == ("ask @bob", "earlier", "m")
