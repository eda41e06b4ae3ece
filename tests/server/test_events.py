"""Events as pages and as streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from threadlog.log import Expect, LogStopped, MemoryLog
from threadlog.model import HiddenContextItem, ThreadItemDoneEvent
from threadlog.store import Principal
from threadlog_server.events import wants_stream

pytestmark = pytest.mark.anyio

STREAM = {"accept": "text/event-stream"}


async def _seqs(threads: Any, path: str) -> list[int]:
    return [frame.data["seq"] async for frame in threads.frames(path) if frame.event == "message"]


async def test_pages_hold_every_event_once_and_in_order(threads: Any) -> None:
    """Page after page by cursor, whatever the size of the pages, gives the same events as one large page."""
    thread_id = await threads.create()
    await threads.answered(thread_id, "a", "b", "c")
    path = f"/v1/threads/{thread_id}/events"
    everything = (await threads.client.get(path)).json()
    assert not everything["has_more"]
    assert [event["seq"] for event in everything["data"]] == list(range(1, len(everything["data"]) + 1))
    for limit in (1, 2, 5):
        found: list[Any] = []
        page = {"cursor": "0", "has_more": True}
        while page["has_more"]:
            response = await threads.client.get(path, params={"after": page["cursor"], "limit": limit})
            page = response.json()
            assert len(page["data"]) <= limit
            found += page["data"]
        assert found == everything["data"]


async def test_a_stream_carries_the_same_json_as_pages(threads: Any) -> None:
    """One form of an event for all; its cursor is the frame's id."""
    thread_id = await threads.create()
    await threads.answered(thread_id)
    page = (await threads.client.get(f"/v1/threads/{thread_id}/events")).json()
    frames = [frame async for frame in threads.frames(f"/v1/threads/{thread_id}/events?until=run-end")]
    assert [frame.data for frame in frames[:-1]] == page["data"]
    assert [frame.id for frame in frames[:-1]] == [event["cursor"] for event in page["data"]]
    assert frames[-1].event == "end"
    assert frames[-1].id == page["cursor"]


async def test_what_the_envelope_holds_for_operators_is_not_shown(threads: Any) -> None:
    """Tenant, shard and position tell of neighbours, and stay inside."""
    thread_id = await threads.create()
    (event,) = (await threads.client.get(f"/v1/threads/{thread_id}/events")).json()["data"]
    assert list(event) == ["seq", "cursor", "id", "type", "version", "time", "actor", "run_id", "data"]
    assert event["actor"] == "user:developer"


async def test_a_stream_goes_on_as_things_happen(threads: Any) -> None:
    """First what was, then what comes, without a gap and without repetition."""
    thread_id = await threads.create()
    await threads.answered(thread_id, "before")
    frames = threads.frames(f"/v1/threads/{thread_id}/events")
    seen = [(await anext(frames)).data["seq"] for _ in range(3)]
    started = await threads.ask(thread_id, "Again", "after")
    async for frame in frames:
        seen.append(frame.data["seq"])
        if frame.data["type"] == "run.completed" and frame.data["run_id"] == started["run_id"]:
            break
    await frames.aclose()
    assert seen == list(range(1, len(seen) + 1))


@pytest.mark.parametrize("how", ["header", "parameter", "both"])
async def test_a_viewer_comes_back_where_it_stood(threads: Any, how: str) -> None:
    """`Last-Event-ID` or `after`; the header counts where there are both, as an event source keeps its first URL."""
    thread_id = await threads.create()
    await threads.answered(thread_id)
    path = f"/v1/threads/{thread_id}/events?until=run-end"
    frames = [frame async for frame in threads.frames(path)]
    for at in (0, 3, len(frames) - 3):
        after = frames[at].id
        url = path + (f"&after={after}" if how == "parameter" else "&after=1" if how == "both" else "")
        rest = [frame async for frame in threads.frames(url, None if how == "parameter" else after)]
        assert rest == frames[at + 1 :]


async def test_after_now_gives_only_what_comes(threads: Any, until: Any) -> None:
    """A viewer who wants no history gets none."""
    thread_id = await threads.create()
    await threads.answered(thread_id)
    path = f"/v1/threads/{thread_id}/events?after=now"
    page = (await threads.client.get(path)).json()
    assert page["data"] == []
    assert not page["has_more"]
    frames = threads.frames(path)
    first = asyncio.ensure_future(anext(frames))
    await until(lambda: len(threads.service.streams))
    await threads.client.patch(f"/v1/threads/{thread_id}", json={"title": "New"})
    frame = await first
    assert frame.data["type"] == "thread.updated"
    assert frame.data["seq"] == int(page["cursor"].split("-")[0]) + 1
    await frames.aclose()


