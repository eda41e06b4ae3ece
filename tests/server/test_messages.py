"""Messages, and the runs that they start."""

from __future__ import annotations

from typing import Any

import pytest

from threadlog.cli.settings import ServerLimits

pytestmark = pytest.mark.anyio


async def test_a_message_is_stored_and_answered(threads: Any) -> None:
    """The answer to the request says where the answer to the message will be."""
    thread_id = await threads.create()
    response = await threads.client.post(f"/v1/threads/{thread_id}/messages", json={"text": "Hello"})
    assert response.status_code == 202
    started = response.json()
    assert started["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    for said in ("Good ", "day", None):
        threads.said.put_nowait(said)
    events = [frame async for frame in threads.frames(response.headers["location"])]
    assert events[-1].event == "end"
    assert events[-1].data["reason"] == "completed"
    assert events[-1].data["run_id"] == started["run_id"]
    items = (await threads.client.get(f"/v1/threads/{thread_id}/items")).json()["data"]
    assert [item["type"] for item in items] == ["user_message", "assistant_message", "end_of_turn"]
    assert items[1]["content"][0]["text"] == "Good day"


async def test_a_message_may_have_parts(threads: Any) -> None:
    """The form in which ChatKit's clients send a message is taken as well."""
    thread_id = await threads.create()
    content = [
        {"type": "input_text", "text": "Ask "},
        {"type": "input_tag", "id": "u1", "text": "@ann", "data": {"x": 1}, "interactive": True},
    ]
    body = {"content": content, "quoted_text": "q", "inference_options": {"model": "small"}}
    response = await threads.client.post(f"/v1/threads/{thread_id}/messages", json=body)
    assert response.status_code == 202, response.text
    item = response.json()["item"]
    assert [part["text"] for part in item["content"]] == ["Ask ", "@ann"]
    assert (item["quoted_text"], item["inference_options"]) == ("q", {"model": "small"})
    threads.said.put_nowait(None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": 5},
        {"text": "x" * 100_001},
        {"text": "x", "content": []},
        {"content": []},
        {"content": [{"type": "input_text"}]},
        {"content": [{"type": "input_image", "text": "x"}]},
        {"content": [{"type": "input_tag", "id": "", "text": "", "data": {}, "interactive": 0}]},
        {"text": "x", "attachments": []},
        {"content": [{"type": "input_text", "text": "x"}], "attachments": ["a/b"]},
    ],
)
async def test_a_message_that_is_none_is_refused(threads: Any, body: Any) -> None:
    """Nothing is stored of it, and no run begins."""
    thread_id = await threads.create()
    assert (await threads.client.post(f"/v1/threads/{thread_id}/messages", json=body)).status_code == 422
    assert (await threads.client.get(f"/v1/threads/{thread_id}/state")).json()["seq"] == 1


async def test_an_attachment_that_is_not_there_is_told_of(threads: Any) -> None:
    """The message is not stored without what it refers to."""
    thread_id = await threads.create()
    body = {"content": [{"type": "input_text", "text": "See"}], "attachments": ["atc_nothing"]}
    response = await threads.client.post(f"/v1/threads/{thread_id}/messages", json=body)
    assert response.status_code == 404
    assert response.json()["type"] == "urn:threadlog:problem:attachment-not-found"


async def test_a_message_sent_again_with_its_key_starts_one_run(threads: Any) -> None:
    """A client that lost the answer sends again and is told of the run that it started."""
    thread_id = await threads.create()
    send = {"json": {"text": "Hello"}, "headers": {"idempotency-key": "k"}}
    first = await threads.client.post(f"/v1/threads/{thread_id}/messages", **send)
    again = await threads.client.post(f"/v1/threads/{thread_id}/messages", **send)
    assert (first.status_code, again.status_code) == (202, 202)
    assert _run(first) == _run(again)
    threads.said.put_nowait(None)
    await threads.service.runner.wait(first.json()["run_id"])
    after = await threads.client.post(f"/v1/threads/{thread_id}/messages", **send)
    assert _run(after) == _run(first)
    other = {**send, "json": {"text": "Something else"}}
    assert (await threads.client.post(f"/v1/threads/{thread_id}/messages", **other)).status_code == 409


