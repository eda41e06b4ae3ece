"""Items: added, saved, loaded by page, removed; and their history."""

from __future__ import annotations

import pytest

from store.material import NOW, answer, assistant, hidden, user
from threadlog.log import Expect, NewEvent
from threadlog.model import (
    AssistantMessageContent,
    AssistantMessageItem,
    EndOfTurnItem,
    Item,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    UnknownItem,
)
from threadlog.store import (
    InvalidItem,
    InvalidPage,
    ItemExists,
    ItemNotFound,
    Principal,
    ThreadNotFound,
    ThreadStore,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def thread(store: ThreadStore, alice: Principal) -> str:
    """A thread of Alice's."""
    return (await store.create_thread(alice)).id


async def seq(store: ThreadStore, principal: Principal, thread: str) -> int:
    """Where the thread ends."""
    return (await store.state(principal, thread)).seq


async def test_an_item_is_given_back_as_it_was_added(store: ThreadStore, alice: Principal, thread: str) -> None:
    """By its id and in pages; adding it again writes nothing; another under its id is refused."""
    item = user(thread)
    await store.add_thread_item(alice, thread, item)
    assert await store.load_item(alice, thread, "msg_1") == item
    assert (await store.load_thread_items(alice, thread)).data == [item]
    await store.add_thread_item(alice, thread, item)
    with pytest.raises(ItemExists, match="use save_item"):
        await store.add_thread_item(alice, thread, user(thread, text="other"))
    assert await seq(store, alice, thread) == 2


async def test_adding_completes_an_item_that_is_being_made(store: ThreadStore, alice: Principal, thread: str) -> None:
    """What streamed so far gives way to the whole."""
    await store.append(alice, thread, answer(thread, "par"), expected=1)
    whole = AssistantMessageItem(
        id="msg_2", thread_id=thread, created_at=NOW, content=[AssistantMessageContent(text="part")]
    )
    await store.add_thread_item(alice, thread, whole)
    state = await store.state(alice, thread)
    assert (state.items, state.open_item_ids) == ((whole,), ())


async def test_saving_replaces_an_item_in_its_place_or_adds_it(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """Saving the same again writes nothing."""
    for name in ("a", "b"):
        await store.save_item(alice, thread, user(thread, name))
    await store.save_item(alice, thread, user(thread, "a", "new"))
    await store.save_item(alice, thread, user(thread, "a", "new"))
    found = (await store.load_thread_items(alice, thread)).data
    assert found == [user(thread, "a", "new"), user(thread, "b")]
    assert await seq(store, alice, thread) == 4


async def test_a_removed_item_is_gone(store: ThreadStore, alice: Principal, thread: str) -> None:
    """It can be neither loaded nor removed again, and still marks its place in pages."""
    for name in ("a", "b", "c"):
        await store.save_item(alice, thread, user(thread, name))
    await store.delete_thread_item(alice, thread, "b")
    for call in (store.load_item(alice, thread, "b"), store.delete_thread_item(alice, thread, "b")):
        with pytest.raises(ItemNotFound, match="no item 'b'"):
            await call
    assert [item.id for item in (await store.load_thread_items(alice, thread, after="b")).data] == ["c"]


async def test_items_come_in_pages_of_both_orders(store: ThreadStore, alice: Principal, thread: str) -> None:
    """The `after` of one page leads to the next."""
    await store.append(alice, thread, [ThreadItemDoneEvent(item=user(thread, f"m{n}")) for n in range(5)], expected=1)
    first = await store.load_thread_items(alice, thread, limit=3)
    assert ([item.id for item in first.data], first.has_more, first.after) == (["m0", "m1", "m2"], True, "m2")
    rest = await store.load_thread_items(alice, thread, limit=3, after=first.after)
    assert ([item.id for item in rest.data], rest.has_more, rest.after) == (["m3", "m4"], False, None)
    back = await store.load_thread_items(alice, thread, limit=2, order="desc", after="m3")
    assert [item.id for item in back.data] == ["m2", "m1"]


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 1001}, {"order": "x"}, {"after": "nobody"}])
async def test_a_page_of_items_that_cannot_be_is_refused(
    store: ThreadStore, alice: Principal, thread: str, arguments: dict[str, int]
) -> None:
    """The error names what to ask for."""
    with pytest.raises(InvalidPage, match=r"limit|order|after"):
        await store.load_thread_items(alice, thread, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (user("thr_other"), "says thread_id 'thr_other'"),
        (user("", "x"), "says thread_id ''"),
        (UnknownItem(type="poem", id="x" * 300), "300 bytes long"),
        (UnknownItem(type="poem", id=""), "empty"),
    ],
)
async def test_an_item_that_is_not_fit_for_the_thread_is_refused_by_name(
    store: ThreadStore, alice: Principal, thread: str, item: Item, problem: str
) -> None:
    """Nothing is written."""
    for call in (store.add_thread_item, store.save_item):
        with pytest.raises(InvalidItem, match=problem):
            await call(alice, thread, item)
    assert await seq(store, alice, thread) == 1


