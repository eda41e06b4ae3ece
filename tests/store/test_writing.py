"""Appends and decisions: conflicts, retries, lost answers, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from gates import GatedLog, one
from store.material import NOW, answer, delta, user
from threadlog.log import (
    Append,
    Appended,
    Duplicate,
    Expect,
    InvalidAppend,
    LogBusy,
    NewEvent,
    Outcome,
    OutcomeUnknown,
    TooLarge,
)
from threadlog.model import (
    NoticeEvent,
    ThreadCreatedEvent,
    ThreadEvent,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadUpdatedEvent,
    UnknownEvent,
)
from threadlog.projection import ThreadState
from threadlog.store import (
    AppendIdReused,
    InvalidItem,
    InvalidThread,
    Principal,
    StoreBounds,
    StoreConflict,
    ThreadDeleted,
    ThreadExists,
    ThreadStore,
    WriteBounds,
)
from threadlog.store.writing import whole

pytestmark = pytest.mark.anyio


@pytest.fixture
async def thread(store: ThreadStore, alice: Principal) -> str:
    """A thread of Alice's."""
    return (await store.create_thread(alice)).id


def notice(text: str = "x") -> NoticeEvent:
    """An event without consequences."""
    return NoticeEvent(level="info", message=text)


def created(thread_id: str) -> ThreadCreatedEvent:
    """The event with which a thread begins."""
    return ThreadCreatedEvent(thread=whole(ThreadMetadata(id=thread_id, created_at=NOW, title="T")))


async def test_an_append_gives_its_events_with_their_numbers(
    store: ThreadStore, alice: Principal, agent: Principal, thread: str
) -> None:
    """Who wrote it, for which run, and where the next one goes."""
    outcome = await store.append(agent, thread, answer(thread, "a"), expected=1, run_id="run_1", append_id="apd_1")
    assert isinstance(outcome, Appended)
    assert [(event.seq, event.actor, event.run_id, event.append_id) for event in outcome.events] == [
        (2, "agent:folder", "run_1", "apd_1"),
        (3, "agent:folder", "run_1", "apd_1"),
    ]
    assert outcome.next_expected == 3
    assert (await store.state(alice, thread)).seq == 3


async def test_payload_bytes_are_stored_exactly(store: ThreadStore, alice: Principal, thread: str) -> None:
    """What is given as bytes is not parsed and written again; unknown types pass."""
    data = b'{ "type":"app.odd",  "n":1e2, "a":1, "a":2 }'
    events = [NewEvent("app.odd", data, version=7), UnknownEvent(type="app.odder", version=3, data=data)]
    await store.append(alice, thread, events, expected=1)
    stored = (await store.read_events(alice, thread)).events[1:]
    assert [(event.type, event.version, event.data) for event in stored] == [
        ("app.odd", 7, data),
        ("app.odder", 3, data),
    ]


