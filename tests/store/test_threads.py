"""Threads: made, changed, listed, deleted."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from store.material import NOW, user
from threadlog.log import EventLog
from threadlog.model import ClosedStatus, InvalidPayload, LockedStatus, Page, Thread, ThreadMetadata
from threadlog.store import (
    AccessDenied,
    AppendIdReused,
    InvalidPage,
    InvalidThread,
    Principal,
    ThreadDeleted,
    ThreadExists,
    ThreadNotFound,
    ThreadStore,
)

pytestmark = pytest.mark.anyio


async def test_a_thread_is_given_back_as_it_was_made(store: ThreadStore, alice: Principal) -> None:
    """By its id, and in the listing."""
    made = await store.create_thread(alice, title="Trip", metadata={"lang": "it", "n": [1, {"a": None}]})
    assert made.id.startswith("thr_")
    assert await store.load_thread(alice, made.id) == made
    assert (await store.load_threads(alice)).data == [made]


async def test_the_clock_of_the_store_makes_the_time_of_a_thread(log: EventLog, alice: Principal) -> None:
    """For tests, and for those who replay."""
    async with ThreadStore(log, clock=lambda: NOW) as store:
        assert (await store.create_thread(alice)).created_at == NOW


async def test_a_thread_of_an_own_id_is_made_once(store: ThreadStore, alice: Principal, bob: Principal) -> None:
    """The id is taken for everybody then, whoever has it."""
    await store.create_thread(alice, thread_id="my-thread")
    for principal in (alice, bob):
        with pytest.raises(ThreadExists, match="'my-thread' is taken"):
            await store.create_thread(principal, thread_id="my-thread")
    other = Principal("other", "alice")
    assert (await store.create_thread(other, thread_id="my-thread")).id == "my-thread"


async def test_making_a_thread_again_under_the_same_append_id_gives_the_same_thread(
    store: ThreadStore, alice: Principal, bob: Principal
) -> None:
    """With and without an id of its own; another title is another thread, and another user's is theirs."""
    for thread_id in (None, "mine"):
        append_id = f"first-{thread_id}"
        made = await store.create_thread(alice, thread_id=thread_id, title="A", append_id=append_id)
        again = await store.create_thread(alice, thread_id=thread_id, title="A", append_id=append_id)
        assert again == made
        with pytest.raises(ThreadExists):
            await store.create_thread(alice, thread_id=thread_id, title="B", append_id=append_id)
    assert (await store.create_thread(bob, title="A", append_id="first-None")).id != made.id
    assert len((await store.load_threads(alice)).data) == 2
    with pytest.raises(ThreadExists):
        await store.create_thread(bob, thread_id="mine", title="A", append_id="first-mine")
    await store.delete_thread(alice, "mine")
    with pytest.raises(ThreadExists):
        await store.create_thread(alice, thread_id="mine", title="A", append_id="first-mine")


@pytest.mark.parametrize("thread_id", ["", " ", "a b", "a/b", "ä", "x" * 129, "-x", "a\nb", "a%20b", ".."])
async def test_an_id_that_cannot_stand_in_a_url_is_refused_by_name(
    store: ThreadStore, alice: Principal, thread_id: str
) -> None:
    """The error says what an id looks like."""
    with pytest.raises(InvalidThread, match="use 1 to 128"):
        await store.create_thread(alice, thread_id=thread_id)


@pytest.mark.parametrize("thread_id", ["", "\ud800", "a\x00b", "x" * 201])
async def test_an_id_that_no_log_can_hold_is_refused_where_it_is_asked_for(
    store: ThreadStore, alice: Principal, thread_id: str
) -> None:
    """Before any log sees it."""
    with pytest.raises(InvalidThread):
        await store.load_thread(alice, thread_id)
    with pytest.raises(InvalidThread):
        await store.read_events(alice, thread_id)


async def test_metadata_that_cannot_be_stored_is_refused(store: ThreadStore, alice: Principal) -> None:
    """Too long for listings, or no JSON."""
    with pytest.raises(InvalidThread, match="keep less of it there"):
        await store.create_thread(alice, metadata={"all": "x" * 70_000})
    with pytest.raises(InvalidPayload, match="UTF-8"):
        await store.create_thread(alice, title="\ud800")
    for title in ("a\0b", "x" * 70_000):
        with pytest.raises(InvalidThread, match=r"head\.title"):
            await store.create_thread(alice, title=title)
    assert (await store.load_threads(alice)).data == []


async def test_saving_a_thread_makes_or_changes_it(store: ThreadStore, alice: Principal) -> None:
    """Every field comes back from the thread and from the listing alike; saving the same again writes nothing."""
    thread = ThreadMetadata(id="thr_x", created_at=NOW, metadata={"a": 1})
    await store.save_thread(alice, thread)
    for change in (
        {"title": "New"},
        {"status": LockedStatus(reason="wait")},
        {"allowed_image_domains": ["x.y"]},
        {"metadata": {}},
        {"status": ClosedStatus()},
        {"title": None},
        {"created_at": datetime.fromisoformat("2020-02-02T00:00:00+00:00")},
    ):
        thread = thread.model_copy(update=change)
        await store.save_thread(alice, thread)
        assert await store.load_thread(alice, "thr_x") == thread
        assert (await store.load_threads(alice)).data == [thread]
    before = (await store.state(alice, "thr_x")).seq
    await store.save_thread(alice, thread)
    assert (await store.state(alice, "thr_x")).seq == before == 8


