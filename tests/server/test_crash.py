"""kill -9 of the server in the middle of a stream."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import pytest
from playwright.async_api import Browser

pytestmark = pytest.mark.anyio

COUNTING = """
async def answer(context, message):
    async with context.message() as writing:
        for number in range(100_000):
            await writing.write(f"{number} ")
            await context.flush()
"""


async def _events(url: str, path: str, last: str | None) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    headers = {} if last is None else {"last-event-id": last}
    async with (
        httpx.AsyncClient(base_url=url, timeout=30) as client,
        httpx_sse.aconnect_sse(client, "GET", path, headers=headers) as source,
    ):
        async for event in source.aiter_sse():
            yield event.event, event.json()


async def _started(url: str) -> str:
    async with httpx.AsyncClient(base_url=url) as client:
        thread_id = (await client.post("/v1/threads", json={})).json()["id"]
        assert (await client.post(f"/v1/threads/{thread_id}/messages", json={"text": "Count"})).status_code == 202
        return str(thread_id)


async def _stored(url: str, thread_id: str) -> list[dict[str, Any]]:
    """Everything in the thread, by page."""
    found: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=url) as client:
        page: dict[str, Any] = {"cursor": "0", "has_more": True}
        while page["has_more"]:
            params = {"after": page["cursor"], "limit": 1000}
            page = (await client.get(f"/v1/threads/{thread_id}/events", params=params)).json()
            found += page["data"]
    return found


async def test_viewers_come_back_and_have_every_event_once(launch: Any, tmp_path: Path) -> None:
    """What was shown is in the log, what follows is shown once, and the run is recorded as interrupted."""
    (tmp_path / "counting.py").write_text(COUNTING)
    launched = launch("--agent", "counting:answer")
    port = int(launched.url.rpartition(":")[2])
    thread_id = await _started(launched.url)
    path = f"/v1/threads/{thread_id}/events?until=run-end"
    shown: list[dict[str, Any]] = []
    with suppress(httpx.TransportError):
        async for _, event in _events(launched.url, path, None):
            shown.append(event)
            if len(shown) == 300:
                launched.stop(signal.SIGKILL)
    assert 300 <= len(shown) < 100_000
    again = launch("--agent", "counting:answer", port=port)
    ends = []
    async for kind, event in _events(again.url, path, shown[-1]["cursor"]):
        if kind == "end":
            ends.append(event)
        else:
            shown.append(event)
    assert shown == await _stored(again.url, thread_id)
    assert [event["seq"] for event in shown] == list(range(1, len(shown) + 1))
    assert shown[-1]["data"] == {**shown[-1]["data"], "type": "run.interrupted", "reason": "crash"}
    assert [end["reason"] for end in ends] == ["interrupted"]


async def test_a_browser_comes_back_by_itself(launch: Any, tmp_path: Path, browser: Browser) -> None:
    """An `EventSource` goes on over the crash without a line of code, and stops at the end."""
    (tmp_path / "counting.py").write_text(COUNTING)
    launched = launch("--agent", "counting:answer")
    port = int(launched.url.rpartition(":")[2])
    thread_id = await _started(launched.url)
    page = await browser.new_page()
    await page.goto(f"{launched.url}/livez")
    await page.evaluate(
        """(path) => {
            window.seen = []; window.over = false;
            const source = new EventSource(path);
            source.onmessage = (message) => window.seen.push(message.data);
            source.onerror = () => { window.over = source.readyState === EventSource.CLOSED; };
        }""",
        f"/v1/threads/{thread_id}/events?until=run-end",
    )
    await page.wait_for_function("window.seen.length > 100")
    launched.stop(signal.SIGKILL)
    before = await page.evaluate("window.seen.length")
    again = launch("--agent", "counting:answer", port=port)
    await page.wait_for_function("window.over", timeout=60_000)
    seen = [json.loads(text) for text in await page.evaluate("window.seen")]
    assert len(seen) > before >= 100
    assert seen == await _stored(again.url, thread_id)


async def test_many_kills_lose_nothing_that_was_shown(launch: Any, tmp_path: Path) -> None:
    """Again and again, at moments that nobody chose."""
    (tmp_path / "counting.py").write_text(COUNTING)
    launched = launch("--agent", "counting:answer")
    port = int(launched.url.rpartition(":")[2])
    shown: dict[str, list[dict[str, Any]]] = {}
    for kill in range(5):
        thread_id = await _started(launched.url)
        seen = shown[thread_id] = []
        task = asyncio.create_task(_collect(launched.url, thread_id, seen))
        while len(seen) < 20 + 37 * kill:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        launched.stop(signal.SIGKILL)
        await task
        launched = launch("--agent", "counting:answer", port=port)
    for thread_id, seen in shown.items():
        stored = await _stored(launched.url, thread_id)
        assert seen == stored[: len(seen)]
        assert stored[-1]["data"]["type"] == "run.interrupted"


async def _collect(url: str, thread_id: str, seen: list[dict[str, Any]]) -> None:
    with suppress(httpx.TransportError):
        async for _, event in _events(url, f"/v1/threads/{thread_id}/events", None):
            seen.append(event)
