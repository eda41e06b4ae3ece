"""From an agent to the log: order, merging, back-pressure, refusals, and errors that the agent hears of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.world import World, only, said
from threadlog.log import Limits, NewEvent, StorageFull, TooLarge
from threadlog.log.memory import MemoryLog
from threadlog.model import (
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    CustomTask,
    EndOfTurnItem,
    ProgressUpdateEvent,
    RunCompleted,
    ThreadDeletedEvent,
    ThreadEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    UserMessageItem,
    default_registry,
)
from threadlog.runs import AgentContext, InvalidOutput, RunBounds, RunEnded
from threadlog.runs.outbox import Outbox
from threadlog.store import ThreadStore

pytestmark = pytest.mark.anyio

_registry = default_registry()


def dump(event: ThreadEvent) -> NewEvent:
    """Serialise as a store does."""
    name, version, data = _registry.dump_event(event)
    return NewEvent(name, data, version)


def delta(item_id: str, part: int, text: str) -> ThreadItemUpdatedEvent:
    """A piece of text."""
    return ThreadItemUpdatedEvent(
        item_id=item_id, update=AssistantMessageContentPartTextDelta(content_index=part, delta=text)
    )


def outbox(**bounds: Any) -> Outbox:
    """An outbox with some bounds."""
    return Outbox(dump, RunBounds(**bounds), event_bytes=100_000)


async def taken(box: Outbox) -> list[Any]:
    """All that waits, as models."""
    await box.close()
    events = []
    while batch := await box.take(3, 10_000):
        events += [_registry.parse_event(new.type, new.version, new.data) for new in batch]
        await box.stored(len(batch))
    return events


_pieces = st.one_of(
    st.tuples(st.sampled_from(["msg_a", "msg_b"]), st.integers(0, 1), st.text(max_size=20)),
    st.just(None),
)


@given(st.lists(_pieces, max_size=60), st.integers(1, 40))
def test_merging_keeps_every_text_in_its_place(pieces: list[tuple[str, int, str] | None], longest: int) -> None:
    """Whatever is merged, each part's text and its order among other events are as they were streamed."""

    def runs_of(events: list[Any]) -> list[Any]:
        """Events with adjacent texts of one part joined."""
        joined: list[Any] = []
        for event in events:
            if isinstance(event, ProgressUpdateEvent):
                joined.append("progress")
                continue
            name, text = (event.item_id, event.update.content_index), event.update.delta
            if joined and joined[-1][0] == name:
                joined[-1] = (name, joined[-1][1] + text)
            else:
                joined.append((name, text))
        return joined

    streamed = [ProgressUpdateEvent(text="…") if piece is None else delta(*piece) for piece in pieces]

    async def through() -> list[Any]:
        box = outbox(delta_chars=longest)
        for event in streamed:
            await box.put(event)
        return await taken(box)

    stored = asyncio.run(through())
    assert runs_of(stored) == runs_of(streamed)
    assert all(
        len(event.update.delta) <= max(longest, 20) for event in stored if isinstance(event, ThreadItemUpdatedEvent)
    )


async def test_waiting_texts_become_one_event() -> None:
    """A hundred tokens that wait are stored as one event."""
    box = outbox()
    for number in range(100):
        await box.put(delta("msg_a", 0, f"{number} "))
    (event,) = await taken(box)
    assert event.update.delta == "".join(f"{number} " for number in range(100))


async def test_a_full_outbox_makes_its_agent_wait() -> None:
    """Beyond the bound `put` waits until something was taken."""
    box = outbox(waiting_events=2)
    await box.put(ProgressUpdateEvent(text="one"))
    await box.put(ProgressUpdateEvent(text="two"))
    third = asyncio.create_task(box.put(ProgressUpdateEvent(text="three")))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not third.done()
    assert len(await box.take(1, 10_000)) == 1
    await third


async def test_a_full_outbox_is_full_of_bytes_too() -> None:
    """The bound in bytes holds, also for texts that are merged."""
    box = outbox(waiting_bytes=1_000, delta_chars=10_000)
    await box.put(delta("msg_a", 0, "x" * 1_000))
    second = asyncio.create_task(box.put(delta("msg_a", 0, "y")))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not second.done()
    await box.take(10, 10_000)
    await second


async def test_a_batch_is_bounded_in_events_and_bytes() -> None:
    """A batch holds at most so many events and bytes, and always at least one event."""
    box = outbox()
    for number in range(4):
        await box.put(ProgressUpdateEvent(text=str(number) * 400))
    assert [len(await box.take(10, 1_000)) for _ in range(2)] == [2, 2]
    await box.put(ProgressUpdateEvent(text="z" * 5_000))
    assert len(await box.take(10, 1_000)) == 1


