"""Replay: the same events at the right moments, on a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.conftest import ALICE
from exchange.runs import TALK, run, user
from threadlog.exchange import Pace, import_run, replay
from threadlog.log import Event
from threadlog.store import ThreadStore

pytestmark = pytest.mark.anyio

PACE = Pace(letters_per_second=10, pause=1, longest=5)


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The seconds it shows."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds >= 0
        self.now += seconds


def event(seq: int, at: float, event_type: str = "notice", **payload: Any) -> Event:
    """An event `at` seconds after the start."""
    data = json.dumps({"type": event_type, **payload}).encode()
    return Event(
        tenant="t", thread_id="t", seq=seq, shard=0, position=seq, id=f"id-{seq:08x}", append_id=str(seq),
        type=event_type, version=1, time_us=1_700_000_000_000_000 + int(at * 1_000_000), data=data,
    )  # fmt: skip


def said(seq: int, text: str, item_id: str = "m", kind: str = "assistant_message", **more: Any) -> Event:
    """A whole message."""
    item = {"id": item_id, "type": kind, "content": [{"type": "output_text", "text": text}], **more}
    return event(seq, 0, "thread.item.done", item=item)


def typed(seq: int, text: str, item_id: str = "m") -> Event:
    """A text delta."""
    update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text}
    return event(seq, 0, "thread.item.updated", item_id=item_id, update=update)


async def played(events: Iterable[Event], *, busy: float = 0.0, **options: Any) -> list[tuple[float, int]]:
    """When each event is shown, in seconds from the first, and its seq; showing one takes `busy` seconds."""
    clock, found = Clock(), []
    async for delay, shown in replay(events, clock=clock, pace=PACE, **options):
        clock.sleep(delay)
        found.append((round(clock.now - 1000, 3), shown.seq))
        clock.sleep(busy)
    return found


class TestRecordedTimes:
    """In the timing in which it happened."""

    async def test_as_it_was(self) -> None:
        """Events come as far apart as they were recorded."""
        assert await played([event(1, 0), event(2, 0.5), event(3, 3)]) == [(0, 1), (0.5, 2), (3, 3)]

    async def test_faster_and_slower(self) -> None:
        """At speed 2 everything takes half as long, at 0.5 twice."""
        events = [event(1, 0), event(2, 1), event(3, 3)]
        assert await played(events, speed=2) == [(0, 1), (0.5, 2), (1.5, 3)]
        assert await played(events, speed=0.5) == [(0, 1), (2, 2), (6, 3)]

    async def test_long_pauses_are_capped(self) -> None:
        """No wait is longer than asked for, and what follows keeps its distance."""
        events = [event(1, 0), event(2, 3600), event(3, 3601)]
        assert await played(events, max_pause=5) == [(0, 1), (5, 2), (6, 3)]
        assert await played(events, max_pause=5, speed=3600) == [(0, 1), (1, 2), (1, 3)]

    async def test_a_clock_that_was_set_back(self) -> None:
        """An event with an earlier time than the one before it comes at once, in its place."""
        assert await played([event(1, 10), event(2, 4), event(3, 5)]) == [(0, 1), (0, 2), (1, 3)]

    async def test_showing_takes_no_time_off_the_beat(self) -> None:
        """What showing an event costs does not add up."""
        events = [event(seq, seq) for seq in range(1, 50)]
        assert await played(events, busy=0.9) == [(seq - 1, seq) for seq in range(1, 50)]

    async def test_who_falls_behind_catches_up(self) -> None:
        """A reader that is too slow is made to wait no more."""
        events = [event(seq, seq) for seq in range(1, 5)]
        assert await played(events, busy=1.5) == [(0, 1), (1.5, 2), (3, 3), (4.5, 4)]

    @given(st.lists(st.floats(-1e6, 1e6)), st.floats(0.01, 1000), st.none() | st.floats(0, 100), st.booleans())
    async def test_every_event_comes_once_and_unchanged(
        self, times: list[float], speed: float, max_pause: float | None, natural: bool
    ) -> None:
        """Whatever the times, all events come in order, as they are stored, and no wait is below zero."""
        events = [event(seq, at) for seq, at in enumerate(times, 1)]
        options: dict[str, Any] = {"speed": speed, "max_pause": max_pause, "natural": natural}
        found = [pair async for pair in replay(events, clock=Clock(), **options)]
        assert [shown for _, shown in found] == events
        assert all(delay >= 0 for delay, _ in found)

    @pytest.mark.parametrize("speed", [0, -1, float("nan")])
    async def test_a_speed_that_is_none(self, speed: float) -> None:
        """A speed that is not above zero is refused."""
        with pytest.raises(ValueError, match="above 0"):
            await played([event(1, 0)], speed=speed)

    async def test_events_may_come_one_by_one(self) -> None:
        """Events are taken from an asynchronous source as they are needed."""

        async def source() -> AsyncGenerator[Event, None]:
            yield event(1, 0)
            yield event(2, 1)

        assert await played(source()) == [(0, 1), (1, 2)]  # type: ignore[arg-type]


class TestNaturalPace:
    """At a pace to read along."""

    async def test_texts_take_as_long_as_typing_them(self) -> None:
        """A message comes after a pause and the time that its letters take."""
        assert await played([event(1, 0), said(2, "x" * 20), event(3, 0)], natural=True) == [(0, 1), (3, 2), (4, 3)]

    async def test_deltas_come_as_typed(self) -> None:
        """A streamed text comes delta by delta, and its end does not type it again."""
        events = [event(1, 0), said(2, ""), typed(3, "x" * 10), typed(4, "x" * 5), said(5, "x" * 15)]
        assert await played(events, natural=True) == [(0, 1), (1, 2), (2, 3), (2.5, 4), (3.5, 5)]

    async def test_nothing_takes_very_long(self) -> None:
        """A long text takes the longest time that the pace allows; hidden context and results take a pause."""
        events = [event(1, 0), said(2, "x" * 5000), said(3, "x" * 5000, "h", "hidden_context_item")]
        assert await played(events, natural=True) == [(0, 1), (6, 2), (7, 3)]

    async def test_times_do_not_matter_then(self) -> None:
        """Asked for a natural pace, recorded times are not looked at."""
        assert await played([event(1, 0), event(2, 3600)], natural=True) == [(0, 1), (1, 2)]

    async def test_speed_and_cap_hold_as_well(self) -> None:
        """A natural pace is sped up and capped like any other."""
        assert await played([event(1, 0), said(2, "x" * 20)], natural=True, speed=3, max_pause=0.5) == [
            (0, 1),
            (0.5, 2),
        ]

    async def test_imported_messages_are_always_played_so(self) -> None:
        """Imported items have no times of their own, and are played naturally among recorded ones."""
        events = [event(1, 0), said(2, "x" * 20, chat_message={"index": 0}), event(3, 7)]
        assert await played(events) == [(0, 1), (3, 2), (10, 3)]

    @pytest.mark.parametrize("data", [b"[]", b'"x"', b'{"item":7,"update":[]}', b'{"item":{"content":[7]}}'])
    async def test_odd_payloads_are_played(self, data: bytes) -> None:
        """A payload of any shape takes a pause."""
        odd = event(2, 0, "thread.item.done")
        events = [event(1, 0), msgspec.structs.replace(odd, data=data)]
        assert await played(events, natural=True) == [(0, 1), (1, 2)]


async def test_an_imported_thread_is_played_at_a_natural_pace(store: ThreadStore) -> None:
    """A run that was imported in a moment takes its time when it is played, and every event comes."""
    outcome = await import_run(store, ALICE, run([*TALK, user("x" * 20)]))
    assert outcome.thread_id is not None
    page = await store.read_events(ALICE, outcome.thread_id, limit=100)
    shown = await played(page.events)
    assert [seq for _, seq in shown] == [event.seq for event in page.events]
    assert shown[-1][0] > 15
    assert all(later - earlier >= 0.99 for (earlier, _), (later, _) in pairwise(shown[1:]))
