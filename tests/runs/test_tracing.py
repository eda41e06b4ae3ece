"""Spans and metrics of runs, taken by the real SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from runs.world import World
from telemetry import Taken, attributes
from threadlog.model import RunInterrupted, UserMessageItem
from threadlog.runs import Agent, AgentContext, Runner

pytestmark = pytest.mark.anyio


@pytest.fixture
def taken() -> Iterator[Taken]:
    """What runners tell of themselves."""
    taken = Taken()
    yield taken
    taken.close()


@asynccontextmanager
async def running(world: World, agent: Agent, taken: Taken) -> AsyncIterator[Runner]:
    """A runner that is measured."""
    async with Runner(
        world.store, agent, name="helper", tracer_provider=taken.tracers, meter_provider=taken.meters
    ) as runner:
        yield runner


async def answered(world: World, agent: Agent, taken: Taken) -> str:
    """Let an agent answer, measured; gives the thread."""
    thread_id = await world.thread()
    async with running(world, agent, taken) as runner:
        await runner.wait((await runner.start(world.alice, thread_id, "hello")).run_id)
    return thread_id


async def test_tool_calls_are_spans_below_the_run(world: World, taken: Taken) -> None:
    """With their names and ids; what they were given and gave stays off."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        call = await context.start_tool_call("read_file", {"path": "secret.txt"}, call_id="call_1")
        await context.end_tool_call(call, "hunter2")
        bad = await context.start_tool_call("delete_file", {"path": "secret.txt"})
        await context.end_tool_call(bad, error="hunter2 said no")

    thread_id = await answered(world, agent, taken)
    run, good, bad = (
        taken.one(name) for name in ("invoke_agent helper", "execute_tool read_file", "execute_tool delete_file")
    )
    assert attributes(good) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.conversation.id": thread_id,
    }
    assert good.parent is not None
    assert good.parent.span_id == run.context.span_id
    assert bad.status.status_code is StatusCode.ERROR
    assert not [span.name for span in taken.spans if "hunter2" in span.to_json() or "secret" in span.to_json()]


async def test_a_tool_call_that_nobody_ends_ends_with_its_run(world: World, taken: Taken) -> None:
    """No span is left open."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.start_tool_call("forever", {})

    await answered(world, agent, taken)
    assert attributes(taken.one("execute_tool forever"))["error.type"] == "unfinished"


async def test_runs_are_counted_while_they_work_and_timed_by_how_they_end(world: World, taken: Taken) -> None:
    """Whoever watches sees how many work, and how many fail."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        begun.set()
        await go_on.wait()
        raise RuntimeError("password is hunter2")

    async with running(world, agent, taken) as runner:
        run = await runner.start(world.alice, await world.thread(), "hello")
        await begun.wait()
        (active,) = taken.points("threadlog.runs.active")
        assert active.value == 1
        go_on.set()
        await runner.wait(run.run_id)
    (active,) = taken.points("threadlog.runs.active")
    assert active.value == 0
    (duration,) = taken.points("threadlog.run.duration")
    assert dict(duration.attributes) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "helper",
        "threadlog.run.ending": "failed",
    }
    assert "hunter2" not in taken.one("invoke_agent helper").to_json()


async def test_a_run_whose_writes_are_refused_is_counted(world: World, taken: Taken) -> None:
    """Somebody else has ended it in the log; what it still says is fenced off."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        begun.set()
        await go_on.wait()
        await context.say("too late")
        await context.flush()

    async with running(world, agent, taken) as runner:
        run = await runner.start(world.alice, await world.thread(), "hello")
        await begun.wait()
        ended = RunInterrupted(run_id=run.run_id, reason="crash")
        await world.store.decide(world.alice, run.thread_id, lambda state: (ended,))
        go_on.set()
        await runner.wait(run.run_id)
    (fenced,) = taken.points("threadlog.runs.fenced")
    assert fenced.value == 1
    assert attributes(taken.one("invoke_agent helper"))["threadlog.run.ending"] == "fenced"
