"""The life of a run: how it begins, and each of the ways in which it ends."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest

from runs.world import World, only, said
from threadlog.model import (
    AssistantMessageItem,
    EndOfTurnItem,
    LockedStatus,
    ServerToolCallItem,
    UserMessageItem,
    WorkflowItem,
)
from threadlog.runs import (
    AgentContext,
    AgentFailure,
    RunActive,
    RunnerClosed,
    RunNotFound,
    ThreadNotActive,
    TooManyRuns,
    text_of,
)
from threadlog.store import AccessDenied, AppendIdReused, Principal, ThreadNotFound

pytestmark = pytest.mark.anyio


class Stuck:
    """An agent that says something and then waits until it is told to go on."""

    def __init__(self) -> None:
        self.spoke, self.go_on = asyncio.Event(), asyncio.Event()
        self.contexts: list[AgentContext[Any]] = []

    async def __call__(self, context: AgentContext[Any], message: UserMessageItem) -> None:
        """Say half, wait, say the rest."""
        self.contexts.append(context)
        async with context.message() as answer:
            await answer.write("half of ")
            await context.flush()
            self.spoke.set()
            await self.go_on.wait()
            await answer.write("it")


async def echo(context: AgentContext[Any], message: UserMessageItem) -> None:
    """Say what the user said."""
    await context.say(text_of(message))


async def test_an_answer_is_a_run_from_its_message_to_its_end_of_turn(world: World) -> None:
    """The thread holds the message, the answer and the end of the turn, and the run has completed."""
    state = await world.answer(echo, "hello")
    assert [item.type for item in state.items] == ["user_message", "assistant_message", "end_of_turn"]
    assert said(state) == ["hello"]
    (run,) = state.runs.values()
    assert (run.status, run.agent, run.input_item_id) == ("completed", "agent", state.items[0].id)
    assert state.active_run is None


async def test_events_name_who_made_them(world: World) -> None:
    """The message is the user's, the answer the agent's, and all belong to the run."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await runner.wait(run.run_id)
    events = (await world.store.read_events(world.alice, thread_id)).events[1:]
    assert {event.run_id for event in events} == {run.run_id}
    assert [event.actor for event in events[:2]] == ["user:alice", "user:alice"]
    assert {event.actor for event in events[2:]} == {"agent:agent"}


async def test_a_run_begins_at_its_cursor(world: World) -> None:
    """Reading on after the cursor of a started run gives all that the run does, and nothing before."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await runner.wait(run.run_id)
    page = await world.store.read_events(world.alice, thread_id, after=run.cursor)
    assert page.events[0].type == "thread.item.added"
    assert page.events[-1].type == "run.completed"


async def test_an_agent_may_be_a_generator(world: World) -> None:
    """What an async generator yields is streamed: strings are one message."""

    async def counting(context: AgentContext[Any], message: UserMessageItem) -> Any:
        for word in ("one ", "two ", "three"):
            yield word

    assert said(await world.answer(counting)) == ["one two three"]


async def test_an_agents_error_ends_the_run_without_telling_its_message(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Users see the class of the error; its message, which may hold secrets, is for the server's log alone."""

    async def failing(context: AgentContext[Any], message: UserMessageItem) -> None:
        async with context.message() as answer:
            await answer.write("so far")
            raise ValueError("password is hunter2")

    with caplog.at_level(logging.ERROR, "threadlog.runs"):
        state = await world.answer(failing)
    (run,) = state.runs.values()
    assert (run.status, run.reason) == ("failed", "error")
    assert run.error is not None
    assert "ValueError" in run.error
    events = (await world.store.read_events(world.alice, state.thread_id)).events
    assert not any(b"hunter2" in event.data for event in events)
    assert "hunter2" in caplog.text
    assert said(state) == ["so far"]


async def test_an_agent_may_say_why_it_failed(world: World) -> None:
    """The message of an `AgentFailure` is for the user, and is shown as an error event, too."""

    async def failing(context: AgentContext[Any], message: UserMessageItem) -> None:
        raise AgentFailure("The printer is out of paper.", allow_retry=True)

    state = await world.answer(failing)
    (run,) = state.runs.values()
    assert run.error == "The printer is out of paper."
    (error,) = [
        event.data
        for event in (await world.store.read_events(world.alice, state.thread_id)).events
        if event.type == "error"
    ]
    assert b'"allow_retry":true' in error


async def test_an_agent_cannot_exit_the_server(world: World) -> None:
    """sys.exit() in an agent is a failed run, and the next run goes well."""

    async def leaving(context: AgentContext[Any], message: UserMessageItem) -> None:
        sys.exit(3)

    (run,) = (await world.answer(leaving)).runs.values()
    assert run.status == "failed"
    assert said(await world.answer(echo, "still here")) == ["still here"]