async def test_an_append_to_a_thread_that_has_gone_on_is_a_conflict(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """It says where the thread is, and writes nothing; one that runs ahead likewise."""
    await store.append(alice, thread, [notice()], expected=1)
    for expected in (1, 5):
        with pytest.raises(StoreConflict, match="is at seq 2") as caught:
            await store.append(alice, thread, [notice()], expected=expected)
        assert caught.value.current_seq == 2
    await store.append(alice, thread, [notice()], expected=Expect.THREAD_EXISTS)
    await store.append(alice, thread, [notice()], expected=Expect.ANY)
    assert (await store.state(alice, thread)).seq == 4


async def test_an_exact_retry_is_stored_once(store: ThreadStore, alice: Principal, thread: str) -> None:
    """Whatever has happened since; with other bytes it is refused and told what the id was used for."""
    first = await store.append(alice, thread, [notice("a"), notice("b")], expected=1, append_id="once")
    await store.append(alice, thread, [notice("c")], expected=3)
    again = await store.append(alice, thread, [notice("a"), notice("b")], expected=1, append_id="once")
    assert isinstance(again, Duplicate)
    assert again.events == first.events
    for call in (
        store.append(alice, thread, [notice("z")], expected=4, append_id="once"),
        store.decide(alice, thread, lambda state: [notice("z")], append_id="once"),
    ):
        with pytest.raises(AppendIdReused, match="at seq 2") as caught:
            await call
        assert (caught.value.first_seq, caught.value.events) == (2, first.events)
    assert (await store.state(alice, thread)).seq == 4


async def test_a_thread_can_begin_with_its_whole_past(store: ThreadStore, alice: Principal, bob: Principal) -> None:
    """One append makes a thread with items, all or nothing, and again gives the same."""
    events = [created("t"), ThreadItemDoneEvent(item=user("t"))]
    for expected in (0, Expect.NO_THREAD):
        outcome = await store.append(alice, "t", events, expected=expected, append_id="import")
        assert [event.seq for event in outcome.events] == [1, 2]
    assert (await store.load_threads(alice)).data[0].title == "T"
    with pytest.raises(StoreConflict):
        await store.append(alice, "t", events, expected=0, append_id="another")
    with pytest.raises(ThreadExists):
        await store.append(bob, "t", events, expected=0, append_id="import")


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([], "begins with thread.created"),
        ([ThreadItemDoneEvent(item=user("t"))], "begins with thread.created"),
        ([created("t"), created("t")], "only at a thread's beginning"),
        ([created("other")], "says id 'other'"),
        ([NewEvent("thread.created", b"[]")], r"thread\.created"),
        ([NewEvent("thread.created", b'{"thread":{"id":"t"}}')], "created_at"),
        (
            [
                NewEvent(
                    "thread.created",
                    b'{"thread":{"id":"t","created_at":"2026-01-01","items":{"data":[{"id":"x","type":"poem"}]}}}',
                )
            ],
            "carries items",
        ),
    ],
)
async def test_a_thread_cannot_begin_in_any_other_way(
    store: ThreadStore, alice: Principal, events: Sequence[ThreadEvent | NewEvent], problem: str
) -> None:
    """The error says what is wrong, and there is no thread."""
    with pytest.raises(InvalidThread, match=problem):
        await store.append(alice, "t", events, expected=0)
    assert (await store.load_threads(alice)).data == []


async def test_listings_follow_metadata_that_comes_as_events(store: ThreadStore, alice: Principal, thread: str) -> None:
    """Whoever writes ``thread.updated``, the listing has it."""
    changed = ThreadMetadata(id=thread, created_at=NOW, title="Rome")
    await store.append(alice, thread, [ThreadUpdatedEvent(thread=whole(changed))], expected=1)
    assert (await store.load_threads(alice)).data == [changed] == [await store.load_thread(alice, thread)]
    other = ThreadMetadata(id="other", created_at=NOW)
    with pytest.raises(InvalidThread, match="says id"):
        await store.append(alice, thread, [ThreadUpdatedEvent(thread=whole(other))], expected=2)


async def test_what_can_never_be_stored_is_refused(store: ThreadStore, alice: Principal, thread: str) -> None:
    """Empty appends, odd append ids, payloads over the log's limit."""
    with pytest.raises(InvalidAppend, match="at least one event"):
        await store.append(alice, thread, [], expected=1)
    with pytest.raises(InvalidAppend, match="append_id"):
        await store.append(alice, thread, [notice()], expected=1, append_id="a\nb")
    with pytest.raises(TooLarge):
        await store.append(alice, thread, [notice("x" * 2_000_000)], expected=1)
    with pytest.raises(InvalidItem, match="says thread_id"):
        await store.append(alice, thread, [notice(), ThreadItemDoneEvent(item=user("other"))], expected=1)
    assert (await store.state(alice, thread)).seq == 1


