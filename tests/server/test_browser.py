"""A real browser: viewers on the server's own origin, and pages that must not reach it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

pytestmark = pytest.mark.anyio

REBOUND = "rebound.example"
VIEWER = """(path) => new Promise((done) => {
    const seen = [], source = new EventSource(path);
    source.onmessage = (message) => seen.push([message.lastEventId, JSON.parse(message.data)]);
    source.addEventListener("end", (end) => seen.push(["end", JSON.parse(end.data)]));
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) done(seen); };
})"""
"""Watches until the browser gives the stream up by itself."""

ATTACK = """async ([url, path]) => {
    const body = JSON.stringify({title: "evil"});
    const tries = {
        read: () => fetch(url + path),
        write: () => fetch(url + "/v1/threads", {method: "POST", body, headers: {"content-type": "application/json"}}),
        writeSimply: () => fetch(url + "/v1/threads", {method: "POST", body, headers: {"content-type": "text/plain"}}),
        writeBlindly: () => fetch(url + "/v1/threads", {method: "POST", body, mode: "no-cors"}),
        writeNothing: () => fetch(url + "/v1/threads", {method: "POST", mode: "no-cors"}),
        change: () => fetch(url + path, {method: "PATCH", body, headers: {"content-type": "application/json"}}),
        remove: () => fetch(url + path, {method: "DELETE"}),
    };
    const read = {};
    for (const [name, attempt] of Object.entries(tries)) {
        try {
            const response = await attempt();
            read[name] = response.ok ? await response.text() : null;
        } catch (error) {
            read[name] = null;
        }
    }
    read.stream = await new Promise((done) => {
        const source = new EventSource(url + path + "/events");
        source.onmessage = (message) => done(message.data);
        source.onerror = () => done(null);
    });
    read.script = await new Promise((done) => {
        const script = document.createElement("script");
        script.src = url + path;
        script.onload = () => done("loaded");
        script.onerror = () => done(null);
        document.body.append(script);
    });
    return read;
}"""
"""All that a page can try without being asked for permission, and some that it cannot."""


@pytest.fixture
async def page(browser: Browser) -> Page:
    """An empty page."""
    return await browser.new_page()


async def test_an_event_source_sees_the_answer_and_stops_by_itself(page: Page, threads: Any) -> None:
    """Every event once while it happens, then the end; coming back it is told that there is no more, and gives up."""
    thread_id = await threads.create()
    await threads.ask(thread_id, "Hello", "One ", "two ", "three")
    await page.goto(f"{threads.url}/livez")
    seen = await page.evaluate(VIEWER, f"/v1/threads/{thread_id}/events?until=run-end")
    events = (await threads.client.get(f"/v1/threads/{thread_id}/events")).json()
    assert [event for _, event in seen[:-1]] == events["data"]
    assert [cursor for cursor, _ in seen[:-1]] == [event["cursor"] for event in events["data"]]
    assert seen[-1] == ["end", {"reason": "completed", "cursor": events["cursor"], "run_id": seen[-1][1]["run_id"]}]


async def test_a_deleted_thread_stops_an_event_source(page: Page, threads: Any) -> None:
    """Gone is gone: the browser does not come back again and again."""
    thread_id = await threads.create()
    await threads.client.delete(f"/v1/threads/{thread_id}")
    await page.goto(f"{threads.url}/livez")
    assert await page.evaluate(VIEWER, f"/v1/threads/{thread_id}/events") == []


async def test_a_page_of_another_origin_can_neither_read_nor_write(page: Page, threads: Any, serve: Any) -> None:
    """Another port of the same machine is another origin; whatever its page tries, it learns and changes nothing."""
    thread_id = await threads.create(title="Secret")
    evil = Starlette(routes=[Route("/", lambda request: HTMLResponse("<body>Nice kittens</body>"))])
    async with serve(evil) as url:
        await page.goto(url)
        await _attack(page, threads, threads.url, thread_id)


async def test_a_page_of_a_rebound_name_can_neither_read_nor_write(page: Page, threads: Any, serve: Any) -> None:
    """A name that first led to the attacker and now leads here is the page's own origin, and still gets nothing."""
    thread_id = await threads.create(title="Secret")
    rebound = threads.url.replace("127.0.0.1", REBOUND)
    response = await page.goto(rebound)
    assert response is not None
    assert response.status == 421
    await _attack(page, threads, rebound, thread_id)


async def test_a_form_of_another_origin_changes_nothing(page: Page, threads: Any, serve: Any) -> None:
    """A form needs no permission to be sent anywhere; here it is not taken."""
    thread_id = await threads.create()
    started = await threads.ask(thread_id)
    action = f"{threads.url}/v1/threads/{thread_id}/runs/{started['run_id']}/cancel"
    form = f'<form method="post" action="{action}"><button>Kittens</button></form>'
    evil = Starlette(routes=[Route("/", lambda request: HTMLResponse(form))])
    async with serve(evil) as url:
        await page.goto(url)
        async with page.expect_navigation() as navigation:
            await page.click("button")
    response = await navigation.value
    assert response is not None
    assert response.status == 403
    assert threads.service.runner.is_active(started["run_id"])
    threads.said.put_nowait(None)


async def _attack(page: Page, threads: Any, url: str, thread_id: str) -> None:
    before = (await threads.client.get("/v1/threads")).json()
    read = await page.evaluate(ATTACK, [url, f"/v1/threads/{thread_id}"])
    assert read == dict.fromkeys(read)
    assert len(read) == 9
    assert (await threads.client.get("/v1/threads")).json() == before
    assert (await threads.client.get(f"/v1/threads/{thread_id}/state")).json()["seq"] == 1
