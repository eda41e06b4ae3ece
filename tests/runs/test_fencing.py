"""Who may write while a run is active: others beside it, and the run itself only as long as it is the active one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runs.world import World, said
from threadlog.log import LogBusy, OutcomeUnknown
from threadlog.model import HiddenContextItem, RunInterrupted, UserMessageItem
from threadlog.runs import AgentContext, RunFenced
from threadlog.store import ThreadDeleted

pytestmark = pytest.mark.anyio


class Speaker:
    """An agent that says the next piece whenever it is allowed to."""

    def __init__(self, pieces: int = 3) -> None:
        self.pieces = pieces
        self.turn, self.spoke = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.error: BaseException | None = None

    async def __call__(self, context: AgentContext[Any], message: UserMessageItem) -> None:
        """Say the pieces, each on its turn."""
        try:
            async with context.message() as answer:
                for number in range(self.pieces):
                    await self.turn.acquire()
                    await answer.write(f"{number} ")
                    await context.flush()
                    self.spoke.release()
        except BaseException as error:
            self.error = error
            raise

    async def speak(self) -> None:
        """Let it say one piece, and wait until that is stored."""
        self.turn.release()
        await self.spoke.acquire()


async def comment(world: World, thread_id: str, text: str) -> None:
    """Write into the thread beside its run."""
    state = await world.state(thread_id)
    assert state.metadata is not None
    item = HiddenContextItem(id=f"hcx_{text}", thread_id=thread_id, created_at=state.metadata.created_at, content=text)
    await world.store.add_thread_item(world.alice, thread_id, item)


async def test_other_writers_do_not_end_a_run(world: World) -> None:
    """A comment and a new title between a run's appends: the run catches up and goes on, and nothing is lost."""
    agent, thread_id = Speaker(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.speak()
        await comment(world, thread_id, "one")
        await agent.speak()
        thread = await world.store.load_thread(world.alice, thread_id)
        thread.title = "A talk"
        await world.store.save_thread(world.alice, thread)
        await agent.speak()
        await runner.wait(run.run_id)
    state = await world.state(thread_id)
    assert said(state) == ["0 1 2 "]
    assert state.metadata is not None
    assert (state.metadata.title, state.runs[run.run_id].status) == ("A talk", "completed")


async def test_writers_that_race_with_a_run_lose_nothing(world: World) -> None:
    """Many comments at once with a streaming run: all of them and the whole answer are in the thread, once."""

    async def chatty(context: AgentContext[Any], message: UserMessageItem) -> None:
        async with context.message() as answer:
            for number in range(200):
                await answer.write(f"{number} ")
                await asyncio.sleep(0)

    thread_id = await world.thread()
    async with world.runner(chatty) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await asyncio.gather(*(comment(world, thread_id, str(number)) for number in range(10)))
        await runner.wait(run.run_id)
    state = await world.state(thread_id)
    assert said(state) == ["".join(f"{number} " for number in range(200))]
    comments = [item.content for item in state.items if isinstance(item, HiddenContextItem)]
    assert sorted(comments, key=int) == [str(number) for number in range(10)]


async def test_a_run_that_another_ended_is_fenced(world: World) -> None:
    """Once the log says that the run is over, its writes are refused and its agent is stopped."""
    agent, thread_id = Speaker(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.speak()
        taken = RunInterrupted(run_id=run.run_id, reason="taken over")
        await world.store.decide(world.alice, thread_id, lambda state: [taken], run_id=run.run_id)
        agent.turn.release()
        await runner.wait(run.run_id)
    assert isinstance(agent.error, RunFenced | asyncio.CancelledError)
    state = await world.state(thread_id)
    assert said(state) == ["0 "]
    assert (await world.types(thread_id))[-1] == "run.interrupted"


async def test_a_deleted_thread_stops_its_run(world: World) -> None:
    """Deleting the thread fences its run: the agent is stopped and nothing more is written."""
    agent, thread_id = Speaker(), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        await agent.speak()
        await world.store.delete_thread(world.alice, thread_id)
        agent.turn.release()
        await runner.wait(run.run_id)
    assert agent.error is not None
    with pytest.raises(ThreadDeleted):
        await world.store.state(world.alice, thread_id)
    page = await world.store.log.read_thread("acme", thread_id, after=0, limit=1000)
    assert page.events[-1].type == "thread.deleted"


async def test_lost_answers_of_the_log_are_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An append that was stored but not answered, or found the log busy, is neither lost nor doubled."""
    append, calls = world.store.append, 0

    async def flaky(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise LogBusy("busy")
        outcome = await append(*args, **kwargs)
        if calls % 3 == 2:
            raise OutcomeUnknown("the answer was lost")
        return outcome

    monkeypatch.setattr(world.store, "append", flaky)
    agent, thread_id = Speaker(5), await world.thread()
    async with world.runner(agent) as runner:
        run = await runner.start(world.alice, thread_id, "hello")
        for _ in range(5):
            await agent.speak()
        await runner.wait(run.run_id)
    state = await world.state(thread_id)
    assert said(state) == ["0 1 2 3 4 "]
    assert state.runs[run.run_id].status == "completed"
    assert calls > 10
