"""The telemetry of `threadlog serve`, as a collector gets it over HTTP."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.collector import Collector, Sent
from threadlog.cli.settings import TelemetrySettings
from threadlog.log import Event, MissingExtra, open_log
from threadlog_server.exporting import exporting

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
QUESTION = "What is in plum-coloured.txt?"


@pytest.fixture
async def collector(serve: Any) -> AsyncIterator[tuple[Collector, str]]:
    """A collector that listens, and its URL."""
    collector = Collector()
    async with serve(collector.app) as url:
        yield collector, url


async def use(launch: Any, *settings: str) -> str:
    """Launch a server, ask it a question under a trace of our own, read the answer, and stop; gives the thread."""
    launched = await asyncio.to_thread(launch, *settings)
    async with httpx.AsyncClient(base_url=launched.url, timeout=30) as client:
        thread = str((await client.post("/v1/threads", json={})).json()["id"])
        started = await client.post(
            f"/v1/threads/{thread}/messages",
            json={"text": QUESTION},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        )
        await client.get(started.headers["location"], headers={"accept": "text/event-stream"})
        await client.get(f"/v1/threads/{thread}/state?at=2")
    assert await asyncio.to_thread(launched.stop) == 0
    return thread


async def stored(folder: Path, thread: str) -> list[Event]:
    """What the log holds of a thread."""
    async with open_log(f"file:{folder}/log", read_only=True) as log:
        return list((await log.read_thread("default", thread, limit=1000)).events)


async def test_an_event_and_its_trace_find_each_other(
    collector: tuple[Collector, str], launch: Any, tmp_path: Path
) -> None:
    """From the caller's trace to the event's number, and from the event to the span that wrote it."""
    (tmp_path / "plum-coloured.txt").write_text("hunter2\n")
    told, url = collector
    thread = await use(launch, "telemetry.enabled=true", f"telemetry.endpoint={url}")
    spans = {span.span_id: span for span in told.spans}
    events = [event for event in await stored(tmp_path, thread) if event.run_id is not None]
    assert {event.type for event in events} >= {"run.started", "thread.item.done", "run.completed"}
    for event in events:
        assert event.trace is not None
        _, trace_id, span_id, _ = event.trace.split("-")
        append = spans[span_id]
        assert (trace_id, append.trace_id, append.name) == (TRACE, TRACE, "store.append")
        assert append.attributes["threadlog.thread.id"] == thread
        numbers = (append.attributes["threadlog.position"], append.attributes["threadlog.seq"])
        count = append.attributes["threadlog.events"]
        assert numbers[0] - count < event.position <= numbers[0]
        assert numbers[1] - count < event.seq <= numbers[1]
        assert any(span_id in flush.links for flush in told.named("append threadlog"))
    (request,) = told.named("POST /v1/threads/{thread_id}/messages")
    (run,) = [span for span in told.spans if span.name.startswith("invoke_agent")]
    assert (request.trace_id, request.parent_id) == (TRACE, CALLER)
    assert run.attributes["gen_ai.conversation.id"] == thread
    assert request.span_id in _ancestors(run, spans)


async def test_what_is_said_in_threads_is_not_sent(
    collector: tuple[Collector, str], launch: Any, tmp_path: Path
) -> None:
    """Neither what the user asked nor what the agent found."""
    (tmp_path / "plum-coloured.txt").write_text("hunter2\n")
    told, url = collector
    await use(launch, "telemetry.enabled=true", f"telemetry.endpoint={url}")
    assert b"store.append" in told.bodies
    assert b"plum" not in told.bodies
    assert b"hunter2" not in told.bodies


async def test_the_environment_says_what_the_settings_do_not(
    collector: tuple[Collector, str], launch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, headers, the server's name and sampling; an event of a trace that is not sampled names none."""
    told, url = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "house")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    thread = await use(launch, "telemetry.enabled=true")
    assert not told.spans
    assert {event.trace for event in await stored(tmp_path, thread)} == {None}
    assert told.headers["x-key"] == "abc"
    assert "db.client.operation.duration" in told.metrics
    assert b"house" in told.bodies


async def test_the_server_is_named(collector: tuple[Collector, str], launch: Any) -> None:
    """By the settings, with its version and a number for each start."""
    told, url = collector
    await use(launch, "telemetry.enabled=true", f"telemetry.endpoint={url}", "telemetry.service_name=attic")
    assert told.resource["service.name"] == "attic"
    assert told.resource.keys() >= {"service.version", "service.instance.id"}


async def test_a_server_whose_collector_is_gone_works_and_ends(launch: Any, tmp_path: Path) -> None:
    """Telemetry is lost and nothing else."""
    thread = await use(launch, "telemetry.enabled=true", "telemetry.endpoint=http://127.0.0.1:9")
    assert (await stored(tmp_path, thread))[-1].type == "run.completed"


def test_a_missing_sdk_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever enables telemetry without it learns what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with (
        pytest.raises(MissingExtra, match=r"pip install 'threadlog\[telemetry\]'"),
        exporting(TelemetrySettings(enabled=True)),
    ):
        raise AssertionError


async def test_the_guide_lists_every_span_and_metric(collector: tuple[Collector, str], launch: Any) -> None:
    """All that the code names and all that a collector gets, and no other."""
    told, url = collector
    await use(launch, "telemetry.enabled=true", f"telemetry.endpoint={url}")
    guide = (ROOT / "docs/how-to/observe.md").read_text()
    documented = set(re.findall(r"^\| `([^`]+)`", guide[guide.index("## Spans") :], re.MULTILINE))
    spans = {_kind(span.name) for span in told.spans}
    assert spans | told.metrics <= documented
    assert documented - _named() == {"METHOD ROUTE", "invoke_agent AGENT", "execute_tool TOOL"}
    assert _named() <= documented


def _kind(name: str) -> str:
    first, _, rest = name.partition(" ")
    if rest.startswith("/"):
        return "METHOD ROUTE"
    return {"invoke_agent": "invoke_agent AGENT", "execute_tool": "execute_tool TOOL"}.get(first, name)


def _named() -> set[str]:
    """The names of spans and metrics in the code: what the calls that make them are given."""
    sources = [path for folder in ("core", "server") for path in (ROOT / folder).rglob("*.py")]
    return {
        name
        for path in sources
        if "opentelemetry" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and (name := _made_by(node)) is not None
    }


def _made_by(call: ast.Call) -> str | None:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if not texts:
        return None
    if function == "_operation":
        return f"{texts[0]} threadlog"
    if function == "operation":
        return f"store.{texts[0]}"
    return texts[0] if function in ("gauge", "Operation", "start_span") or function.startswith("create_") else None


def _ancestors(span: Sent, spans: dict[str, Sent]) -> set[str]:
    found: set[str] = set()
    while (parent := spans.get(span.parent_id)) is not None:
        found.add(parent.span_id)
        span = parent
    return found
