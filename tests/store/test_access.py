"""Who may do what: default deny, and a stranger's thread is not there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from store.material import NOW, hidden, user
from threadlog.log import START, EventLog, Expect, HeadChange, InvalidAppend, NewEvent
from threadlog.log.memory import MemoryLog
from threadlog.model import (
    AccessGranted,
    AccessRevoked,
    Audience,
    NoticeEvent,
    ThreadCreatedEvent,
    ThreadDeletedEvent,
    ThreadMetadata,
)
from threadlog.store import (
    AccessDenied,
    InvalidItem,
    InvalidThread,
    Principal,
    ThreadDeleted,
    ThreadNotFound,
    ThreadStore,
)
from threadlog.store.access import Right, right_of
from threadlog.store.writing import whole

pytestmark = pytest.mark.anyio

Call = Callable[[ThreadStore, Principal, str], Awaitable[Any]]


async def follow(store: ThreadStore, principal: Principal, thread: str) -> None:
    """Begin to follow."""
    feed = store.follow(principal, thread, after=START)
    try:
        await anext(feed)
    finally:
        await feed.aclose()


READS: dict[str, Call] = {
    "load_thread": lambda store, who, thread: store.load_thread(who, thread),
    "load_thread_items": lambda store, who, thread: store.load_thread_items(who, thread),
    "load_item": lambda store, who, thread: store.load_item(who, thread, "msg_1"),
    "item_history": lambda store, who, thread: store.item_history(who, thread, "msg_1"),
    "state": lambda store, who, thread: store.state(who, thread),
    "state_at": lambda store, who, thread: store.state(who, thread, at=1),
    "read_events": lambda store, who, thread: store.read_events(who, thread),
    "follow": follow,
}
NOTICE = NoticeEvent(level="info", message="x")
WRITES: dict[str, Call] = {
    "save_thread": lambda store, who, thread: store.save_thread(who, ThreadMetadata(id=thread, created_at=NOW)),
    "add_thread_item": lambda store, who, thread: store.add_thread_item(who, thread, user(thread, "new")),
    "save_item": lambda store, who, thread: store.save_item(who, thread, user(thread, text="new")),
    "delete_thread_item": lambda store, who, thread: store.delete_thread_item(who, thread, "msg_1"),
    "append": lambda store, who, thread: store.append(who, thread, [NOTICE], expected=Expect.THREAD_EXISTS),
    "append_exact": lambda store, who, thread: store.append(who, thread, [NOTICE], expected=3),
    "decide": lambda store, who, thread: store.decide(who, thread, lambda state: [NOTICE]),
}
GRANT = AccessGranted(user="mallory", role="editor")
OWNS: dict[str, Call] = {
    "delete_thread": lambda store, who, thread: store.delete_thread(who, thread),
    "append_deleted": lambda store, who, thread: store.append(
        who, thread, [ThreadDeletedEvent()], expected=Expect.THREAD_EXISTS
    ),
    "grant": lambda store, who, thread: store.append(who, thread, [GRANT], expected=Expect.THREAD_EXISTS),
    "grant_among_others": lambda store, who, thread: store.append(
        who, thread, [NOTICE, GRANT, NOTICE], expected=Expect.THREAD_EXISTS
    ),
    "grant_as_bytes": lambda store, who, thread: store.append(
        who, thread, [NewEvent("access.granted", b'{"user":"mallory","role":"editor"}')], expected=Expect.ANY
    ),
    "unknown_access_event": lambda store, who, thread: store.append(
        who, thread, [NewEvent("access.odd", b"{}")], expected=Expect.ANY
    ),
    "decide_grant": lambda store, who, thread: store.decide(who, thread, lambda state: [GRANT]),
    "revoke": lambda store, who, thread: store.append(
        who, thread, [AccessRevoked(user="viewer")], expected=Expect.THREAD_EXISTS
    ),
}
PEOPLE = {
    "owner": Principal("acme", "alice"),
    "agent": Principal("acme", "alice", agent="folder"),
    "editor": Principal("acme", "editor"),
    "editor's agent": Principal("acme", "editor", agent="folder"),
    "viewer": Principal("acme", "viewer"),
    "viewer's agent": Principal("acme", "viewer", agent="folder"),
    "guest with a grant": Principal("acme", "viewer", frozenset()),
    "stranger": Principal("acme", "mallory"),
    "stranger's agent": Principal("acme", "mallory", agent="folder"),
    "namesake in another tenant": Principal("other", "alice"),
    "admin of another tenant": Principal("other", "alice", frozenset({"admin", "auditor", "member"})),
    "auditor": Principal("acme", "eve", frozenset({"auditor"})),
    "admin": Principal("acme", "root", frozenset({"admin"})),
}
MAY = {
    "owner": {"read", "write", "own"},
    "agent": {"read", "write"},
    "editor": {"read", "write"},
    "editor's agent": {"read", "write"},
    "viewer": {"read"},
    "viewer's agent": {"read"},
    "guest with a grant": {"read"},
    "stranger": set(),
    "stranger's agent": set(),
    "namesake in another tenant": set(),
    "admin of another tenant": set(),
    "auditor": {"read"},
    "admin": {"read", "write", "own"},
}
CALLS = [
    (kind, name, call)
    for kind, calls in (("read", READS), ("write", WRITES), ("own", OWNS))
    for name, call in calls.items()
]


@pytest.fixture
async def log() -> AsyncIterator[EventLog]:
    """The rules are the store's: one kind of log is enough to hold them."""
    async with MemoryLog() as log:
        yield log