async def test_a_busy_thread_takes_no_second_message(threads: Any) -> None:
    """The problem names the run that is in the way."""
    thread_id = await threads.create()
    started = await threads.ask(thread_id)
    response = await threads.client.post(f"/v1/threads/{thread_id}/messages", json={"text": "And?"})
    assert response.status_code == 409
    problem = response.json()
    assert (problem["type"], problem["run_id"]) == ("urn:threadlog:problem:run-active", started["run_id"])
    threads.said.put_nowait(None)


async def test_a_locked_thread_takes_no_message(threads: Any) -> None:
    """Until it is unlocked again."""
    thread_id = await threads.create()
    path = f"/v1/threads/{thread_id}"
    await threads.client.patch(path, json={"status": {"type": "locked"}})
    assert (await threads.client.post(f"{path}/messages", json={"text": "x"})).status_code == 409
    await threads.client.patch(path, json={"status": {"type": "active"}})
    await threads.answered(thread_id)


async def test_a_run_is_cancelled_and_keeps_what_it_said(threads: Any) -> None:
    """The answer comes when the end is recorded; cancelling again changes nothing."""
    thread_id = await threads.create()
    started = await threads.ask(thread_id)
    threads.said.put_nowait("As I was say")
    frames = threads.frames(f"/v1/threads/{thread_id}/events")
    async for frame in frames:
        if "As I was" in str(frame.data):
            break
    await frames.aclose()
    path = f"/v1/threads/{thread_id}/runs/{started['run_id']}/cancel"
    response = await threads.client.post(path)
    assert response.status_code == 200
    run = response.json()
    assert (run["id"], run["status"], run["cancel_requested"]) == (started["run_id"], "cancelled", True)
    assert run["ended_at"] is not None
    assert (await threads.client.post(path)).json() == run
    items = (await threads.client.get(f"/v1/threads/{thread_id}/items")).json()["data"]
    assert items[1]["content"][0]["text"] == "As I was say"


async def test_a_run_that_is_not_there_cannot_be_cancelled(threads: Any) -> None:
    """Nor can one of another thread."""
    thread_id, other = await threads.create(), await threads.create()
    started = await threads.answered(other)
    for run_id in ("run_nothing", started["run_id"]):
        response = await threads.client.post(f"/v1/threads/{thread_id}/runs/{run_id}/cancel")
        assert response.status_code == 404
        assert response.json()["type"] == "urn:threadlog:problem:run-not-found"


async def test_a_failing_agent_says_nothing_of_the_servers_inside(threads: Any) -> None:
    """The run ends as failed with the error's kind; its message, which may hold secrets, stays in the server's log."""
    thread_id = await threads.create()
    started = await threads.ask(thread_id)
    threads.said.put_nowait(RuntimeError("password is hunter2"))
    await threads.service.runner.wait(started["run_id"])
    state = await threads.client.get(f"/v1/threads/{thread_id}/state")
    events = await threads.client.get(f"/v1/threads/{thread_id}/events")
    assert state.json()["runs"][0]["status"] == "failed"
    assert "RuntimeError" in state.json()["runs"][0]["error"]
    assert "hunter2" not in state.text + events.text


async def test_no_more_runs_than_the_server_may_have(start: Any) -> None:
    """Beyond that a message is refused for now, with the time to wait, and nothing of it is stored."""
    async with start(limits=ServerLimits(runs=1)) as threads:
        first, second = await threads.create(), await threads.create()
        await threads.ask(first)
        response = await threads.client.post(f"/v1/threads/{second}/messages", json={"text": "Hello"})
        assert response.status_code == 503
        assert response.json()["type"] == "urn:threadlog:problem:too-many-runs"
        assert int(response.headers["retry-after"]) > 0
        assert (await threads.client.get(f"/v1/threads/{second}/state")).json()["seq"] == 1
        threads.said.put_nowait(None)


def _run(response: Any) -> tuple[Any, ...]:
    """The run that an answer tells of; its cursor may come with a check or without."""
    started = response.json()
    return started["run_id"], started["item"], started["cursor"].partition("-")[0]