async def test_a_decision_is_stored_with_the_state_it_leads_to(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """Deciding nothing writes nothing; an error of the decider's own reaches the caller."""
    decision = await store.decide(alice, thread, lambda state: [notice(str(state.seq))], run_id="run_1")
    assert ([event.seq for event in decision.events], decision.state.seq) == ([2], 2)
    assert decision.events[0].run_id == "run_1"
    nothing = await store.decide(alice, thread, lambda state: ())
    assert (nothing.events, nothing.state.seq) == ((), 2)

    def refuse(state: ThreadState) -> Sequence[ThreadEvent]:
        raise RuntimeError("not now")

    with pytest.raises(RuntimeError, match="not now"):
        await store.decide(alice, thread, refuse)


async def test_every_decision_is_made_for_the_thread_that_it_is_added_to(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """Many counters at once lose no count."""

    def count(state: ThreadState) -> Sequence[ThreadEvent]:
        return [notice(str(state.seq + 1))]

    await asyncio.gather(*(store.decide(alice, thread, count) for _ in range(12)))
    events = (await store.read_events(alice, thread)).events[1:]
    assert [event.data for event in events] == [store.dump(notice(str(event.seq))).data for event in events]
    assert len(events) == 12


class ContestedLog(GatedLog):
    """A log to which somebody else writes just before an append is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.rivals: list[Append] = []

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Let the next rival go first."""
        if self.rivals:
            await super().append(shard, [self.rivals.pop(0)])
        return await super().append(shard, appends)

    def contest(self, thread: str, times: int) -> None:
        """Have so many rivals for the next appends."""
        self.rivals = [one(f"rival-{number}", thread=thread) for number in range(times)]


@pytest.fixture
async def contested() -> AsyncIterator[ContestedLog]:
    """An open log of that kind."""
    async with ContestedLog() as log:
        yield log


async def test_a_decision_that_comes_late_is_made_again_under_the_same_append_id(
    contested: ContestedLog, alice: Principal
) -> None:
    """For the thread as it is by then."""
    async with ThreadStore(contested) as store:
        thread = (await store.create_thread(alice)).id
        contested.contest(thread, 3)
        asked: list[int] = []

        def decide(state: ThreadState) -> Sequence[ThreadEvent]:
            asked.append(state.seq)
            return [notice(str(state.seq + 1))]

        decision = await store.decide(alice, thread, decide, append_id="mine")
    assert asked == [1, 2, 3, 4]
    assert [(event.seq, event.append_id) for event in decision.events] == [(5, "mine")]
    assert {appends[0].append_id for _, appends in contested.calls[-4:] if appends[0].actor} == {"mine"}


async def test_a_decider_that_always_comes_late_is_told(contested: ContestedLog, alice: Principal) -> None:
    """The number of its tries is bounded, and nothing of it is stored."""
    async with ThreadStore(contested, bounds=StoreBounds(writes=WriteBounds(conflicts=2))) as store:
        thread = (await store.create_thread(alice)).id
        contested.contest(thread, 9)
        with pytest.raises(StoreConflict, match="other writers keep changing"):
            await store.decide(alice, thread, lambda state: [notice()])
        contested.rivals.clear()
        state = await store.state(alice, thread)
        assert state.seq == 4
        assert all(event.actor is None for event in (await store.read_events(alice, thread)).events[1:])


@pytest.fixture
async def gated() -> AsyncIterator[GatedLog]:
    """A log that can be made to fail."""
    async with GatedLog() as log:
        yield log


FAST = StoreBounds(writes=WriteBounds(unknown=3, pause_seconds=0))
LOST = OutcomeUnknown("the answer was lost")


@pytest.mark.parametrize("point", ["append", "appended"])
async def test_a_lost_answer_is_asked_for_again(gated: GatedLog, alice: Principal, point: str) -> None:
    """Whether or not the append was stored, it is stored once, and the caller never knows."""
    async with ThreadStore(gated, bounds=FAST) as store:
        thread = (await store.create_thread(alice)).id
        for call in (
            lambda: store.append(alice, thread, [notice()], expected=1),
            lambda: store.decide(alice, thread, lambda state: [notice()]),
            lambda: store.add_thread_item(alice, thread, user(thread)),
            lambda: store.create_thread(alice, thread_id="t"),
        ):
            gated.fail(point, LOST, LOST, LOST)
            await call()
        assert (await store.state(alice, thread)).seq == 4
        assert (await store.state(alice, "t")).seq == 1
        assert (await store.read_events(alice, thread)).cursor.seq == 4


async def test_an_answer_that_stays_lost_is_said_to_be(gated: GatedLog, alice: Principal) -> None:
    """After a bounded number of tries; a retry with the same append id settles it later."""
    async with ThreadStore(gated, bounds=FAST) as store:
        thread = (await store.create_thread(alice)).id
        gated.fail("appended", LOST, LOST, LOST, LOST)
        with pytest.raises(OutcomeUnknown):
            await store.append(alice, thread, [notice()], expected=1, append_id="mine")
        settled = await store.append(alice, thread, [notice()], expected=1, append_id="mine")
        assert isinstance(settled, Duplicate)


async def test_a_busy_log_is_the_caller_s_to_wait_for(gated: GatedLog, alice: Principal) -> None:
    """It is not asked again behind the caller's back: nothing was written."""
    async with ThreadStore(gated) as store:
        thread = (await store.create_thread(alice)).id
        gated.fail("append", LogBusy("later"))
        with pytest.raises(LogBusy):
            await store.append(alice, thread, [notice()], expected=1)


async def settled(log: GatedLog) -> None:
    """Wait until the tasks that were started have come as far as they can: nobody reads any more."""
    reads = -1
    while reads != len(log.reads):
        reads = len(log.reads)
        for _ in range(20):
            await asyncio.sleep(0)


async def test_a_cancelled_caller_leaves_all_or_nothing_and_disturbs_nobody(gated: GatedLog, alice: Principal) -> None:
    """One whose append was not sent leaves nothing; one whose append is on its way leaves all of it."""
    async with ThreadStore(gated) as store:
        thread, other = [(await store.create_thread(alice)).id for _ in range(2)]
        await store.state(alice, thread)
        await store.state(alice, other)
        gate = gated.hold("append")
        sent = asyncio.create_task(store.append(alice, thread, [notice(), notice()], expected=1))
        await gate.reached.wait()
        waiting = asyncio.create_task(store.append(alice, thread, [notice()], expected=3))
        neighbour = asyncio.create_task(store.append(alice, other, [notice()], expected=1))
        await settled(gated)
        sent.cancel()
        waiting.cancel()
        gate.open()
        assert (await neighbour).next_expected == 2
        assert (await store.state(alice, thread)).seq == 3
        await store.append(alice, thread, [notice()], expected=3)


async def test_a_thread_that_was_deleted_takes_no_append(store: ThreadStore, alice: Principal, thread: str) -> None:
    """Whatever the writer expects, and also if it did not know yet."""
    await store.delete_thread(alice, thread)
    for expected in (2, 1, Expect.ANY, Expect.THREAD_EXISTS):
        with pytest.raises(ThreadDeleted):
            await store.append(alice, thread, [notice()], expected=expected)


async def test_the_trace_of_the_caller_is_stored_with_its_events(
    store: ThreadStore, alice: Principal, thread: str
) -> None:
    """So that an event and its trace find each other years later."""
    context = SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=False, trace_flags=TraceFlags(1))
    with use_span(NonRecordingSpan(context)):
        outcome = await store.append(alice, thread, [notice()], expected=1)
    assert outcome.events[0].trace == f"00-{0xABC:032x}-{0xDEF:016x}-01"
    assert (await store.append(alice, thread, [notice()], expected=2)).events[0].trace is None


@pytest.mark.parametrize("exact", [True, False])
async def test_a_stream_that_is_written_by_one_reads_nothing(gated: GatedLog, alice: Principal, exact: bool) -> None:
    """Its appends cost no look at the log, whether they name the seq or not."""
    async with ThreadStore(gated) as store:
        thread = (await store.create_thread(alice)).id
        await store.append(alice, thread, answer(thread), expected=1)
        gated.reads.clear()
        for seq in range(2, 300):
            expected = seq if exact else Expect.THREAD_EXISTS
            await store.append(alice, thread, [delta("msg_2", "x")], expected=expected)
        assert gated.reads == []
        item = (await store.state(alice, thread)).item_data("msg_2")
        assert item is not None
        assert len(item["content"][0]["text"]) == 298
