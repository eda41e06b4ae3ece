"""Spans and metrics of the thread store, taken by the real SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
from opentelemetry.trace import StatusCode

from telemetry import Taken, attributes
from threadlog.log import MemoryLog
from threadlog.model import NoticeEvent, ThreadEvent
from threadlog.store import Principal, StoreConflict, ThreadNotFound, ThreadStore

pytestmark = pytest.mark.anyio

SECRET = "the launch code is 0000"


@pytest.fixture
def taken() -> Iterator[Taken]:
    """What the store tells of itself."""
    taken = Taken()
    yield taken
    taken.close()


@pytest.fixture
async def traced(taken: Taken) -> AsyncIterator[ThreadStore]:
    """A store that is measured."""
    async with (
        MemoryLog() as log,
        ThreadStore(log, tracer_provider=taken.tracers, meter_provider=taken.meters) as store,
    ):
        yield store


def notice(text: str = SECRET) -> ThreadEvent:
    """A small event."""
    return NoticeEvent(level="info", message=text)


async def test_an_event_and_the_span_of_its_append_name_each_other(
    traced: ThreadStore, alice: Principal, taken: Taken
) -> None:
    """The event has the span's context, the span has the thread and the event's numbers."""
    thread = (await traced.create_thread(alice)).id
    taken.forget()
    event = (await traced.append(alice, thread, [notice(), notice()], expected=1)).events[-1]
    span = taken.one("store.append")
    assert event.trace is not None
    assert event.trace.startswith(f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-")
    assert attributes(span) == {
        "threadlog.operation": "append",
        "threadlog.outcome": "appended",
        "threadlog.events": 2,
        "threadlog.thread.id": thread,
        "threadlog.seq": event.seq,
        "threadlog.shard": event.shard,
        "threadlog.position": event.position,
    }


async def test_a_decision_is_a_span_around_its_load_and_its_append(
    traced: ThreadStore, alice: Principal, taken: Taken
) -> None:
    """So that a slow one shows what it was slow at."""
    thread = (await traced.create_thread(alice)).id
    taken.forget()
    await traced.decide(alice, thread, lambda state: (notice(),))
    decide = taken.one("store.decide")
    assert attributes(decide)["threadlog.seq"] == 2
    for name in ("store.load", "store.append"):
        for span in taken.named(name):
            assert span.parent is not None
            assert span.parent.span_id == decide.context.span_id


async def test_a_conflict_is_an_outcome_of_its_append(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """The append was answered, so its span is no error."""
    thread = (await traced.create_thread(alice)).id
    await traced.append(alice, thread, [notice()], expected=1)
    taken.forget()
    with pytest.raises(StoreConflict):
        await traced.append(alice, thread, [notice()], expected=1)
    span = taken.one("store.append")
    assert attributes(span)["threadlog.outcome"] == "conflict"
    assert span.status.status_code is StatusCode.UNSET


async def test_making_a_state_from_the_log_is_a_fold(alice: Principal, taken: Taken) -> None:
    """A thread at hand is loaded without one; a cold one, or its past, is folded."""
    async with MemoryLog() as log:
        async with ThreadStore(log) as store:
            thread = (await store.create_thread(alice)).id
            await store.append(alice, thread, [notice()], expected=1)
        async with ThreadStore(log, tracer_provider=taken.tracers) as store:
            await store.load_thread(alice, thread)
            fold = taken.one("store.fold")
            assert attributes(fold) == {
                "threadlog.operation": "fold",
                "threadlog.thread.id": thread,
                "threadlog.seq": 2,
                "threadlog.snapshot.seq": 0,
            }
            assert fold.parent is not None
            assert fold.parent.span_id == taken.one("store.load").context.span_id
            await store.load_thread(alice, thread)
            assert len(taken.named("store.fold")) == 1
            await store.state(alice, thread, at=1)
            assert attributes(taken.spans[-1])["threadlog.seq"] == 1


async def test_reads_tell_how_far_they_have_looked(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """Of events; and a history tells its thread."""
    thread = (await traced.create_thread(alice)).id
    await traced.append(alice, thread, [notice()], expected=1)
    await traced.read_events(alice, thread)
    assert attributes(taken.one("store.read_events"))["threadlog.seq"] == 2


async def test_a_feed_is_traced_where_it_begins(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """It may last for days; its span is over before its first batch."""
    thread = (await traced.create_thread(alice)).id
    async with aclosing(traced.follow(alice, thread)) as batches:
        await anext(batches)
        span = taken.one("store.follow")
        assert (attributes(span)["threadlog.thread.id"], attributes(span)["threadlog.seq"]) == (thread, 0)


async def test_a_refusal_is_told_by_its_type_alone(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """Its message may hold what a caller sent."""
    thread = (await traced.create_thread(alice)).id

    def decide(state: object) -> tuple[ThreadEvent, ...]:
        raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        await traced.decide(alice, thread, decide)
    with pytest.raises(ThreadNotFound):
        await traced.decide(Principal("acme", "mallory"), thread, lambda state: (notice(),))
    errors = [attributes(span)["error.type"] for span in taken.named("store.decide")]
    assert errors == ["ValueError", "ThreadNotFound"]


async def test_nothing_of_what_is_in_a_thread_is_on_a_span(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """Neither payloads nor titles nor metadata."""
    thread = (await traced.create_thread(alice, title=SECRET, metadata={"note": SECRET})).id
    await traced.append(alice, thread, [notice()], expected=1)
    await traced.decide(alice, thread, lambda state: (notice(),))
    await traced.read_events(alice, thread)
    assert taken.spans
    assert not [span.name for span in taken.spans if SECRET in span.to_json()]


async def test_the_lag_of_the_projection_is_what_waits_to_be_folded(
    traced: ThreadStore, alice: Principal, taken: Taken
) -> None:
    """Until somebody reads the thread."""

    def value(name: str) -> int:
        (point,) = taken.points(f"threadlog.projection.{name}")
        return int(point.value)

    thread = (await traced.create_thread(alice)).id
    await traced.load_thread(alice, thread)
    await traced.append(alice, thread, [notice()] * 3, expected=1)
    assert (value("lag"), value("states")) == (3, 1)
    await traced.load_thread(alice, thread)
    assert value("lag") == 0
    assert value("bytes") > 0


async def test_operations_are_timed(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """By their names; those that failed by their errors, too."""
    with pytest.raises(ThreadNotFound):
        await traced.decide(alice, "thr_none", lambda state: (notice(),))
    found = {
        (point.attributes["threadlog.operation"], point.attributes.get("error.type"))
        for point in taken.points("threadlog.store.operation.duration")
    }
    assert ("decide", "ThreadNotFound") in found
    assert ("load", None) in found


async def test_appends_are_timed(traced: ThreadStore, alice: Principal, taken: Taken) -> None:
    """By flushes, not each by itself."""
    thread = (await traced.create_thread(alice)).id
    await traced.append(alice, thread, [notice()], expected=1)
    (point,) = taken.points("threadlog.append.duration")
    assert point.count == 2
