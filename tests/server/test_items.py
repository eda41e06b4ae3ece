"""Items, their history, and the state of a thread at any seq."""

from __future__ import annotations

from typing import Any

import pytest

from threadlog.model import AssistantMessageItem

pytestmark = pytest.mark.anyio


async def test_items_are_listed_by_page_in_their_order(threads: Any) -> None:
    """Oldest or newest first; each item once."""
    thread_id = await threads.create()
    for _ in range(2):
        await threads.answered(thread_id)
    path = f"/v1/threads/{thread_id}/items"
    everything = (await threads.client.get(path)).json()["data"]
    assert len(everything) == 6
    for order, expected in (("asc", everything), ("desc", everything[::-1])):
        found: list[Any] = []
        after: dict[str, str] = {}
        more = True
        while more:
            response = await threads.client.get(path, params={"order": order, "limit": 4, **after})
            page = response.json()
            found += page["data"]
            more, after = page["has_more"], {"after": page["after"]}
        assert found == expected


async def test_one_item_is_read_and_a_missing_one_is_told_of(threads: Any) -> None:
    """An item is the same alone as in the list."""
    thread_id = await threads.create()
    started = await threads.answered(thread_id)
    path = f"/v1/threads/{thread_id}/items"
    assert (await threads.client.get(f"{path}/{started['item']['id']}")).json() == started["item"]
    response = await threads.client.get(f"{path}/msg_nothing")
    assert response.status_code == 404
    assert response.json()["type"] == "urn:threadlog:problem:item-not-found"


async def test_items_of_types_that_nobody_knows_are_shown_as_they_are(threads: Any) -> None:
    """Old servers show new items; nothing is lost on the way."""
    from threadlog.log import Expect, NewEvent

    thread_id = await threads.create()
    item = b'{"type":"hologram","id":"hol_1","thread_id":"%b","depth":3}' % thread_id.encode()
    event = NewEvent("thread.item.done", b'{"type":"thread.item.done","item":%b}' % item)
    await threads.service.store.append(threads.who, thread_id, [event], expected=Expect.THREAD_EXISTS)
    for path in ("items", "items/hol_1", "state", "events"):
        assert '"depth":3' in (await threads.client.get(f"/v1/threads/{thread_id}/{path}")).text


async def test_the_history_of_an_item_is_what_it_has_been(threads: Any) -> None:
    """From its first appearance to its last word, by page."""
    thread_id = await threads.create()
    await threads.answered(thread_id, "One ", "two")
    items = (await threads.client.get(f"/v1/threads/{thread_id}/items")).json()["data"]
    path = f"/v1/threads/{thread_id}/items/{items[1]['id']}/history"
    history = (await threads.client.get(path)).json()
    assert not history["has_more"]
    assert history["data"][0]["item"]["content"] == []
    assert history["data"][-1]["item"] == items[1]
    first = (await threads.client.get(path, params={"limit": 1})).json()
    assert first == {"data": history["data"][:1], "has_more": True}
    rest = (await threads.client.get(path, params={"after": first["data"][0]["seq"]})).json()
    assert first["data"] + rest["data"] == history["data"]


async def test_the_state_at_every_seq_is_the_thread_as_it_was(threads: Any) -> None:
    """The text of a message at each seq is what had been streamed by then; the last one is the state now."""
    thread_id = await threads.create(title="Then")
    await threads.answered(thread_id, "One ", "two ", "three")
    await threads.client.patch(f"/v1/threads/{thread_id}", json={"title": "Now"})
    path = f"/v1/threads/{thread_id}/state"
    now = (await threads.client.get(path)).json()
    states = [(await threads.client.get(path, params={"at": seq})).json() for seq in range(1, now["seq"] + 1)]
    assert states[-1] == now
    assert [state["seq"] for state in states] == list(range(1, now["seq"] + 1))
    assert [state["thread"]["title"] for state in states] == ["Then"] * (now["seq"] - 1) + ["Now"]
    texts = [_text(state) for state in states]
    assert sorted(set(texts), key=len) == ["", "One ", "One two ", "One two three"]
    assert texts == sorted(texts, key=len)
    assert {state["active_run"] for state in states} == {None, now["runs"][0]["id"]}


async def test_a_state_is_followed_from_its_cursor(threads: Any) -> None:
    """State and events fit together: what comes after the cursor is what the state does not hold."""
    thread_id = await threads.create()
    await threads.answered(thread_id)
    state = (await threads.client.get(f"/v1/threads/{thread_id}/state", params={"at": 4})).json()
    page = (await threads.client.get(f"/v1/threads/{thread_id}/events", params={"after": state["cursor"]})).json()
    assert page["data"][0]["seq"] == 5


async def test_a_seq_that_is_not_there_has_no_state(threads: Any) -> None:
    """Beyond the end is 404; what can be no seq is refused."""
    thread_id = await threads.create()
    path = f"/v1/threads/{thread_id}/state"
    response = await threads.client.get(path, params={"at": 2})
    assert response.status_code == 404
    assert response.json()["type"] == "urn:threadlog:problem:seq-not-found"
    for at in ("0", "-1", "x", str(10**18)):
        assert (await threads.client.get(path, params={"at": at})).status_code == 422


async def test_the_items_of_a_state_come_by_page(threads: Any) -> None:
    """A long thread does not make a long answer."""
    thread_id = await threads.create()
    await threads.answered(thread_id)
    path = f"/v1/threads/{thread_id}/state"
    first = (await threads.client.get(path, params={"limit": 2})).json()["items"]
    assert (len(first["data"]), first["has_more"]) == (2, True)
    rest = (await threads.client.get(path, params={"limit": 2, "after": first["after"]})).json()["items"]
    assert (len(rest["data"]), rest["has_more"]) == (1, False)
    assert (await threads.client.get(path, params={"after": "msg_nothing"})).status_code == 404


def _text(state: Any) -> str:
    items = [item for item in state["items"]["data"] if item["type"] == "assistant_message"]
    content = AssistantMessageItem.model_validate(items[0]).content if items else []
    return content[0].text if content else ""
