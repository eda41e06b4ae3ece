"""The public API as a type checker sees it. Never executed: `nox -s types` reads it."""

from __future__ import annotations

from typing import assert_type

from threadlog import Principal, ThreadStore, open_store
from threadlog.log import Append, Appended, Conflict, Duplicate, EventLog, Expect, IdReused, NewEvent, Outcome, open_log
from threadlog.model import Item, Page, ThreadMetadata, UserMessageItem
from threadlog.projection import ThreadState
from threadlog.runs import AgentContext, Runner, text_of
from threadlog.store import VisibleBatch


async def store_gives_models(store: ThreadStore, alice: Principal) -> None:
    """Threads, items and states have their types."""
    assert_type(await store.create_thread(alice), ThreadMetadata)
    assert_type(await store.load_threads(alice), Page[ThreadMetadata])
    assert_type(await store.load_thread_items(alice, "t"), Page[Item])
    assert_type(await store.state(alice, "t", at=3), ThreadState)
    async for batch in store.follow(alice, "t"):
        assert_type(batch, VisibleBatch)
    await store.add_thread_item(alice, "t", UserMessageItem.of_text("t", "hello"))
    await store.append(alice, "t", [], append_id="a")  # type: ignore[call-arg]


async def opening_gives_what_it_opens() -> None:
    """Context managers give a store and a log."""
    async with open_store("memory:") as store:
        assert_type(store, ThreadStore)
    async with open_log("memory:") as log:
        assert_type(log, EventLog)


def an_outcome_is_one_of_four(outcome: Outcome) -> int:
    """Outcomes can be told apart exhaustively."""
    match outcome:
        case Appended() | Duplicate():
            return outcome.next_expected
        case Conflict():
            return outcome.current_seq
        case IdReused():
            return outcome.first_seq


def expected_is_mandatory() -> None:
    """An append without a word on what is expected does not type-check."""
    events = (NewEvent("notice", b"{}"),)
    Append(tenant="a", thread_id="t", append_id="1", expected=Expect.ANY, events=events)
    Append(tenant="a", thread_id="t", append_id="1", events=events)  # type: ignore[call-arg]


async def agent(context: AgentContext[None], message: UserMessageItem) -> None:
    """An agent is an async function."""
    await context.say(text_of(message))


def runner_takes_an_agent(store: ThreadStore) -> Runner:
    """And a runner takes it."""
    return Runner(store, agent)
