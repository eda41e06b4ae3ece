"""Hidden things are hidden in items, pages, states, histories and streams alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from store.material import answer, delta, gather, hidden, user
from threadlog.log import START, Event, EventLog, NewEvent
from threadlog.model import (
    EVERYONE,
    INTERNAL,
    AccessGranted,
    RunCheckpointSaved,
    RunStarted,
    ThreadEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdatedEvent,
    UnknownUpdate,
    default_registry,
)
from threadlog.projection import ThreadState
from threadlog.store import ItemNotFound, Principal, ThreadStore

pytestmark = pytest.mark.anyio


def story(thread: str) -> list[ThreadEvent]:
    """What happens in a thread, some of it behind the scenes."""
    return [
        ThreadItemDoneEvent(item=user(thread)),
        ThreadItemAddedEvent(item=hidden(thread, "h")),
        ThreadItemUpdatedEvent(item_id="h", update=UnknownUpdate(type="app.more")),
        RunStarted(run_id="r", agent="a"),
        RunCheckpointSaved(run_id="r", checkpoint_id="c", state={"secret": 1}),
        *answer(thread, "a", "b"),
        AccessGranted(user="bob", role="viewer"),
        ThreadItemRemovedEvent(item_id="h"),
        ThreadItemUpdatedEvent(item_id="h", update=UnknownUpdate(type="app.after")),
        delta("msg_2", "c"),
    ]


SEEN = [1, 2, 5, 7, 8, 9, 13]
ALL = list(range(1, 14))


def seqs(events: Iterable[Event]) -> list[int]:
    """Where events stand."""
    return [event.seq for event in events]


@pytest.fixture
async def thread(store: ThreadStore, alice: Principal) -> str:
    """The story, told."""
    thread = (await store.create_thread(alice)).id
    await store.append(alice, thread, story(thread), expected=1)
    return thread


async def test_pages_of_events_skip_what_is_not_for_the_reader(
    store: ThreadStore, thread: str, alice: Principal, bob: Principal, agent: Principal, auditor: Principal
) -> None:
    """Seqs rise and skip for viewers; agents and auditors get everything."""
    for viewer in (alice, bob):
        assert seqs((await store.read_events(viewer, thread)).events) == SEEN
    for other in (agent, auditor):
        assert seqs((await store.read_events(other, thread)).events) == ALL


async def test_small_pages_may_be_empty_and_still_lead_on(store: ThreadStore, thread: str, alice: Principal) -> None:
    """A page says how far it has looked."""
    found: list[int] = []
    cursor, pages = START, 0
    while True:
        page = await store.read_events(alice, thread, after=cursor, limit=1)
        found, cursor, pages = found + seqs(page.events), page.cursor, pages + 1
        if not page.has_more:
            break
    assert (found, pages, cursor.seq) == (SEEN, 13, 13)


async def test_streams_skip_the_same_events(
    store: ThreadStore, thread: str, alice: Principal, bob: Principal, agent: Principal
) -> None:
    """From the start, and from any cursor in between."""
    assert seqs(await gather(store.follow(alice, thread), len(SEEN))) == SEEN
    assert seqs(await gather(store.follow(agent, thread), len(ALL))) == ALL
    everything = (await store.read_events(agent, thread)).events
    for event in everything[:-1]:
        page = await store.read_events(agent, thread, after=START, limit=event.seq)
        rest = [seq for seq in SEEN if seq > event.seq]
        assert seqs(await gather(store.follow(bob, thread, after=page.cursor), len(rest))) == rest


async def test_a_live_stream_skips_them_too(
    store: ThreadStore, log: EventLog, alice: Principal, agent: Principal
) -> None:
    """Also what names a hidden item by its id alone, written by this process or by another one."""
    for writer in (store, ThreadStore(log)):
        thread = (await store.create_thread(alice)).id
        feeds = [asyncio.create_task(gather(store.follow(who, thread), n)) for who, n in ((alice, 7), (agent, 13))]
        await asyncio.sleep(0)
        if writer is store:
            await tell(writer, alice, thread)
        else:
            async with writer:
                await tell(writer, alice, thread)
        seen, everything = await asyncio.gather(*feeds)
        assert (seqs(seen), seqs(everything)) == (SEEN, ALL)


async def tell(store: ThreadStore, principal: Principal, thread: str) -> None:
    """One event an append."""
    for seq, event in enumerate(story(thread), 1):
        await store.append(principal, thread, [event], expected=seq)


async def test_states_and_items_are_the_reader_s(
    store: ThreadStore, alice: Principal, bob: Principal, agent: Principal
) -> None:
    """Now and at every seq, in pages and one by one; and whatever is written is decided on what the writer sees."""
    thread = (await store.create_thread(alice)).id
    await store.append(alice, thread, story(thread)[:8], expected=1)
    assert (await store.state(alice, thread)).item_ids == ("msg_1", "msg_2")
    assert (await store.state(agent, thread)).item_ids == ("msg_1", "h", "msg_2")
    assert (await store.state(alice, thread, at=4)).item_ids == ("msg_1",)
    assert (await store.state(agent, thread, at=4)).item_ids == ("msg_1", "h")
    assert [item.id for item in (await store.load_thread_items(alice, thread)).data] == ["msg_1", "msg_2"]
    assert [item.id for item in (await store.load_thread_items(agent, thread)).data] == ["msg_1", "h", "msg_2"]
    for call in (
        store.load_item(alice, thread, "h"),
        store.item_history(alice, thread, "h"),
        store.delete_thread_item(alice, thread, "h"),
    ):
        with pytest.raises(ItemNotFound):
            await call
    assert len(await store.item_history(agent, thread, "h")) == 2
    decided: list[tuple[str, ...]] = []
    for who in (alice, agent):
        decision = await store.decide(who, thread, lambda state: decided.append(state.item_ids) or ())
        assert decision.state.item_ids == decided[-1]
    assert decided == [("msg_1", "msg_2"), ("msg_1", "h", "msg_2")]


async def test_who_joined_late_and_who_was_there_end_with_the_same_thread(
    store: ThreadStore, thread: str, alice: Principal
) -> None:
    """What a viewer folds from its stream has the items of the state that it would be given."""
    state = await store.state(alice, thread)
    live = await gather(store.follow(alice, thread), len(SEEN))
    folded = ThreadState.empty("acme", thread)
    for place, event in enumerate(live, 1):
        folded = folded.apply(_renumbered(event, place))
    assert folded.items == state.items


def _renumbered(event: Event, seq: int) -> Event:
    return Event(**{name: getattr(event, name) for name in event.__struct_fields__} | {"seq": seq})


async def test_an_application_decides_who_sees_its_own_types(log: EventLog, alice: Principal, agent: Principal) -> None:
    """A registered rule is obeyed; so is the one for types that nobody registered."""
    registry = default_registry(unknown=INTERNAL)

    @(lambda model: registry.register_event(model, visibility=EVERYONE))
    class Waved(ThreadEvent):
        type: str = "app.waved"

    async with ThreadStore(log, registry=registry) as store:
        thread = (await store.create_thread(alice)).id

        await store.append(alice, thread, [Waved(), NewEvent("app.other", b"{}")], expected=1)
        assert seqs((await store.read_events(alice, thread)).events) == [1, 2]
        assert seqs((await store.read_events(agent, thread)).events) == [1, 2, 3]