async def test_a_stream_until_the_runs_end_says_how_it_ended(threads: Any) -> None:
    """Completed, failed and cancelled are told apart, and the last frame names the run."""
    endings = {}
    for ending in ("completed", "failed", "cancelled"):
        thread_id = await threads.create()
        started = await threads.ask(thread_id)
        frames = threads.frames(f"/v1/threads/{thread_id}/events?until=run-end")
        while (await anext(frames)).data["type"] != "run.started":
            pass
        if ending == "cancelled":
            await threads.client.post(f"/v1/threads/{thread_id}/runs/{started['run_id']}/cancel")
        else:
            threads.said.put_nowait(None if ending == "completed" else RuntimeError())
        last = [frame async for frame in frames][-1]
        assert last.event == "end"
        assert last.data["run_id"] == started["run_id"]
        endings[ending] = last.data["reason"]
    assert endings == {ending: ending for ending in endings}


async def test_coming_back_after_the_end_is_answered_204(threads: Any) -> None:
    """So an event source stops; but once there is something new, there is something to say again."""
    thread_id = await threads.create()
    await threads.answered(thread_id)
    path = f"/v1/threads/{thread_id}/events?until=run-end"
    end = [frame async for frame in threads.frames(path)][-1]
    back = {**STREAM, "last-event-id": end.id}
    for _ in range(2):
        response = await threads.client.get(path, headers=back)
        assert (response.status_code, response.content) == (204, b"")
    await threads.answered(thread_id, "More")
    rest = [frame async for frame in threads.frames(path, end.id)]
    assert rest[0].data["type"] == "thread.item.done"
    assert rest[-1].data["reason"] == "completed"


async def test_the_end_of_an_old_run_does_not_end_the_stream_of_a_new_one(threads: Any) -> None:
    """A viewer who catches up with history stays for the run that is going on."""
    thread_id = await threads.create()
    await threads.answered(thread_id, "First")
    started = await threads.ask(thread_id)
    frames = threads.frames(f"/v1/threads/{thread_id}/events?until=run-end")
    async for frame in frames:
        if frame.data.get("type") == "run.started" and frame.data["run_id"] == started["run_id"]:
            threads.said.put_nowait(None)
        last = frame
    assert last.data == {"reason": "completed", "cursor": last.id, "run_id": started["run_id"]}


async def test_a_thread_without_a_run_is_idle(threads: Any) -> None:
    """There is nothing to wait for, and the stream says so."""
    thread_id = await threads.create()
    frames = [frame async for frame in threads.frames(f"/v1/threads/{thread_id}/events?until=run-end")]
    assert [frame.event for frame in frames] == ["message", "end"]
    assert frames[-1].data["reason"] == "idle"


async def test_a_deleted_thread_ends_its_streams_and_is_gone(threads: Any) -> None:
    """Who watches sees the deletion and the end; who comes back is answered 410."""
    thread_id = await threads.create()
    path = f"/v1/threads/{thread_id}/events"
    frames = threads.frames(path)
    await anext(frames)
    await threads.client.delete(f"/v1/threads/{thread_id}")
    rest = [frame async for frame in frames]
    assert [frame.data.get("type", frame.data.get("reason")) for frame in rest] == ["thread.deleted", "deleted"]
    for headers in (STREAM, {**STREAM, "last-event-id": rest[-1].id}, {}):
        response = await threads.client.get(path, headers=headers)
        assert response.status_code == 410
        assert response.json()["type"] == "urn:threadlog:problem:thread-deleted"


@pytest.mark.parametrize("cursor", ["1-00000000", "99", "99-00000000"])
async def test_a_cursor_of_another_history_is_diverged(threads: Any, cursor: str) -> None:
    """Whoever stands on an event that is not here must not be served as if nothing had been."""
    thread_id = await threads.create()
    for headers in ({}, STREAM):
        for query, extra in ((f"?after={cursor}", {}), ("", {"last-event-id": cursor})):
            response = await threads.client.get(f"/v1/threads/{thread_id}/events{query}", headers={**headers, **extra})
            assert response.status_code == 409
            assert response.json()["type"] == "urn:threadlog:problem:diverged"


