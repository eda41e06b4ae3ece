"""Exporting: one line a thread, for whoever may see it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exchange.conftest import ALICE, OPERATOR
from exchange.runs import TALK, assistant, run, same, user
from threadlog.exchange import export_threads, import_run
from threadlog.log import Cursor
from threadlog.model import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemUpdatedEvent,
)
from threadlog.store import Principal, ThreadStore

pytestmark = pytest.mark.anyio


async def lines(store: ThreadStore, principal: Principal) -> list[Any]:
    """What an export gives."""
    return [json.loads(line) async for line in export_threads(store, principal)]


async def test_more_threads_than_a_page_come_in_order(store: ThreadStore) -> None:
    """All threads are exported, oldest first, each once."""
    names = [f"run-{number}" for number in range(230)]
    for name in names:
        await import_run(store, ALICE, run(TALK[:2], name=name))
    assert [line["id"] for line in await lines(store, OPERATOR)] == names


async def test_lines_hold_no_line_break(store: ThreadStore) -> None:
    """A line is one line, and UTF-8 is written as it is unless only an escape can carry it."""
    await import_run(store, ALICE, run([user("é\n\r\u2028")], name="a"))
    await import_run(store, ALICE, run([user("é\ud800")], name="b"))
    written = [line async for line in export_threads(store, OPERATOR)]
    assert not any(b"\n" in line or b"\r" in line for line in written)
    assert "é".encode() in written[0]
    assert b"\\u00e9\\ud800" in written[1]


async def test_users_export_what_they_see(store: ThreadStore) -> None:
    """A user gets threads of their own without hidden context; an auditor gets the tenant's with it."""
    await import_run(store, ALICE, run(TALK, name="hers"))
    await import_run(store, Principal("acme", "bob"), run(TALK, name="his"))
    await import_run(store, Principal("other", "eve"), run(TALK, name="another tenant's"))
    assert same(await lines(store, ALICE), [run(TALK[1:], name="hers")])
    auditor = Principal("acme", "carol", frozenset({"auditor"}))
    assert same(await lines(store, auditor), [run(TALK, name="hers"), run(TALK, name="his")])


async def test_deleted_threads_are_not_exported(store: ThreadStore) -> None:
    """A deleted thread is in nobody's export."""
    gone = await import_run(store, ALICE, run(TALK, name="gone"))
    await import_run(store, ALICE, run(TALK, name="there"))
    assert gone.thread_id is not None
    await store.delete_thread(ALICE, gone.thread_id)
    assert [line["id"] for line in await lines(store, OPERATOR)] == ["there"]


async def test_a_live_thread_in_the_middle_of_its_answer(store: ThreadStore) -> None:
    """A thread that no import made gives its own id and metadata, and the answer as far as it has come."""
    thread = await store.create_thread(ALICE, title="Weather", metadata={"topic": 1})
    item = AssistantMessageItem(
        id="msg", thread_id=thread.id, created_at=thread.created_at, content=[AssistantMessageContent(text="")]
    )
    delta = AssistantMessageContentPartTextDelta(content_index=0, delta="It is ")
    events = [ThreadItemAddedEvent(item=item), ThreadItemUpdatedEvent(item_id="msg", update=delta)]
    await store.append(ALICE, thread.id, events, expected=1)
    (line,) = await lines(store, OPERATOR)
    created_at = thread.model_dump(mode="json")["created_at"]
    told = {"title": "Weather", "created_at": created_at, "metadata": {"topic": 1}}
    assert line == {"id": thread.id, **told, "messages": [assistant("It is ")]}


async def test_an_export_of_live_threads_is_imported_again(store: ThreadStore) -> None:
    """What was exported from a live thread is a run like any other."""
    thread = await store.create_thread(ALICE, title="Weather")
    (line,) = await lines(store, OPERATOR)
    outcome = await import_run(store, Principal("acme", "bob"), line)
    assert outcome.status == "imported"
    assert outcome.thread_id != thread.id
    assert same((await lines(store, OPERATOR))[1], line)


async def test_no_event_holds_the_source_line(store: ThreadStore) -> None:
    """Of a tidy run, no event holds more than its own message, its call or its result."""
    text = "a text that stands in one message only"
    messages = [*TALK, user(text), {"role": "user", "content": [{"type": "text", "text": text + "!"}]}]
    outcome = await import_run(store, ALICE, run(messages))
    assert outcome.thread_id is not None
    page = await store.read_events(OPERATOR, outcome.thread_id, after=Cursor(0), limit=1000)
    assert sum(event.data.count(text.encode()) for event in page.events) == 2
    assert not any(b"messages" in event.data for event in page.events)