async def test_cancelling_keeps_what_was_said_and_who_cancelled(world: World) -> None:
    """A cancelled run ends with its partial answer, the request and its author."""
    agent, thread_id = Stuck(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.spoke.wait()
        ended = await runner.cancel(world.alice, thread_id, run.run_id, reason="changed my mind")
    assert (ended.status, ended.reason, ended.cancel_requested) == ("cancelled", "by user:alice", True)
    state = await world.state(thread_id)
    assert said(state) == ["half of "]
    assert not state.open_item_ids
    assert state.items[-1].type == "end_of_turn"
    assert agent.contexts[0].cancelled


async def test_cancelling_again_changes_nothing(world: World) -> None:
    """A run that is over stays as it is, whoever cancels it."""
    agent, thread_id = Stuck(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.spoke.wait()
        first = await runner.cancel(world.alice, thread_id)
        seq = (await world.state(thread_id)).seq
        assert await runner.cancel(world.alice, thread_id, run.run_id) == first
        assert (await world.state(thread_id)).seq == seq


async def test_what_is_not_there_cannot_be_cancelled(world: World) -> None:
    """No active run, an unknown run, a stranger's thread: each has its answer."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        with pytest.raises(RunNotFound, match="no active run"):
            await runner.cancel(world.alice, thread_id)
        with pytest.raises(RunNotFound, match="run_unknown"):
            await runner.cancel(world.alice, thread_id, "run_unknown")
        with pytest.raises(ThreadNotFound):
            await runner.cancel(Principal("acme", "mallory"), thread_id)
        with pytest.raises(ThreadNotFound):
            await runner.start(Principal("other", "alice"), thread_id, "hello")


async def test_who_may_only_read_can_neither_start_nor_cancel(world: World) -> None:
    """An auditor sees the thread and is refused; nothing is written."""
    agent, thread_id, auditor = Stuck(), await world.thread(), Principal("acme", "eve", frozenset({"auditor"}))
    async with world.runner(agent) as runner:
        with pytest.raises(AccessDenied):
            await runner.start(auditor, thread_id, "hello")
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.spoke.wait()
        seq = (await world.state(thread_id)).seq
        with pytest.raises(AccessDenied):
            await runner.cancel(auditor, thread_id)
        assert (await world.state(thread_id)).seq == seq
        assert runner.is_active(run.run_id)


async def test_a_run_that_takes_too_long_is_stopped(world: World) -> None:
    """The deadline ends a run as failed, with the reason ``timeout`` and what it had said."""
    state = await world.answer(Stuck(), deadline=0.05)
    (run,) = state.runs.values()
    assert (run.status, run.reason) == ("failed", "timeout")
    assert said(state) == ["half of "]


async def test_a_stopping_server_interrupts_its_runs(world: World) -> None:
    """Leaving the runner records the interruption; what was said is kept."""
    agent, thread_id = Stuck(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.spoke.wait()
    ended = await world.run_of(run)
    assert (ended.status, ended.reason) == ("interrupted", "shutdown")
    assert said(await world.state(thread_id)) == ["half of "]
    with pytest.raises(RunnerClosed):
        await runner.start(world.alice, thread_id, "hello")


async def test_an_agent_that_does_not_stop_is_left_behind(world: World) -> None:
    """After the grace the run ends without its agent, whose later output is refused."""
    release, refused = asyncio.Event(), asyncio.Event()

    async def deaf(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.progress("working")
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        try:
            await context.say("too late")
        except Exception:
            refused.set()
            raise

    thread_id = await world.thread()
    async with world.runner(deaf, grace=0.05) as runner:
        await runner.start(world.alice, thread_id, "hello")
        ended = await runner.cancel(world.alice, thread_id)
        assert ended.status == "cancelled"
        release.set()
        await refused.wait()
    assert said(await world.state(thread_id)) == []


async def test_a_thread_runs_one_at_a_time(world: World) -> None:
    """A second message while a run is active is refused with its name, and stored no more than its run."""
    agent, thread_id = Stuck(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        with pytest.raises(RunActive) as refused:
            await runner.start(world.alice, thread_id, "and another")
        assert refused.value.run_id == run.run_id
        agent.go_on.set()
        await runner.wait(run.run_id)
        await runner.start(world.alice, thread_id, "and now")
    texts = [text_of(item) for item in (await world.state(thread_id)).items if isinstance(item, UserMessageItem)]
    assert texts == ["hello", "and now"]


async def test_of_many_messages_at_once_one_starts_a_run(world: World) -> None:
    """However many callers race, one run begins; the others are told that it is active."""
    agent, thread_id = Stuck(), await world.thread()
    async with world.runner(agent) as runner:
        tries = [runner.start(world.alice, thread_id, f"message {number}") for number in range(20)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        started = [result for result in results if not isinstance(result, BaseException)]
        assert len(started) == 1
        assert all(isinstance(result, RunActive) for result in results if result not in started)
    assert len((await world.state(thread_id)).runs) == 1


async def test_a_message_that_is_sent_again_starts_no_second_run(world: World) -> None:
    """Under the same append id a retry gives the run of the first time, also after it is over."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        tries = [runner.start(world.alice, thread_id, "hello", append_id="once") for _ in range(5)]
        first, *others = await asyncio.gather(*tries)
        assert {run.run_id for run in others} == {first.run_id}
        await runner.wait(first.run_id)
        again = await runner.start(world.alice, thread_id, "hello", append_id="once")
        assert (again.run_id, again.item, again.cursor.seq) == (first.run_id, first.item, first.cursor.seq)
    assert len((await world.state(thread_id)).runs) == 1


async def test_an_append_id_names_one_message(world: World) -> None:
    """Another message under the id of an earlier one is refused, and starts nothing."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        run = await runner.start(world.alice, thread_id, "hello", append_id="once")
        await runner.wait(run.run_id)
        with pytest.raises(AppendIdReused):
            await runner.start(world.alice, thread_id, "goodbye", append_id="once")
    assert said(await world.state(thread_id)) == ["hello"]


async def test_a_caller_that_goes_away_leaves_a_whole_run(world: World) -> None:
    """Cancelling the start at any moment leaves a message with its run, or neither."""
    for steps in range(12):
        thread_id = await world.thread()
        async with world.runner(echo) as runner:
            call = asyncio.create_task(runner.start(world.alice, thread_id, "hello"))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            while tasks := list(runner._tasks):
                await asyncio.wait(tasks)
        state = await world.state(thread_id)
        assert said(state) == ["hello"] * len(state.runs)


async def test_the_number_of_runs_is_bounded(world: World) -> None:
    """Beyond the bound messages are refused, and accepted again once a run is over."""
    agent = Stuck()
    async with world.runner(agent, runs=2) as runner:
        first = await runner.start(world.alice, await world.thread(), "one")
        await runner.start(world.alice, await world.thread(), "two")
        with pytest.raises(TooManyRuns):
            await runner.start(world.alice, await world.thread(), "three")
        await runner.cancel(world.alice, first.thread_id)
        await runner.start(world.alice, await world.thread(), "three")


async def test_a_refused_start_gives_its_place_back(world: World) -> None:
    """Starts that fail do not use up the bound."""
    async with world.runner(echo, runs=1) as runner:
        for _ in range(3):
            with pytest.raises(ThreadNotFound):
                await runner.start(world.alice, "thr_nowhere", "hello")
        await runner.start(world.alice, await world.thread(), "hello")


async def test_a_locked_thread_takes_no_message(world: World) -> None:
    """The refusal says that the thread is locked, and why."""
    thread = await world.store.create_thread(world.alice)
    thread.status = LockedStatus(reason="under review")
    await world.store.save_thread(world.alice, thread)
    async with world.runner(echo) as runner:
        with pytest.raises(ThreadNotActive, match=r"locked \(under review\)"):
            await runner.start(world.alice, thread.id, "hello")


async def test_what_is_unfinished_is_closed_by_how_the_run_ended(world: World) -> None:
    """A message keeps its text, an empty one goes, a tool call has failed, and a workflow names the outcome."""
    waiting = asyncio.Event()

    async def busy(context: AgentContext[Any], message: UserMessageItem) -> None:
        from threadlog.model import CustomTask

        await context.add_workflow_task(CustomTask(title="dig", status_indicator="loading"))
        await context.start_tool_call("dig", {"depth": 3})
        first = await context.message().__aenter__()
        await first.write("digging")
        await context.add_workflow_task(CustomTask(title="dig on", status_indicator="loading"))
        await context.message().__aenter__()
        await context.add_workflow_task(CustomTask(title="deeper", status_indicator="loading"))
        await context.flush()
        waiting.set()
        await asyncio.Event().wait()

    thread_id = await world.thread()
    async with world.runner(busy) as runner:
        await runner.start(world.alice, thread_id, "hello")
        await waiting.wait()
        await runner.cancel(world.alice, thread_id)
    state = await world.state(thread_id)
    assert not state.open_item_ids
    assert said(state) == ["digging"]
    call = only(state, ServerToolCallItem)
    assert (call.status, call.error) == ("failed", "Cancelled before it gave a result.")
    last = [item for item in state.items if isinstance(item, WorkflowItem)][-1].workflow
    assert last.summary.title == "Cancelled"
    assert [task.status_indicator for task in last.tasks] == ["none"]
    assert len([item for item in state.items if isinstance(item, EndOfTurnItem)]) == 1


async def test_a_completed_run_closes_what_its_agent_forgot(world: World) -> None:
    """A message that was never completed is done as it stands."""

    async def forgetful(context: AgentContext[Any], message: UserMessageItem) -> None:
        answer = await context.message().__aenter__()
        await answer.write("almost")

    state = await world.answer(forgetful)
    assert not state.open_item_ids
    assert said(state) == ["almost"]
    assert only(state, AssistantMessageItem).content[0].text == "almost"


async def test_what_models_used_is_recorded(world: World) -> None:
    """Token counts that an agent adds up stand in the run's completion."""

    async def costly(context: AgentContext[Any], message: UserMessageItem) -> None:
        context.add_usage(input_tokens=10, output_tokens=2)
        context.add_usage(input_tokens=5)

    state = await world.answer(costly)
    events = (await world.store.read_events(world.alice, state.thread_id)).events
    assert b'"usage":{"input_tokens":15,"output_tokens":2}' in events[-1].data


async def test_a_run_that_is_just_beginning_is_not_taken_for_dead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the storing of a run's start and its agent's first step, others see it as active."""
    decide, stored, go_on = world.store.decide, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> Any:
        decision = await decide(*args, **kwargs)
        if decision.events and decision.events[-1].type == "run.started":
            stored.set()
            await go_on.wait()
        return decision

    monkeypatch.setattr(world.store, "decide", slow)
    agent, thread_id = Stuck(), await world.thread()
    async with world.runner(agent) as runner:
        first = asyncio.create_task(runner.start(world.alice, thread_id, "hello"))
        await stored.wait()
        with pytest.raises(RunActive):
            await runner.start(world.alice, thread_id, "again")
        assert await runner.recover() == 0
        cancelling = asyncio.create_task(runner.cancel(world.alice, thread_id))
        await asyncio.sleep(0)
        go_on.set()
        await first
        assert (await cancelling).status == "cancelled"
    assert (await world.types(thread_id)).count("run.cancelled") == 1


async def test_a_run_that_begins_while_the_server_stops_is_interrupted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message whose storing overlaps with the shutdown leaves an interrupted run, not an open one."""
    decide, stored, go_on = world.store.decide, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> Any:
        decision = await decide(*args, **kwargs)
        stored.set()
        await go_on.wait()
        return decision

    monkeypatch.setattr(world.store, "decide", slow)
    thread_id = await world.thread()
    async with world.runner(Stuck()) as runner:
        starting = asyncio.create_task(runner.start(world.alice, thread_id, "hello"))
        await stored.wait()
        closing = asyncio.create_task(runner.close())
        await asyncio.sleep(0)
        go_on.set()
        await closing
        run = await starting
    assert (await world.run_of(run)).status == "interrupted"


async def test_closing_takes_bounded_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that does not answer does not keep the server from stopping; no task is left."""
    agent, thread_id = Stuck(), await world.thread()

    async def never(*args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with world.runner(agent, grace=0.05, drain=0.05) as runner:
        await runner.start(world.alice, thread_id, "hello")
        await agent.spoke.wait()
        monkeypatch.setattr(world.store, "decide", never)
        monkeypatch.setattr(world.store, "append", never)
    await asyncio.sleep(0)
    assert not {task for task in asyncio.all_tasks() - before if "agent of" in task.get_name()}


async def test_a_runs_events_are_traced_to_its_span(world: World) -> None:
    """The run has a span with the agent, the thread and the outcome, and its events carry that span's context."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from threadlog.runs import Runner

    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    thread_id = await world.thread()
    async with Runner(world.store, echo, tracer_provider=provider) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await runner.wait(run.run_id)
    (span,) = spans.get_finished_spans()
    assert span.name == "invoke_agent echo"
    assert span.attributes is not None
    assert span.attributes["gen_ai.conversation.id"] == thread_id
    assert span.attributes["threadlog.run.ending"] == "completed"
    events = (await world.store.read_events(world.alice, thread_id)).events
    assert all(event.trace and f"{span.context.trace_id:032x}" in event.trace for event in events[3:])
