"""Runs imported through the server, and threads played back by it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

RUN = {
    "id": "run-7",
    "messages": [
        {"role": "user", "content": "Where is my bag?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"what": "bag"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "name": "find", "content": "Oslo"},
        {"role": "assistant", "content": "In Oslo."},
    ],
    "reward": 1,
}


async def _import(threads: Any, run: Any) -> Any:
    body = run if isinstance(run, bytes) else json.dumps(run).encode()
    return await threads.client.post("/v1/imports", content=body, headers={"content-type": "application/json"})


async def test_a_run_becomes_a_thread_once(threads: Any) -> None:
    """Imported, unchanged, grown, differing: each is told, and only what is new is written."""
    first = await _import(threads, RUN)
    assert first.status_code == 200
    assert first.json()["status"] == "imported"
    thread_id = first.json()["thread_id"]
    items = (await threads.client.get(f"/v1/threads/{thread_id}/items")).json()["data"]
    assert [item["type"] for item in items] == ["user_message", "server_tool_call", "assistant_message"]
    again = (await _import(threads, RUN)).json()
    assert (again["status"], again["events"], again["thread_id"]) == ("unchanged", 0, thread_id)
    longer = {**RUN, "messages": [*RUN["messages"], {"role": "user", "content": "Thanks"}]}
    assert (await _import(threads, longer)).json()["status"] == "grown"
    other = {**RUN, "messages": [{"role": "user", "content": "Something else"}]}
    differs = (await _import(threads, other)).json()
    assert (differs["status"], differs["events"]) == ("differs", 0)
    assert "run-7" in differs["message"]


async def test_what_only_a_lenient_reader_takes_is_taken(threads: Any) -> None:
    """Lone surrogates and a byte order mark are found in real files."""
    body = b'\xef\xbb\xbf{"id": "\\ud800", "messages": [{"role": "user", "content": "\\udfff"}]}'
    assert (await _import(threads, body)).json()["status"] == "imported"
    other = b'{"id": "\\ud800", "messages": [{"role": "user", "content": "x"}]}'
    assert (await _import(threads, other)).json()["status"] == "differs"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"messages": 5}', b'{"id": 1.5, "messages": []}', b"\xff"])
async def test_what_is_no_run_is_refused(threads: Any, body: bytes) -> None:
    """The problem says what is wrong."""
    response = await _import(threads, body)
    assert response.status_code == (415 if not body and "content-length" not in response.request.headers else 422)
    assert response.json()["type"] == "urn:threadlog:problem:invalid-run"


async def test_a_replay_shows_the_thread_and_appends_nothing(threads: Any) -> None:
    """Every event once, in order, with the cursors it has; then the end, and 204 for who comes back."""
    thread_id = await threads.create()
    await threads.answered(thread_id, "One ", "two")
    page = (await threads.client.get(f"/v1/threads/{thread_id}/events")).json()
    path = f"/v1/threads/{thread_id}/replay?speed=1000"
    frames = [frame async for frame in threads.frames(path)]
    assert [frame.data for frame in frames[:-1]] == page["data"]
    assert (frames[-1].event, frames[-1].data["reason"]) == ("end", "replayed")
    back = {"last-event-id": frames[-1].id}
    assert (await threads.client.get(path, headers=back)).status_code == 204
    assert (await threads.client.get(f"/v1/threads/{thread_id}/events")).json() == page
    rest = [frame async for frame in threads.frames(path, frames[3].id)]
    assert rest == frames[4:]


async def test_an_imported_thread_is_played_to_read_along(threads: Any) -> None:
    """All its events have one time; a viewer sees them one after the other nevertheless, with capped pauses."""
    thread_id = (await _import(threads, RUN)).json()["thread_id"]
    began = time.monotonic()
    frames = [frame async for frame in threads.frames(f"/v1/threads/{thread_id}/replay?max_pause=0.05")]
    assert frames[-1].data["reason"] == "replayed"
    assert time.monotonic() - began > 0.05, "there were pauses"
    quick = [frame async for frame in threads.frames(f"/v1/threads/{thread_id}/replay?max_pause=0&natural=true")]
    assert quick == frames


@pytest.mark.parametrize("query", ["speed=0", "speed=-1", "speed=1001", "speed=nan", "max_pause=-1", "natural=maybe"])
async def test_a_replay_that_cannot_be_is_refused(threads: Any, query: str) -> None:
    """Before anything is played."""
    thread_id = await threads.create()
    assert (await threads.client.get(f"/v1/threads/{thread_id}/replay?{query}")).status_code == 422
