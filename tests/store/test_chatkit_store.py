"""ChatKit's own server works on a thread store."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from model.generated import json_of
from threadlog.log.memory import MemoryLog
from threadlog.store import Principal, ThreadNotFound, ThreadStore

with warnings.catch_warnings():  # ChatKit's own widget classes are deprecated in favour of its templates
    warnings.simplefilter("ignore", DeprecationWarning)
    import chatkit.types as chatkit
    from chatkit.server import ChatKitServer

from store.chatkit_store import ThreadlogStore, their_attachment, their_item

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Direct usage of named widget:DeprecationWarning"),
]
slow = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)


class Parrot(ChatKitServer[Principal]):
    """A ChatKit server whose agent says back what it was told, and remembers that it did."""

    async def respond(self, thread: Any, input_user_message: Any, context: Principal) -> AsyncIterator[Any]:
        """Stream an answer, hidden context, and a title."""
        now = datetime.now(UTC)
        said = input_user_message.content[0].text
        item_id = self.store.generate_item_id("message", thread, context)
        empty = chatkit.AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=now, content=[])
        yield chatkit.ThreadItemAddedEvent(item=empty)
        for word in said.split():
            update = chatkit.AssistantMessageContentPartTextDelta(content_index=0, delta=word)
            yield chatkit.ThreadItemUpdatedEvent(item_id=item_id, update=update)
        content = [chatkit.AssistantMessageContent(text=said)]
        yield chatkit.ThreadItemDoneEvent(item=empty.model_copy(update={"content": content}))
        secret = chatkit.HiddenContextItem(
            id=f"hcx_{item_id}", thread_id=thread.id, created_at=now, content={"said": said}
        )
        yield chatkit.ThreadItemDoneEvent(item=secret)
        thread.title = said
        thread.metadata["turns"] = thread.metadata.get("turns", 0) + 1


async def ask(server: Parrot, principal: Principal, request: str, **params: Any) -> Any:
    """What the server answers: JSON, or the events of a stream."""
    result = await server.process(json.dumps({"type": request, "params": params}), principal)
    if hasattr(result, "json"):
        return json.loads(result.json)
    return [json.loads(chunk.removeprefix(b"data: ")) async for chunk in result]


def message(text: str) -> dict[str, Any]:
    """What a user submits."""
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}


async def test_a_conversation_with_a_chatkit_server_is_kept(
    store: ThreadStore, alice: Principal, bob: Principal, agent: Principal
) -> None:
    """Threads, titles, messages and hidden context, through ChatKit's own protocol, for their owner alone."""
    server = Parrot(ThreadlogStore(store))
    events = await ask(server, alice, "threads.create", input=message("good morning"))
    thread = events[0]["thread"]["id"]
    await ask(server, alice, "threads.add_user_message", thread_id=thread, input=message("and good night"))

    items = (await ask(server, alice, "items.list", thread_id=thread, order="asc"))["data"]
    said = [(item["type"], item["content"][0]["text"]) for item in items]
    assert said == [
        ("user_message", "good morning"),
        ("assistant_message", "good morning"),
        ("user_message", "and good night"),
        ("assistant_message", "and good night"),
    ]
    listed = await ask(server, alice, "threads.list")
    assert [(found["id"], found["title"]) for found in listed["data"]] == [(thread, "and good night")]
    assert (await store.load_thread(alice, thread)).metadata == {"turns": 2}
    assert len((await store.load_thread_items(agent, thread)).data) == 6
    assert (await ask(server, bob, "threads.list"))["data"] == []
    with pytest.raises(ThreadNotFound):
        await ask(server, bob, "threads.get_by_id", thread_id=thread)

    await ask(server, alice, "threads.update", thread_id=thread, title="Birds")
    whole = await ask(server, alice, "threads.get_by_id", thread_id=thread)
    assert (whole["title"], len(whole["items"]["data"])) == ("Birds", 4)
    await ask(server, alice, "threads.delete", thread_id=thread)
    assert (await ask(server, alice, "threads.list"))["data"] == []


async def test_retrying_after_a_message_takes_back_what_came_after_it(store: ThreadStore, alice: Principal) -> None:
    """ChatKit removes the later items one by one, hidden ones too, and answers again."""
    server = Parrot(ThreadlogStore(store))
    thread = (await ask(server, alice, "threads.create", input=message("again")))[0]["thread"]["id"]
    first = (await store.load_thread_items(alice, thread)).data
    await ask(server, alice, "threads.retry_after_item", thread_id=thread, item_id=first[0].id)
    again = (await store.load_thread_items(alice, thread)).data
    assert [item.type for item in again] == ["user_message", "assistant_message"]
    assert (again[0], again[1].id == first[1].id) == (first[0], False)


def renamed(model: Any, **names: str) -> Any:
    """A copy under other names, and in UTC: a moment without a zone is taken to be."""
    return model.model_copy(update={**names, "created_at": model.created_at.replace(tzinfo=UTC)})


@slow
@given(json_of(chatkit.ThreadItem), json_of(chatkit.ThreadMetadata), json_of(chatkit.Attachment))
async def test_whatever_chatkit_stores_comes_back_equal(an_item: Any, a_thread: Any, an_attachment: Any) -> None:
    """Items, threads and attachments with every field that ChatKit's types allow."""
    alice = Principal("acme", "alice")
    thread = chatkit.ThreadMetadata.model_validate(a_thread)
    title = None if thread.title is None else thread.title.replace("\0", "")  # not every storage keeps it in a listing
    thread = renamed(thread, id="thr_1").model_copy(update={"title": title})
    item = renamed(their_item.validate_python(an_item), id="msg_1", thread_id="thr_1")
    attachment = their_attachment.validate_python(an_attachment).model_copy(update={"id": "atc_1"})
    async with MemoryLog() as log, ThreadStore(log) as threads:
        store = ThreadlogStore(threads)
        await store.save_thread(thread, alice)
        await store.add_thread_item("thr_1", item, alice)
        await store.save_attachment(attachment, alice)
        assert await store.load_thread("thr_1", alice) == thread
        assert (await store.load_threads(5, None, "desc", alice)).data == [thread]
        assert await store.load_item("thr_1", "msg_1", alice) == item
        assert (await store.load_thread_items("thr_1", None, 5, "asc", alice)).data == [item]
        assert await store.load_attachment("atc_1", alice) == attachment