@pytest.fixture
async def thread(store: ThreadStore, alice: Principal) -> str:
    """A thread of Alice's with one item, shared with an editor and a viewer."""
    thread = (await store.create_thread(alice)).id
    await store.add_thread_item(alice, thread, user(thread))
    await store.append(alice, thread, [AccessGranted(user="editor", role="editor")], expected=2)
    await store.append(alice, thread, [AccessGranted(user="viewer", role="viewer")], expected=3)
    return thread


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(("kind", "name", "call"), CALLS, ids=[name for _, name, _ in CALLS])
async def test_everybody_may_do_what_their_role_says_and_nothing_else(
    store: ThreadStore, thread: str, kind: str, name: str, call: Call, who: str
) -> None:
    """What is refused is refused as not there to strangers, and as denied to those who know the thread."""
    principal, rights = PEOPLE[who], MAY[who]
    seq = (await store.state(PEOPLE["owner"], thread)).seq
    if kind in rights:
        if name == "append_exact":
            await store.append(principal, thread, [NOTICE], expected=seq)
        else:
            await call(store, principal, thread)
        return
    if name == "save_thread" and not rights:
        return  # saving a thread that one does not see makes one's own; see the test below
    with pytest.raises(AccessDenied if rights else ThreadNotFound):
        await call(store, principal, thread)
    assert (await store.state(PEOPLE["owner"], thread)).seq == seq


async def test_saving_a_stranger_s_thread_is_refused(store: ThreadStore, thread: str, bob: Principal) -> None:
    """It changes nothing, and in another tenant it makes a thread of one's own."""
    with pytest.raises(ThreadNotFound):
        await store.save_thread(bob, ThreadMetadata(id=thread, created_at=NOW, title="mine"))
    other = Principal("other", "bob")
    await store.save_thread(other, ThreadMetadata(id=thread, created_at=NOW, title="mine"))
    assert (await store.load_thread(PEOPLE["owner"], thread)).title is None
    assert (await store.load_thread(other, thread)).title == "mine"


async def test_a_stranger_cannot_tell_a_thread_from_none(store: ThreadStore, thread: str, bob: Principal) -> None:
    """The answers are the same but for the id."""
    for call in (*READS.values(), *WRITES.values(), *OWNS.values()):
        answers = []
        for name in (thread, "thr_none"):
            if call is WRITES["save_thread"]:
                continue
            with pytest.raises(ThreadNotFound) as caught:
                await call(store, bob, name)
            answers.append(str(caught.value).replace(name, "?"))
        assert len(set(answers)) <= 1


async def test_a_revoked_grant_ends_what_it_allowed(store: ThreadStore, thread: str, alice: Principal) -> None:
    """At once, and for appends at an exact seq as well."""
    editor = PEOPLE["editor"]
    await store.append(editor, thread, [NOTICE], expected=4)
    await store.append(alice, thread, [AccessRevoked(user="editor")], expected=5)
    for call in (
        store.append(editor, thread, [NOTICE], expected=6),
        store.append(editor, thread, [NOTICE], expected=Expect.ANY),
        store.load_thread(editor, thread),
    ):
        with pytest.raises(ThreadNotFound):
            await call


async def test_what_another_store_has_changed_counts_for_appends_whatever_the_seq(
    log: EventLog, thread: str, alice: Principal
) -> None:
    """A thread at hand is not believed where it has gone on elsewhere, be it to refuse or to allow."""
    editor = PEOPLE["editor"]
    async with ThreadStore(log) as here, ThreadStore(log) as there:
        await here.append(editor, thread, [NOTICE], expected=Expect.ANY)
        await there.append(alice, thread, [AccessRevoked(user="editor")], expected=5)
        with pytest.raises(ThreadNotFound):
            await here.append(editor, thread, [NOTICE], expected=Expect.THREAD_EXISTS)
        await there.append(alice, thread, [AccessGranted(user="editor", role="editor")], expected=6)
        await here.append(editor, thread, [NOTICE], expected=Expect.THREAD_EXISTS)
        await there.delete_thread(alice, thread)
        with pytest.raises(ThreadDeleted):
            await here.append(editor, thread, [NOTICE], expected=Expect.ANY)
        assert (await there.state(PEOPLE["admin"], thread)).seq == 9


