"""A thread's events: in pages, and followed live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest

from gates import GatedLog
from store.material import answer, delta, gather, user
from threadlog.log import START, Cursor, Diverged, Event, EventLog, Limits, NewEvent
from threadlog.log.memory import MemoryLog
from threadlog.model import (
    AccessGranted,
    AccessRevoked,
    NoticeEvent,
    ThreadItemDoneEvent,
    default_registry,
)
from threadlog.store import (
    InvalidPage,
    Principal,
    SeqNotFound,
    ThreadDeleted,
    ThreadNotFound,
    ThreadStore,
    VisibleBatch,
)
from threadlog.store.wire import encode_event

pytestmark = pytest.mark.anyio
NOTICE = NoticeEvent(level="info", message="x")


@pytest.fixture
async def thread(store: ThreadStore, alice: Principal) -> str:
    """A thread of Alice's with five events."""
    thread = (await store.create_thread(alice)).id
    await store.append(alice, thread, answer(thread, "a", "b", "c"), expected=1)
    return thread


@pytest.fixture
async def gated() -> AsyncIterator[GatedLog]:
    """A log whose calls can be held."""
    async with GatedLog() as log:
        yield log


def seqs(events: list[Event] | tuple[Event, ...]) -> list[int]:
    """Where events stand."""
    return [event.seq for event in events]


async def test_pages_lead_through_all_events_once(store: ThreadStore, alice: Principal, thread: str) -> None:
    """Whatever their size; the last one says that it is."""
    for limit in range(1, 7):
        found: list[int] = []
        cursor = START
        while True:
            page = await store.read_events(alice, thread, after=cursor, limit=limit)
            found += seqs(page.events)
            cursor = page.cursor
            if not page.has_more:
                break
        assert found == [1, 2, 3, 4, 5]
    end = await store.read_events(alice, thread, after=cursor)
    assert (end.events, end.cursor, end.has_more) == ((), cursor, False)