async def test_what_was_hidden_cannot_be_made_visible_nor_the_other_way_round(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """An id stands for what the same people see."""
    await store.add_thread_item(alice, thread, hidden(thread, "h"))
    await store.add_thread_item(alice, thread, user(thread, "v"))
    with pytest.raises(InvalidItem, match="cannot become a user_message"):
        await store.append(alice, thread, [ThreadItemAddedEvent(item=user(thread, "h"))], expected=3)
    with pytest.raises(InvalidItem, match="cannot become a hidden_context_item"):
        await store.save_item(alice, thread, hidden(thread, "v"))


async def test_payload_bytes_that_hold_no_item_are_refused(store: ThreadStore, alice: Principal, thread: str) -> None:
    """What comes as bytes is looked at as far as the store relies on it."""
    for data in (b"{}", b'{"item": 5}', b'{"item": {"id": 5, "type": "x"}}'):
        with pytest.raises(InvalidItem, match=r"thread\.item\.done"):
            await store.append(alice, thread, [NewEvent("thread.item.done", data)], expected=1)


async def test_items_of_a_thread_that_is_not_there_are_not_found(store: ThreadStore, alice: Principal) -> None:
    """Writing into nothing makes no thread."""
    for call in (
        store.load_thread_items(alice, "thr_none"),
        store.add_thread_item(alice, "thr_none", user("thr_none")),
        store.append(alice, "thr_none", [ThreadItemDoneEvent(item=user("thr_none"))], expected=Expect.ANY),
    ):
        with pytest.raises(ThreadNotFound):
            await call


async def test_the_history_of_an_item_has_every_version(store: ThreadStore, alice: Principal, thread: str) -> None:
    """With who made it and when; a row of text deltas makes one; a removal ends it."""
    await store.append(alice, thread, answer(thread, "a", "b", "c"), expected=1)
    await store.add_thread_item(alice, thread, EndOfTurnItem(id="eot", thread_id=thread, created_at=NOW))
    await store.save_item(alice, thread, assistant(thread))
    await store.delete_thread_item(alice, thread, "msg_2")
    history = await store.item_history(alice, thread, "msg_2")
    assert [(version.seq, version.event_type, version.actor) for version in history] == [
        (2, "thread.item.added", "user:alice"),
        (5, "thread.item.updated", "user:alice"),
        (7, "thread.item.replaced", "user:alice"),
        (8, "thread.item.removed", "user:alice"),
    ]
    streamed = history[1].item
    assert isinstance(streamed, AssistantMessageItem)
    assert streamed.content[0].text == "abc"
    assert history[-1].item is None
    assert history[0].time <= history[-1].time
    with pytest.raises(ItemNotFound):
        await store.item_history(alice, thread, "nobody")
