"""What models and frameworks stream, as items of a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

import agents
from runs.endpoint import Endpoint, calls, text
from runs.world import World, only, said
from threadlog.model import (
    AssistantMessageItem,
    ProgressUpdateEvent,
    ServerToolCallItem,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    UserMessageItem,
    WorkflowItem,
)
from threadlog.runs import AgentContext, AgentResponseHandler, text_of

pytestmark = pytest.mark.anyio

agents.set_tracing_disabled(True)
_responses: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
handler = AgentResponseHandler()


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def sdk_model(endpoint: Endpoint) -> agents.OpenAIChatCompletionsModel:
    """The SDK's own model, through the official client, at a local endpoint."""
    client = openai.AsyncOpenAI(base_url=endpoint.url, api_key="test", max_retries=0)
    return agents.OpenAIChatCompletionsModel(model="test", openai_client=client)


async def of(*values: Any) -> AsyncIterator[Any]:
    """An async iterable of some values."""
    for value in values:
        yield value


def response(kind: str, **fields: Any) -> Any:
    """An event of the Responses API."""
    return _responses.validate_python({"type": kind, "sequence_number": 0, "output_index": 0, **fields})


def message(item_id: str, status: str, content: list[Any] | None = None) -> dict[str, Any]:
    """A message of the Responses API."""
    return {"type": "message", "id": item_id, "role": "assistant", "status": status, "content": content or []}


async def test_strings_and_events_may_be_mixed(world: World) -> None:
    """Strings are one message until an item comes between them; progress does not divide it."""

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> Any:
        yield "one "
        yield ProgressUpdateEvent(text="counting")
        yield "two"
        done = AssistantMessageItem(
            id="msg_own", thread_id=context.thread.id, created_at=context.thread.created_at, content=[]
        )
        yield ThreadItemDoneEvent(item=done)
        yield "three"

    assert said(await world.answer(agent)) == ["one two", "", "three"]


async def test_something_else_is_refused_by_its_name(world: World) -> None:
    """A generator that yields a number fails with what it may yield; what came before is kept."""

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> Any:
        yield "so far"
        yield 42

    state = await world.answer(agent)
    (run,) = state.runs.values()
    assert run.status == "failed"
    assert said(state) == ["so far"]


async def test_the_handler_yields_what_was_stored(world: World) -> None:
    """Events come out as they are in the log, merged texts as one, and nothing is missing at the end."""
    given: list[Any] = []

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> None:
        pieces = of(*(f"{number} " for number in range(50)))
        given.extend([event async for event in handler.stream_agent_response(context, pieces)])

    state = await world.answer(agent)
    stored = [
        event.data
        for event in (await world.store.read_events(world.alice, state.thread_id)).events
        if event.type.startswith("thread.item") and event.actor == "agent:agent"
    ]
    dumped = [world.store.dump(event).data for event in given]
    assert dumped == stored[: len(dumped)]
    assert [event.type for event in given][-1] == "thread.item.done"
    updates = [event.update for event in given if isinstance(event, ThreadItemUpdatedEvent)]
    assert "".join(getattr(update, "delta", "") for update in updates) == said(state)[0]


async def test_yielding_on_what_was_stored_does_not_store_it_twice(world: World) -> None:
    """The usual loop of a ChatKit server works as an agent: each event is in the thread once."""

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> Any:
        async for event in handler.stream_agent_response(context, of("a ", "b ", "c")):
            yield event

    state = await world.answer(agent)
    assert said(state) == ["a b c"]
    assert (await world.types(state.thread_id)).count("thread.item.added") == 1


async def test_a_handler_that_is_left_stops_its_source(world: World) -> None:
    """Breaking out of the loop closes what produces the answer."""
    closed: list[bool] = []

    async def source() -> AsyncIterator[str]:
        try:
            for number in range(1_000):
                yield f"{number} "
        finally:
            closed.append(True)

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> None:
        stream = handler.stream_agent_response(context, source())
        async for _event in stream:
            break
        await stream.aclose()

    await world.answer(agent)
    assert closed == [True]