@pytest.mark.parametrize(
    "cursor", ["x", "-1", "0-00000000", "1-", "1-xyz", "01", "1-0000000", "1-ABCDEF00", "9999999999999999999"]
)
async def test_what_is_no_cursor_is_refused(threads: Any, cursor: str) -> None:
    """Before anything is looked for."""
    thread_id = await threads.create()
    path = f"/v1/threads/{thread_id}/events"
    assert (await threads.client.get(path, params={"after": cursor})).status_code == 422
    assert (await threads.client.get(path, headers={"last-event-id": cursor})).status_code == 422


async def test_hidden_events_are_for_auditors_alone(threads: Any) -> None:
    """Pages and streams obey one rule; seqs skip, and cursors pass over what is hidden."""
    thread_id = await threads.create()
    store = threads.service.store
    agent = Principal("default", "developer", agent="helper")
    item = HiddenContextItem(
        id="hcx_1", thread_id=thread_id, created_at="2026-01-01T00:00:00Z", content="the user is rich"
    )
    await store.append(agent, thread_id, [ThreadItemDoneEvent(item=item)], expected=Expect.THREAD_EXISTS)
    path = f"/v1/threads/{thread_id}/events"
    page = (await threads.client.get(path)).json()
    assert [event["seq"] for event in page["data"]] == [1]
    assert page["cursor"].startswith("2-")
    frames = [frame async for frame in threads.frames(f"{path}?until=run-end")]
    assert [frame.id.split("-")[0] for frame in frames] == ["1", "2"]
    assert frames[-1].event == "end"
    assert "rich" not in str([page, frames])
    threads.who = Principal("default", "auditor", frozenset({"auditor"}))
    assert "rich" in (await threads.client.get(path)).text
    assert await _seqs(threads, f"{path}?until=run-end") == [1, 2]


async def test_many_viewers_see_the_same_bytes(threads: Any) -> None:
    """Whenever they came, all end with the same events in the same order."""
    thread_id = await threads.create()
    path = f"/v1/threads/{thread_id}/events?until=run-end"

    async def view() -> list[Any]:
        return [frame async for frame in threads.frames(path)]

    await threads.ask(thread_id)
    early = [asyncio.create_task(view()) for _ in range(5)]
    for number in range(50):
        threads.said.put_nowait(f"{number} ")
        if number == 25:
            late = [asyncio.create_task(view()) for _ in range(5)]
    threads.said.put_nowait(None)
    seen = await asyncio.gather(*early, *late)
    assert all(frames == seen[0] for frames in seen)


async def test_a_log_that_cannot_be_read_ends_streams_with_an_error(start: Any) -> None:
    """The stream does not just break off: it says that it failed, and from where to go on."""

    class Failing(MemoryLog):
        broken = False

        async def read_thread(self, *args: Any, **kwargs: Any) -> Any:
            if self.broken:
                raise LogStopped("the disk is gone.")
            return await super().read_thread(*args, **kwargs)

        async def read_shard(self, *args: Any, **kwargs: Any) -> Any:
            if self.broken:
                raise LogStopped("the disk is gone.")
            return await super().read_shard(*args, **kwargs)

        async def wait(self, *args: Any, **kwargs: Any) -> Any:
            if self.broken:
                raise LogStopped("the disk is gone.")
            return await super().wait(*args, **kwargs)

    log = Failing()
    async with start(log) as threads:
        thread_id = await threads.create()
        frames = threads.frames(f"/v1/threads/{thread_id}/events")
        first = await anext(frames)
        log.broken = True
        last = [frame async for frame in frames][-1]
        assert last.event == "end"
        assert last.data == {"reason": "error", "cursor": first.id, "detail": "the disk is gone."}
        log.broken = False


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8", True),
        ("text/event-stream, */*", True),
        ("application/json, text/event-stream", True),
        ("application/json;q=0.9, text/event-stream;q=0.5", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=x", False),
        ("text/*", False),
    ],
)
def test_streams_are_for_those_who_ask_for_them(accept: str, expected: bool) -> None:
    """A stream is opened only where it is named; everybody else gets a page."""
    assert wants_stream(accept) is expected