async def test_the_start_is_the_start_whatever_check_it_carries(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """There is no event before the first one that a check could be of."""
    page = await store.read_events(alice, thread, after=Cursor(0, "00000000"))
    assert seqs(page.events) == [1, 2, 3, 4, 5]


async def test_a_cursor_of_another_history_is_told_apart(store: ThreadStore, alice: Principal, thread: str) -> None:
    """One with a wrong check, and one beyond the end, in pages and in streams; a bare number is taken at its word."""
    for cursor in (Cursor(3, "00000000"), Cursor(6), Cursor(6, "00000000")):
        with pytest.raises(Diverged):
            await store.read_events(alice, thread, after=cursor)
        with pytest.raises(Diverged):
            await gather(store.follow(alice, thread, after=cursor), 1)
    assert seqs((await store.read_events(alice, thread, after=Cursor(3))).events) == [4, 5]
    assert seqs(await gather(store.follow(alice, thread, after=Cursor(3)), 2)) == [4, 5]


async def test_pages_lead_on_past_events_that_fill_a_page_alone(alice: Principal) -> None:
    """A log with small pages is read to its end all the same."""
    async with MemoryLog(limits=Limits(page_bytes=100)) as log, ThreadStore(log) as store:
        thread = (await store.create_thread(alice)).id
        await store.append(alice, thread, [NoticeEvent(level="info", message="x" * 200)] * 3, expected=1)
        found, cursor = [], START
        for _ in range(4):
            page = await store.read_events(alice, thread, after=cursor)
            found += seqs(page.events)
            cursor = page.cursor
        assert found == [1, 2, 3, 4]
        assert not page.has_more


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_of_events_that_cannot_be_is_refused(
    store: ThreadStore, alice: Principal, thread: str, limit: int
) -> None:
    """The error names the bounds."""
    with pytest.raises(InvalidPage, match="1 to 1000"):
        await store.read_events(alice, thread, limit=limit)


async def test_the_state_at_every_seq_is_what_its_events_say(store: ThreadStore, alice: Principal, thread: str) -> None:
    """And a seq that is not there is refused with what there is."""
    texts = []
    for seq in range(2, 6):
        state = await store.state(alice, thread, at=seq)
        item = state.item_data("msg_2")
        assert item is not None
        texts.append("".join(part["text"] for part in item["content"]))
        assert state.seq == seq
    assert texts == ["", "a", "ab", "abc"]
    for seq in (0, -1, 6):
        with pytest.raises(SeqNotFound, match="it has 1 to 5") as caught:
            await store.state(alice, thread, at=seq)
        assert caught.value.last_seq == 5


async def test_a_follower_gets_the_past_and_then_what_happens(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """Without gap or repetition, and can come back with the cursor of any batch."""
    found: list[int] = []
    cursors: list[Cursor] = []
    async with aclosing(store.follow(alice, thread)) as batches:
        async for batch in batches:
            found += seqs(batch.events)
            cursors.append(batch.cursor)
            if found[-1] == 5:
                await store.append(alice, thread, [NOTICE, NOTICE], expected=5)
            elif found[-1] == 7:
                break
    assert found == [1, 2, 3, 4, 5, 6, 7]
    for cursor in cursors[:-1]:
        assert seqs(await gather(store.follow(alice, thread, after=cursor), 7 - cursor.seq)) == found[cursor.seq :]


async def test_following_from_now_on_leaves_the_past_out(store: ThreadStore, alice: Principal, thread: str) -> None:
    """What comes after the first look at the thread is there."""
    task = asyncio.create_task(gather(store.follow(alice, thread, after=None), 1))
    while not store.feeds.stats.subscribers:  # noqa: ASYNC110 - the feed has no event to wait for
        await asyncio.sleep(0)
    await store.append(alice, thread, [NOTICE], expected=5)
    assert seqs(await task) == [6]


async def test_all_who_are_up_to_date_share_one_batch_for_each_audience(
    store: ThreadStore, alice: Principal, bob: Principal, agent: Principal, thread: str
) -> None:
    """So that what one encodes is there for all, and no audience gets another one's."""
    await store.append(alice, thread, [AccessGranted(user="bob", role="viewer")], expected=5)
    feeds = [store.follow(who, thread, after=Cursor(6)) for who in (alice, alice, bob, agent)]
    tasks = [asyncio.create_task(anext(feed)) for feed in feeds]
    while store.feeds.stats.subscribers < 4:  # noqa: ASYNC110 - the feed has no event to wait for
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    await store.append(alice, thread, [AccessGranted(user="carol", role="viewer"), NOTICE], expected=6)
    first, second, third, others = await asyncio.gather(*tasks)
    for feed in feeds:
        await feed.aclose()
    assert first is second is third
    assert isinstance(first, VisibleBatch)
    assert (seqs(first.events), seqs(others.events)) == ([8], [7, 8])
    assert first.memo is not others.memo


async def follow(
    feed: AsyncGenerator[VisibleBatch, None], found: list[Event], happens: Callable[[], Awaitable[object]]
) -> None:
    """Follow to the end; something happens once the fifth event is there."""
    async for batch in feed:
        found += batch.events
        if len(found) == 5:
            await happens()


async def test_following_ends_with_the_deletion_of_the_thread(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """The event comes first, then the error; who comes back is told at once."""
    found: list[Event] = []
    with pytest.raises(ThreadDeleted):
        await follow(store.follow(alice, thread), found, lambda: store.delete_thread(alice, thread))
    assert [event.type for event in found[5:]] == ["thread.deleted"]
    with pytest.raises(ThreadDeleted):
        await anext(store.follow(alice, thread, after=Cursor(5)))


async def test_following_ends_when_the_right_to_read_is_taken_away(
    store: ThreadStore, alice: Principal, bob: Principal, thread: str
) -> None:
    """What comes after the revocation is not given any more; a new grant lets the viewer in again."""
    await store.append(alice, thread, [AccessGranted(user="bob", role="viewer")], expected=5)
    found: list[Event] = []
    revoked = [AccessRevoked(user="bob"), ThreadItemDoneEvent(item=user(thread, text="not for Bob"))]
    with pytest.raises(ThreadNotFound):
        await follow(store.follow(bob, thread), found, lambda: store.append(alice, thread, revoked, expected=6))
    assert seqs(found) == [1, 2, 3, 4, 5]
    with pytest.raises(ThreadNotFound):
        await anext(store.follow(bob, thread))
    await store.append(alice, thread, [AccessGranted(user="bob", role="viewer")], expected=8)
    assert seqs(await gather(store.follow(bob, thread), 6)) == [1, 2, 3, 4, 5, 8]


async def test_a_right_that_is_taken_away_while_a_follower_joins_is_not_overlooked(
    gated: GatedLog, alice: Principal, bob: Principal
) -> None:
    """Following from now on begins where the right was looked at, not where the feed happens to start."""
    async with ThreadStore(gated) as store:
        thread = (await store.create_thread(alice)).id
        await store.append(alice, thread, [AccessGranted(user="bob", role="viewer")], expected=1)
        await store.state(alice, thread)
        gate = gated.hold("read")
        task = asyncio.create_task(anext(store.follow(bob, thread, after=None)))
        await gate.reached.wait()  # Bob's right is being looked at
        held, gated_again = gate, gated.hold("read_thread")
        held.open()
        await gated_again.reached.wait()  # the feed looks for its start
        gated.hold("read").open()
        await store.append(alice, thread, [AccessRevoked(user="bob"), NOTICE], expected=2)
        gated_again.open()
        with pytest.raises(ThreadNotFound):
            await task


async def test_followers_end_when_the_store_is_closed(log: EventLog, alice: Principal) -> None:
    """By stopping, without an error: the thread is as it was."""
    async with ThreadStore(log) as store:
        thread = (await store.create_thread(alice)).id

        async def follow() -> list[int]:
            return [seq async for batch in store.follow(alice, thread) for seq in seqs(batch.events)]

        task = asyncio.create_task(follow())
        while not store.feeds.stats.delivered:  # noqa: ASYNC110 - the feed has no event to wait for
            await asyncio.sleep(0)
    assert await task == [1]


async def test_old_payloads_leave_the_store_lifted(log: EventLog, alice: Principal) -> None:
    """Pages and streams carry today's form, states are folded from it; the log keeps its bytes."""
    registry = default_registry()

    @registry.upcaster("app.note", 1)
    def _(payload: dict[str, str]) -> dict[str, str]:
        return {"text": payload["t"]}

    async with ThreadStore(log, registry=registry) as store:
        thread = (await store.create_thread(alice)).id
        await store.append(alice, thread, [NewEvent("app.note", b'{"t":"hi"}')], expected=1)
        pages = (await store.read_events(alice, thread)).events
        live = await gather(store.follow(alice, thread), 2)
        for event in (pages[1], live[1]):
            assert (event.version, event.data) == (2, b'{"text":"hi"}')
        stored = (await log.read_thread("acme", thread)).events[1]
        assert (stored.version, stored.data) == (1, b'{"t":"hi"}')


async def test_an_event_has_one_form_on_the_wire(store: ThreadStore, alice: Principal, thread: str) -> None:
    """What users may know of it, with the payload byte for byte; nothing of tenants, shards and positions."""
    data = '{"ä":1e2,  "b":"\\u00e4"}'.encode()
    await store.append(alice, thread, [NewEvent("app.x", data)], expected=5, run_id="run_1")
    event = (await store.read_events(alice, thread, after=Cursor(5))).events[0]
    encoded = encode_event(event)
    assert encoded.endswith(b',"data":' + data + b"}")
    shown = json.loads(encoded)
    time = shown.pop("time")
    assert shown == {
        "seq": 6,
        "cursor": f"6-{event.id[-8:]}",
        "id": event.id,
        "type": "app.x",
        "version": 1,
        "actor": "user:alice",
        "run_id": "run_1",
        "data": {"ä": 100.0, "b": "ä"},
    }
    assert time == event.time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
    assert b"\n" not in encoded


async def test_deltas_that_another_store_writes_reach_this_one_s_followers(
    log: EventLog, alice: Principal, bob: Principal
) -> None:
    """Each event once, in order, whoever of the two wrote it."""
    async with ThreadStore(log) as here, ThreadStore(log) as there:
        thread = (await here.create_thread(alice)).id
        task = asyncio.create_task(gather(here.follow(alice, thread), 32))
        await here.append(alice, thread, answer(thread), expected=1)
        for seq in range(2, 32):
            await (here, there)[seq % 2].append(alice, thread, [delta("msg_2", "x")], expected=seq)
        assert seqs(await task) == list(range(1, 33))
        assert await here.state(alice, thread) == await there.state(alice, thread)