async def test_changing_an_event_after_streaming_it_changes_nothing() -> None:
    """What waits is what it was when it was streamed."""
    box, event = outbox(), ProgressUpdateEvent(text="before")
    await box.put(event)
    event.text = "after"
    (stored,) = await taken(box)
    assert stored.text == "before"


async def refused(world: World, event: Callable[[AgentContext[Any]], ThreadEvent]) -> BaseException:
    """What an agent gets to hear when it streams something; it then goes on."""
    errors: list[BaseException] = []

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        try:
            await context.stream(event(context))
        except Exception as error:
            errors.append(error)
        await context.say("and on")

    state = await world.answer(agent)
    assert said(state) == ["and on"]
    (error,) = errors
    return error


async def test_what_is_not_an_agents_to_write_is_refused(world: World) -> None:
    """Run events, the end of the thread and items of other threads raise at once; the run goes on."""
    assert isinstance(await refused(world, lambda context: RunCompleted(run_id=context.run_id)), InvalidOutput)
    assert isinstance(await refused(world, lambda context: ThreadDeletedEvent()), InvalidOutput)

    def foreign(context: AgentContext[Any]) -> ThreadEvent:
        item = EndOfTurnItem(id="eot_x", thread_id="thr_other", created_at=context.thread.created_at)
        return ThreadItemDoneEvent(item=item)

    assert "thr_other" in str(await refused(world, foreign))


async def test_what_is_too_large_is_refused_where_it_is_streamed() -> None:
    """An event over the log's limit raises in the agent's own call and leaves the run whole."""
    async with MemoryLog(limits=Limits(event_bytes=5_000)) as log, ThreadStore(log) as store:
        world = World(store)
        assert isinstance(await refused(world, lambda context: ProgressUpdateEvent(text="x" * 6_000)), TooLarge)


async def test_a_long_text_is_split_where_the_log_needs_it() -> None:
    """Merged deltas never grow over the log's limit of an event."""
    async with MemoryLog(limits=Limits(event_bytes=3_000, append_bytes=4_000)) as log, ThreadStore(log) as store:

        async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
            for _ in range(40):
                await context.progress("é" * 100)
            async with context.message() as answer:
                for _ in range(30):
                    await answer.write('"' * 40)

        state = await World(store).answer(agent)
        assert said(state) == ['"' * 1_200]


async def test_a_storage_fault_reaches_the_agent_at_its_next_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the log cannot store, the next stream() or flush() raises; what was stored before is kept."""
    append, errors = world.store.append, list[BaseException]()

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.say("before")
        await context.flush()

        async def full(*args: Any, **kwargs: Any) -> Any:
            raise StorageFull("no room is left.")

        monkeypatch.setattr(world.store, "append", full)
        await context.progress("lost")
        try:
            await context.flush()
        except StorageFull as error:
            errors.append(error)
            monkeypatch.setattr(world.store, "append", append)
        with pytest.raises(StorageFull):
            await context.progress("also refused")
        raise errors[0]

    state = await world.answer(agent)
    assert said(state) == ["before"]
    (run,) = state.runs.values()
    assert run.status == "failed"


async def test_what_is_flushed_is_in_the_log(world: World) -> None:
    """After flush() anybody can read what was streamed: it is stored before it is shown."""
    found: list[list[str]] = []

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        async with context.message() as answer:
            await answer.write("stored")
            await context.flush()
            found.append(said(await world.state(context.thread.id)))

    await world.answer(agent)
    assert found == [["stored"]]


async def test_a_context_is_of_no_use_after_its_run(world: World) -> None:
    """An agent that kept its context cannot write into the thread later."""
    kept: list[AgentContext[Any]] = []

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        kept.append(context)
        await context.add_workflow_task(CustomTask(title="x"))

    await world.answer(agent)
    with pytest.raises(RunEnded):
        await kept[0].say("I am back")


async def test_halves_of_a_surrogate_pair_are_joined(world: World) -> None:
    """Some endpoints cut a character in two; it is stored whole, and a lone half becomes a replacement character."""

    async def agent(context: AgentContext[Any], message: UserMessageItem) -> None:
        await context.stream_text(["a\ud83d", "\ude00b", "c\ud83d"])

    message = only(await world.answer(agent), AssistantMessageItem)
    assert message.content[0].text == "a😀bc\ufffd"