async def test_nobody_can_give_a_thread_another_owner_by_its_bytes(
    store: ThreadStore, thread: str, alice: Principal
) -> None:
    """Owner, title and deletion in the log's head are the store's to write."""
    forged = NewEvent("app.note", b"{}", head=HeadChange(owner="editor", deleted=True))
    with pytest.raises(InvalidItem, match="leave `head` out"):
        await store.append(PEOPLE["editor"], thread, [forged], expected=4)
    created = store.dump(ThreadCreatedEvent(thread=whole(ThreadMetadata(id=thread, created_at=NOW))))
    with pytest.raises(InvalidThread, match="only at a thread's beginning"):
        await store.append(PEOPLE["editor"], thread, [created], expected=4)
    with pytest.raises(InvalidItem, match="save_attachment"):
        await store.append(alice, thread, [NewEvent("attachment.saved", b"{}")], expected=4)


async def test_auditors_read_deleted_threads_and_nobody_else_does(
    store: ThreadStore, thread: str, alice: Principal
) -> None:
    """Their past: state, events, history. The live operations are gone for everybody."""
    await store.delete_thread(alice, thread)
    for who in ("auditor", "admin"):
        principal = PEOPLE[who]
        assert (await store.state(principal, thread)).deleted
        assert (await store.read_events(principal, thread)).events[-1].type == "thread.deleted"
        assert len(await store.item_history(principal, thread, "msg_1")) == 1
        with pytest.raises(ThreadDeleted):
            await store.load_thread(principal, thread)
    for call in READS.values():
        with pytest.raises(ThreadDeleted):
            await call(store, PEOPLE["viewer"], thread)
        with pytest.raises(ThreadNotFound):
            await call(store, PEOPLE["stranger"], thread)


async def test_auditors_list_everybody_s_threads(
    store: ThreadStore, thread: str, auditor: Principal, bob: Principal
) -> None:
    """Others are refused, and see their own."""
    assert [found.id for found in (await store.load_threads(auditor, everyone=True)).data] == [thread]
    assert (await store.load_threads(auditor)).data == []
    with pytest.raises(AccessDenied, match="role auditor"):
        await store.load_threads(bob, everyone=True)


async def test_what_was_refused_and_what_auditors_read_is_logged_without_content(
    store: ThreadStore, thread: str, alice: Principal, caplog: pytest.LogCaptureFixture
) -> None:
    """Who, what and which thread; nothing of what is in it."""
    await store.add_thread_item(alice, thread, hidden(thread, content="top secret"))
    with caplog.at_level(logging.INFO, logger="threadlog.store"):
        with pytest.raises(ThreadNotFound):
            await store.load_thread(PEOPLE["stranger"], thread)
        with pytest.raises(AccessDenied):
            await store.save_item(PEOPLE["viewer"], thread, user(thread, text="my words"))
        await store.state(PEOPLE["auditor"], thread)
        await store.load_thread(alice, thread)
    assert [record.getMessage() for record in caplog.records] == [
        f"refused user:mallory of tenant acme to read thread {thread}",
        f"refused user:viewer of tenant acme to write thread {thread}",
        f"user:eve of tenant acme reads thread {thread} as auditor",
    ]


def test_a_principal_has_an_actor_and_an_audience() -> None:
    """Users are viewers, agents are agents whoever they act for, auditors and admins see everything."""
    assert {who: (principal.actor, principal.audience) for who, principal in PEOPLE.items() if who in {
        "owner", "agent", "auditor", "admin"
    }} == {
        "owner": ("user:alice", Audience.VIEWER),
        "agent": ("agent:folder", Audience.AGENT),
        "auditor": ("user:eve", Audience.AUDITOR),
        "admin": ("user:root", Audience.AUDITOR),
    }  # fmt: skip


async def test_rights_end_at_the_tenant_s_wall_whatever_state_is_asked_about(store: ThreadStore, thread: str) -> None:
    """Even if a state of another tenant came before the rules, it gives nobody a right."""
    state = await store.state(PEOPLE["owner"], thread)
    assert right_of(PEOPLE["owner"], state) is Right.MANAGE
    for who in ("namesake in another tenant", "admin of another tenant"):
        assert right_of(PEOPLE[who], state) is Right.NONE


@pytest.mark.parametrize(
    "arguments", [("", "alice"), ("acme", ""), ("acme", "a\nb"), ("acme", "x" * 200), ("\ud800", "alice")]
)
def test_a_principal_that_no_log_could_name_is_refused(arguments: tuple[str, str]) -> None:
    """When it is made, not when it first writes."""
    with pytest.raises(InvalidAppend):
        Principal(*arguments)