async def test_responses_events_become_messages_thoughts_and_calls(world: World) -> None:
    """Reasoning summaries are thoughts, function calls pending tool calls, texts messages with annotations."""
    part = {"type": "output_text", "text": "", "annotations": []}
    citation = {"type": "url_citation", "url": "https://e.org", "title": "E", "start_index": 0, "end_index": 4}
    call = {"type": "function_call", "id": "fc", "call_id": "call_1", "name": "look", "arguments": '{"at": "x"}'}
    same = {"item_id": "msg_1", "content_index": 0}
    events = [
        response("response.output_item.added", item={"type": "reasoning", "id": "rs", "summary": []}),
        response("response.reasoning_summary_text.delta", item_id="rs", summary_index=0, delta="First "),
        response("response.reasoning_summary_text.done", item_id="rs", summary_index=0, text="First think."),
        response("response.reasoning_summary_text.done", item_id="rs", summary_index=1, text="Then act."),
        response("response.output_item.added", item={**call, "arguments": ""}),
        response("response.output_item.done", item=call),
        response("response.output_item.added", item=message("msg_1", "in_progress")),
        response("response.content_part.added", part=part, **same),
        response("response.output_text.delta", delta="See ", logprobs=[], **same),
        response("response.output_text.delta", delta="E.", logprobs=[], **same),
        response("response.output_text.annotation.added", annotation=citation, annotation_index=0, **same),
        response("response.output_item.done", item=message("msg_1", "completed", [{**part, "text": "See E."}])),
    ]

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> None:
        await handler.handle(context, of(*events))

    state = await world.answer(agent)
    assert [task.content for task in only(state, WorkflowItem).workflow.tasks] == ["First think.", "Then act."]
    (content,) = only(state, AssistantMessageItem).content
    assert (content.text, content.annotations[0].source.url) == ("See E.", "https://e.org")
    tool = only(state, ServerToolCallItem)
    assert (tool.name, tool.arguments, tool.call_id) == ("look", {"at": "x"}, "call_1")
    assert tool.status == "failed", "nobody answered the call before the run was over"


async def test_a_failed_response_fails_the_run(world: World) -> None:
    """The model's own failure is told with its code."""

    async def agent(context: AgentContext[Any], _: UserMessageItem) -> None:
        await handler.handle(context, of(response("error", code="server_error", message="secret", param=None)))

    (run,) = (await world.answer(agent)).runs.values()
    assert run.error == "The model failed (server_error); try again."


async def test_the_agents_sdk_streams_into_the_thread(world: World) -> None:
    """A real run of the SDK with a tool: the call with its result, the answer, and what it used are in the log."""
    script = [calls(("call_1", "add", '{"a": 2, "b": 3}')), text("That ", "is ", "5.")]
    async with Endpoint(*script) as endpoint:
        sdk_agent = agents.Agent(name="adder", model=sdk_model(endpoint), tools=[add])

        async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
            result = agents.Runner.run_streamed(sdk_agent, text_of(message))
            await handler.handle(context, result)

        state = await world.answer(agent, "2 + 3?")
    (run,) = state.runs.values()
    assert (run.status, run.error) == ("completed", None)
    tool = only(state, ServerToolCallItem)
    assert (tool.name, tool.arguments, tool.status) == ("add", {"a": 2, "b": 3}, "completed")
    assert str(tool.output) == "5"
    assert said(state) == ["That is 5."]
    types = await world.types(state.thread_id)
    assert types.index("thread.item.added") < types.index("thread.item.updated") < types.index("run.completed")


async def test_the_sdks_messages_have_ids_of_their_own(world: World) -> None:
    """The SDK calls all messages of a chat completion alike; in the thread they are different items."""
    script = [text("one"), text("two")]
    thread_id = await world.thread()
    async with Endpoint(*script) as endpoint:
        sdk_agent = agents.Agent(name="speaker", model=sdk_model(endpoint))

        async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
            await handler.handle(context, agents.Runner.run_streamed(sdk_agent, text_of(message)))

        async with world.runner(agent) as runner:
            for number in range(2):
                run = await runner.start(world.alice, thread_id, str(number))
                await runner.wait(run.run_id)
    assert said(await world.state(thread_id)) == ["one", "two"]


async def test_a_guardrail_takes_its_answer_back(world: World) -> None:
    """When an output guardrail of the SDK trips, what the run had added is withdrawn and the run fails."""

    @agents.output_guardrail
    async def strict(context: Any, agent: Any, output: Any) -> agents.GuardrailFunctionOutput:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    async with Endpoint(text("something rude")) as endpoint:
        sdk_agent = agents.Agent(name="rude", model=sdk_model(endpoint), output_guardrails=[strict])

        async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
            await handler.handle(context, agents.Runner.run_streamed(sdk_agent, text_of(message)))

        state = await world.answer(agent)
    (run,) = state.runs.values()
    assert run.error == "A guardrail refused the message or its answer."
    assert said(state) == []


async def test_cancelling_a_run_stops_the_sdk(world: World) -> None:
    """The SDK's own tasks end with the run, and its endpoint is let go."""
    thread_id = await world.thread()
    async with Endpoint(text("thinking", hang=True)) as endpoint:
        sdk_agent = agents.Agent(name="slow", model=sdk_model(endpoint))

        async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
            await handler.handle(context, agents.Runner.run_streamed(sdk_agent, text_of(message)))

        async with world.runner(agent) as runner:
            await runner.start(world.alice, thread_id, "hello")
            await endpoint.streaming.wait()
            ended = await runner.cancel(world.alice, thread_id)
        await endpoint.gone.wait()
    assert ended.status == "cancelled"