async def test_metadata_that_was_changed_in_place_is_saved(store: ThreadStore, alice: Principal) -> None:
    """Applications keep their data by writing into the dict."""
    await store.save_thread(alice, ThreadMetadata(id="thr_x", created_at=NOW))
    thread = await store.load_thread(alice, "thr_x")
    thread.metadata["step"] = 2
    await store.save_thread(alice, thread)
    assert (await store.load_thread(alice, "thr_x")).metadata == {"step": 2}
    fresh = ThreadMetadata(id="thr_y", created_at=NOW)
    fresh.metadata["step"] = 1
    await store.save_thread(alice, fresh)
    assert (await store.load_thread(alice, "thr_y")).metadata == {"step": 1}


async def test_a_whole_thread_is_saved_without_its_items(store: ThreadStore, alice: Principal) -> None:
    """They are stored one by one."""
    thread = Thread(id="thr_x", created_at=NOW, items=Page(data=[user("thr_x")]))
    await store.save_thread(alice, thread)
    assert (await store.load_thread_items(alice, "thr_x")).data == []


async def test_fields_that_this_version_does_not_know_are_kept(store: ThreadStore, alice: Principal) -> None:
    """A newer client's metadata survives an older server."""
    await store.save_thread(alice, ThreadMetadata.model_validate({"id": "t", "created_at": NOW, "mood": "good"}))
    for thread in (await store.load_thread(alice, "t"), (await store.load_threads(alice)).data[0]):
        assert thread.model_extra == {"mood": "good"}


async def test_threads_are_listed_by_owner_in_order_of_creation(
    store: ThreadStore, alice: Principal, bob: Principal
) -> None:
    """Newest first, page by page, each once; other people's are not among them."""
    ids = []
    for _ in range(5):
        ids.append((await store.create_thread(alice)).id)
        await store.create_thread(bob)
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        found: list[str] = []
        after = None
        while True:
            page = await store.load_threads(alice, limit=2, after=after, order=order)  # type: ignore[arg-type]
            found += [thread.id for thread in page.data]
            if not page.has_more:
                break
            after = page.after
        assert found == expected
        assert page.after is None


async def test_a_page_of_threads_that_cannot_be_is_refused(
    store: ThreadStore, alice: Principal, bob: Principal
) -> None:
    """Limits, orders and places that are none, among them a thread of somebody else."""
    theirs = await store.create_thread(bob)
    for arguments in ({"limit": 0}, {"limit": 1001}, {"order": "random"}, {"after": "thr_none"}, {"after": theirs.id}):
        with pytest.raises(InvalidPage):
            await store.load_threads(alice, **arguments)  # type: ignore[arg-type]


async def test_a_deleted_thread_is_gone_and_marks_its_place(
    store: ThreadStore, alice: Principal, bob: Principal
) -> None:
    """Its owner is told so; a stranger never knew it; nothing can be done with it."""
    first, second, third = [(await store.create_thread(alice)).id for _ in range(3)]
    await store.delete_thread(alice, second)
    assert [thread.id for thread in (await store.load_threads(alice, after=second)).data] == [first]
    assert [thread.id for thread in (await store.load_threads(alice)).data] == [third, first]
    for call in (
        store.load_thread(alice, second),
        store.load_thread_items(alice, second),
        store.state(alice, second),
        store.read_events(alice, second),
        store.save_item(alice, second, user(second)),
        store.delete_thread(alice, second),
        store.save_thread(alice, ThreadMetadata(id=second, created_at=NOW)),
    ):
        with pytest.raises(ThreadDeleted, match="was deleted"):
            await call
    with pytest.raises(ThreadNotFound):
        await store.load_thread(bob, second)
    with pytest.raises(ThreadExists):
        await store.create_thread(alice, thread_id=second)


async def test_many_make_the_same_thread_at_once_and_one_does(store: ThreadStore, alice: Principal) -> None:
    """The others are told; with the append id they share the one that was made."""
    results = await asyncio.gather(
        *(store.create_thread(alice, thread_id="same") for _ in range(8)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["ThreadExists"] * 7 + ["ThreadMetadata"]
    shared = await asyncio.gather(*(store.create_thread(alice, title="t", append_id="once") for _ in range(8)))
    assert len({thread.model_dump_json() for thread in shared}) == 1


async def test_who_is_no_member_makes_no_threads(store: ThreadStore) -> None:
    """A guest sees what is shared with them and no more."""
    guest = Principal("acme", "guest", frozenset())
    with pytest.raises(AccessDenied, match="role member"):
        await store.create_thread(guest)
    with pytest.raises(AccessDenied, match="role member"):
        await store.save_thread(guest, ThreadMetadata(id="t", created_at=NOW))


def test_the_error_of_a_reused_append_id_is_a_value_error() -> None:
    """Callers that know nothing of threadlog can still catch it."""
    assert issubclass(AppendIdReused, ValueError)
