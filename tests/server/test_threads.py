"""Threads over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from threadlog.store import Principal

pytestmark = pytest.mark.anyio


async def test_a_thread_is_made_read_changed_and_deleted(threads: Any) -> None:
    """The life of a thread, each step visible to the next."""
    made = await threads.client.post("/v1/threads", json={"title": "First", "metadata": {"n": 1}})
    assert made.status_code == 201
    thread = made.json()
    assert thread["id"].startswith("thr_")
    assert (thread["title"], thread["metadata"], thread["status"]) == ("First", {"n": 1}, {"type": "active"})
    path = made.headers["location"]
    assert path == f"/v1/threads/{thread['id']}"
    assert (await threads.client.get(path)).json() == thread
    changed = await threads.client.patch(path, json={"title": "Second", "status": {"type": "locked", "reason": "late"}})
    expected = {**thread, "title": "Second", "status": {"type": "locked", "reason": "late"}}
    assert changed.json() == expected
    assert (await threads.client.get(path)).json() == expected
    assert (await threads.client.delete(path)).status_code == 204
    assert (await threads.client.get(path)).status_code == 410


async def test_a_thread_needs_no_body(threads: Any) -> None:
    """A thread without title and metadata is made by an empty POST."""
    assert (await threads.client.post("/v1/threads")).json()["metadata"] == {}


async def test_what_is_left_out_of_a_change_stays(threads: Any) -> None:
    """A change names what changes; null takes the title away; metadata is given as a whole."""
    path = f"/v1/threads/{await threads.create(title='Old', metadata={'a': 1, 'b': 2})}"
    await threads.client.patch(path, json={"metadata": {"c": 3}})
    assert (await threads.client.get(path)).json()["title"] == "Old"
    await threads.client.patch(path, json={"title": None})
    thread = (await threads.client.get(path)).json()
    assert (thread["title"], thread["metadata"]) == (None, {"c": 3})


async def test_a_change_that_changes_nothing_writes_nothing(threads: Any) -> None:
    """Repeating a change leaves the thread at the seq where it was."""
    path = f"/v1/threads/{await threads.create(title='Same')}"
    for _ in range(3):
        assert (await threads.client.patch(path, json={"title": "Same", "metadata": {}})).status_code == 200
    assert (await threads.client.get(f"{path}/state")).json()["seq"] == 1


async def test_threads_are_listed_by_page(threads: Any) -> None:
    """Newest first or oldest first; `after` leads from page to page, each thread once."""
    made = [await threads.create(title=f"{number}") for number in range(5)]
    for order, expected in (("asc", made), ("desc", made[::-1])):
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            response = await threads.client.get("/v1/threads", params={"limit": 2, "order": order, **after})
            page = response.json()
            found += [thread["id"] for thread in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": page["after"]}
        assert found == expected


async def test_a_page_begins_only_at_a_place_that_exists(threads: Any) -> None:
    """An `after` that names nothing is told of, and not answered with an empty page."""
    response = await threads.client.get("/v1/threads", params={"after": "thr_nothing"})
    assert response.status_code == 404
    assert response.json()["type"] == "urn:threadlog:problem:place-not-found"


async def test_a_request_with_a_key_is_done_once(threads: Any) -> None:
    """The same key and body give the same thread; another body under the key is refused."""
    headers = {"idempotency-key": "order-66"}
    first = await threads.client.post("/v1/threads", json={"title": "One"}, headers=headers)
    again = await threads.client.post("/v1/threads", json={"title": "One"}, headers=headers)
    assert first.json() == again.json()
    assert len((await threads.client.get("/v1/threads")).json()["data"]) == 1
    other = await threads.client.post("/v1/threads", json={"title": "Two"}, headers=headers)
    assert other.status_code == 409
    threads.who = Principal("default", "somebody-else")
    theirs = await threads.client.post("/v1/threads", json={"title": "One"}, headers=headers)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("tenant", ["default", "another"])
async def test_a_strangers_thread_does_not_exist(threads: Any, tenant: str) -> None:
    """Whoever may not read a thread learns nothing of it, whichever route is asked, in this tenant and in others."""
    thread_id = await threads.create(title="Secret")
    started = await threads.answered(thread_id)
    threads.who = Principal(tenant, "stranger")
    path = f"/v1/threads/{thread_id}"
    answers = [
        await threads.client.get(path),
        await threads.client.patch(path, json={"title": "Mine"}),
        await threads.client.delete(path),
        await threads.client.get(f"{path}/items"),
        await threads.client.get(f"{path}/items/{started['item']['id']}"),
        await threads.client.get(f"{path}/items/{started['item']['id']}/history"),
        await threads.client.get(f"{path}/state"),
        await threads.client.get(f"{path}/events"),
        await threads.client.get(f"{path}/events", headers={"accept": "text/event-stream"}),
        await threads.client.get(f"{path}/replay"),
        await threads.client.post(f"{path}/messages", json={"text": "Hello"}),
        await threads.client.post(f"{path}/runs/{started['run_id']}/cancel"),
    ]
    missing = await threads.client.get("/v1/threads/thr_nothing")
    for answer in answers:
        assert answer.status_code == 404, answer.request.url
        assert answer.json() == {**missing.json(), "detail": answer.json()["detail"]}
        assert "Secret" not in answer.text
    assert (await threads.client.get("/v1/threads")).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"title": ""}, ["body", "title"]),
        ({"title": "x" * 501}, ["body", "title"]),
        ({"title": "two\nlines"}, ["body", "title"]),
        ({"title": 5}, ["body", "title"]),
        ({"metadata": []}, ["body", "metadata"]),
        ({"tilte": "x"}, ["body", "tilte"]),
        ([], ["body"]),
    ],
)
async def test_what_is_wrong_with_a_body_is_said_with_its_place(threads: Any, body: Any, where: list[str]) -> None:
    """The problem names the part of the body, and does not repeat what was sent."""
    response = await threads.client.post("/v1/threads", json=body)
    assert response.status_code == 422
    problem = response.json()
    assert problem["errors"][0]["where"] == where
    assert "/".join(where) in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"metadata": {"n": NaN}}',
        b'{"metadata": {"n": 1e999}}',
        b'{"metadata": {"n": -Infinity}}',
        b'{"title": "\\ud800"}',
        b'{"metadata": {"\\udfff": 1}}',
        b'{"title": "\xff"}',
        b'{"metadata": {"n": ' + b"9" * 5000 + b"}}",
        b'{"metadata": {"n": ' + b"[" * 101 + b"]" * 101 + b"}}",
        b'{"metadata": {"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
)
async def test_bodies_that_are_no_proper_json_are_refused(threads: Any, body: bytes) -> None:
    """What cannot be stored and given back as it came is refused before anything is written."""
    response = await threads.client.post("/v1/threads", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    assert (await threads.client.get("/v1/threads")).json()["data"] == []


async def test_odd_but_proper_json_comes_back_as_it_was(threads: Any) -> None:
    """Characters beyond the basic plane as escapes, large integers, deep nesting."""
    metadata = {"\U0001f600": 2**70, "deep": [[[[[[[[[[None]]]]]]]]]], "text": "\u2028\x00"}
    thread_id = await threads.create(title="\U0001f600", metadata=metadata)
    thread = (await threads.client.get(f"/v1/threads/{thread_id}")).json()
    assert (thread["title"], thread["metadata"]) == ("\U0001f600", metadata)


async def test_a_parameter_that_nobody_reads_is_refused(threads: Any) -> None:
    """A misspelt parameter would otherwise be ignored, and one that is given twice read by half."""
    for query, what in (("limt=5", "limt"), ("limit=5&limit=6", "limit")):
        response = await threads.client.get(f"/v1/threads?{query}")
        assert response.status_code == 422
        assert response.json()["errors"][0]["where"] == ["query", what]


async def test_a_page_holds_no_more_than_the_server_gives(start: Any) -> None:
    """The server's own bound on pages holds, however much is asked for, and the page says that there is more."""
    from threadlog.cli.settings import ServerLimits

    async with start(limits=ServerLimits(page=2)) as threads:
        for _ in range(3):
            await threads.create()
        page = (await threads.client.get("/v1/threads", params={"limit": 1000})).json()
        assert (len(page["data"]), page["has_more"]) == (2, True)


async def test_paths_and_methods_that_mean_nothing_are_problems_too(threads: Any) -> None:
    """404 and 405 are problem details; 405 names all methods of the path."""
    for path in ("/", "/v1", "/v1/threads/", "/v1/thread"):
        response = await threads.client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
    response = await threads.client.put("/v1/threads")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"
    assert response.json()["status"] == 405
    assert (await threads.client.options("/v1/threads")).status_code == 405
