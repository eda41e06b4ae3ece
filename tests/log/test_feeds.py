"""Feeds of one thread: from a cursor on, then live, in whatever order reads and commits happen."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from following import House, Reader, seqs, take
from gates import GatedLog, library_tasks, one, turns, until
from threadlog.log import (
    START,
    Committer,
    Cursor,
    Diverged,
    FeedBounds,
    Feeds,
    FeedStats,
    LogClosed,
    LogCorrupt,
    LogError,
    OutcomeUnknown,
    ThreadPage,
)

pytestmark = pytest.mark.anyio

QUICK = FeedBounds(ring_events=4, page_events=3, watch_pause=0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house with small bounds, in which no task is left at the end."""
    async with GatedLog() as log, Feeds(log, bounds=QUICK) as feeds, Committer(log, on_commit=feeds.publish) as c:
        yield House(log, c, feeds)
    assert library_tasks() == set()


async def test_a_feed_gives_what_was_there_and_then_what_comes(house: House) -> None:
    """Catch-up from the log goes over into live events without gap or repetition."""
    await house.add(7)
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await until(lambda: len(reader.events) == 7)
    await house.add(3)
    await until(lambda: len(reader.events) == 10)
    assert seqs(reader.events) == list(range(1, 11))
    await reader.stop()


async def test_a_feed_goes_on_behind_a_cursor(house: House) -> None:
    """With and without its check, a cursor is where the feed begins, at the end of the thread too."""
    events = await house.add(4)
    for cursor in (Cursor.of(events[1]), Cursor(2)):
        feed = house.feeds.thread("acme", "thr_1", after=cursor)
        assert seqs(await take(feed, 2)) == [3, 4]
        await feed.aclose()
    reader = Reader(house.feeds.thread("acme", "thr_1", after=Cursor.of(events[3])))
    await until(lambda: house.feeds.stats.resumed == 3)
    await house.add()
    await until(lambda: reader.events)
    assert seqs(reader.events) == [5]
    await reader.stop()


async def test_a_feed_from_now_gives_only_what_comes(house: House) -> None:
    """None stands for the end of the thread at the moment of the first read."""
    await house.add(4)
    reader = Reader(house.feeds.thread("acme", "thr_1", after=None))
    await until(lambda: ("read_thread", 0) in house.log.reads)
    await turns(10)
    await house.add(2)
    await until(lambda: len(reader.events) == 2)
    assert seqs(reader.events) == [5, 6]
    await reader.stop()


@pytest.mark.parametrize("after", [START, None], ids=["from the start", "from now"])
async def test_a_thread_may_be_followed_before_it_exists(house: House, after: Cursor | None) -> None:
    """Its feed waits and begins with its first event."""
    reader = Reader(house.feeds.thread("acme", "thr_1", after=after))
    await until(lambda: ("read_thread", 0) in house.log.reads)
    await turns(10)
    await house.add(2)
    await until(lambda: len(reader.events) == 2)
    assert seqs(reader.events) == [1, 2]
    await reader.stop()


async def test_a_feed_shows_its_own_thread_alone(house: House) -> None:
    """Neither other threads nor other tenants' threads of the same name come through."""
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await house.add(thread="thr_2")
    await house.add(tenant="other")
    await house.add()
    await until(lambda: reader.events)
    assert reader.names == ["a3"]
    await reader.stop()


@pytest.mark.parametrize(
    ("tenant", "thread", "cursor"),
    [
        ("acme", "thr_1", Cursor(2, "00000000")),
        ("acme", "thr_1", Cursor(4)),
        ("acme", "thr_9", Cursor(1)),
        ("other", "thr_1", Cursor(1)),
    ],
    ids=["another history", "beyond the end", "no such thread", "another tenant's thread"],
)
async def test_a_cursor_that_is_not_of_this_history_is_refused(
    house: House, tenant: str, thread: str, cursor: Cursor
) -> None:
    """It diverged: another event stands there, or none (F4)."""
    await house.add(3)
    with pytest.raises(Diverged, match="read again from the start"):
        await anext(house.feeds.thread(tenant, thread, after=cursor))


async def test_subscribers_that_have_caught_up_get_the_same_batch(house: House) -> None:
    """What one makes of a batch is there for all of them."""
    readers = [Reader(house.feeds.thread("acme", "thr_1")) for _ in range(5)]
    await until(lambda: house.feeds.stats.subscribers == 5)
    await turns(20)
    await house.add(events=3)
    await until(lambda: all(reader.events for reader in readers))
    assert len({id(reader.batches[0]) for reader in readers}) == 1
    readers[0].batches[0].memo["sse"] = b"data: ..."
    assert readers[4].batches[0].memo["sse"] == b"data: ..."
    for reader in readers:
        await reader.stop()


async def test_a_crowd_that_comes_at_once_shares_its_reads(house: House) -> None:
    """After a restart, viewers that stand at the same place cost one read of each page, not one each."""
    await house.add(9)
    readers = [Reader(house.feeds.thread("acme", "thr_1", after=Cursor(3))) for _ in range(20)]
    await until(lambda: all(len(reader.events) == 6 for reader in readers))
    assert house.log.reads.count(("read_thread", 3)) == 1
    assert house.log.reads.count(("read_thread", 6)) == 1
    assert len({id(reader.batches[0]) for reader in readers}) == 1
    for reader in readers:
        await reader.stop()


async def test_who_falls_behind_reads_the_log_and_then_goes_on_live(house: House) -> None:
    """A subscriber that has left the ring loses nothing, while another one stays live."""
    slow = house.feeds.thread("acme", "thr_1")
    quick = Reader(house.feeds.thread("acme", "thr_1"))
    await house.add()
    assert seqs(await take(slow, 1)) == [1]
    await until(lambda: quick.events)
    await turns(10)
    house.log.reads.clear()
    await house.add(20)
    await until(lambda: len(quick.events) == 21)
    assert house.log.reads == []
    assert seqs(await take(slow, 20)) == list(range(2, 22))
    assert ("read_thread", 1) in house.log.reads
    house.log.reads.clear()
    pending = asyncio.create_task(anext(slow))
    await turns(5)
    await house.add()
    assert seqs((await pending).events) == [22]
    assert house.log.reads == []
    assert seqs(quick.events) == list(range(1, 22 + 1))
    await slow.aclose()
    await quick.stop()


async def test_who_is_a_little_behind_is_served_from_memory(house: House) -> None:
    """Within the ring no read of the log is needed, also in the middle of a batch."""
    slow = house.feeds.thread("acme", "thr_1")
    await house.add()
    assert seqs(await take(slow, 1)) == [1]
    house.log.reads.clear()
    await house.add()
    await house.add(events=2)
    assert seqs(await take(slow, 3)) == [2, 3, 4]
    assert house.log.reads == []
    await slow.aclose()


@pytest.mark.parametrize("point", ["read_thread", "read"], ids=["before the read", "after the read"])
async def test_an_event_that_is_committed_while_a_subscriber_reads_comes_once(house: House, point: str) -> None:
    """Whether the page already holds it or not, an event that is published meanwhile is given exactly once."""
    await house.add(3)
    gate = house.log.hold(point)
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await gate.reached.wait()
    await house.add(2, events=2)
    gate.open()
    await until(lambda: len(reader.events) == 7)
    await house.add()
    await until(lambda: len(reader.events) == 8)
    assert seqs(reader.events) == list(range(1, 9))
    await reader.stop()


@pytest.mark.parametrize("point", ["wait", "waited"], ids=["before the position is known", "after it was asked"])
async def test_an_event_that_is_committed_while_the_first_subscriber_joins_comes_once(house: House, point: str) -> None:
    """Nothing falls between the shard's last position and the first live event."""
    await house.add(2)
    gate = house.log.hold(point)
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await gate.reached.wait()
    await house.add(2)
    gate.open()
    await until(lambda: len(reader.events) == 4)
    await house.add()
    await until(lambda: len(reader.events) == 5)
    assert seqs(reader.events) == list(range(1, 6))
    await reader.stop()


async def test_what_others_write_is_noticed(house: House) -> None:
    """Events that nobody published here come through the log's watch, in order with those that were."""
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await house.add()
    for _ in range(5):
        await house.add_elsewhere()
        await house.add_elsewhere(thread="thr_2")
        await house.add(2)
        await house.add(thread="thr_2")
    await until(lambda: len(reader.events) == 16)
    assert seqs(reader.events) == list(range(1, 17))
    await reader.stop()


async def test_what_a_dying_flush_has_stored_is_shown(house: House) -> None:
    """Where the acknowledgement was lost but not the event, viewers get it all the same, and once."""
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await house.add()
    house.log.fail("appended", ConnectionError("gone"))
    with pytest.raises(OutcomeUnknown):
        await house.committer.append(one("lost"))
    await until(lambda: len(reader.events) == 2)
    await house.committer.append(one("lost"))
    await house.add()
    await until(lambda: len(reader.events) == 3)
    assert reader.names == ["a1", "lost", "a2"]
    await reader.stop()


async def test_closing_the_feeds_ends_them_with_what_is_in_memory(house: House) -> None:
    """Waiting subscribers get what was just published, then their feeds stop; later ones are refused."""
    readers = [Reader(house.feeds.thread("acme", "thr_1")) for _ in range(3)]
    await until(lambda: house.feeds.stats.subscribers == 3)
    await turns(20)
    await house.add()
    await house.feeds.__aexit__(None, None, None)
    for reader in readers:
        await reader.task
        assert seqs(reader.events) == [1]
    with pytest.raises(LogClosed, match="async with"):
        await anext(house.feeds.thread("acme", "thr_1"))
    assert house.feeds.stats.subscribers == 0


async def test_closing_the_feeds_ends_a_subscriber_that_reads_the_log(house: House) -> None:
    """It neither hangs nor is it told of an error."""
    await house.add(8)
    gate = house.log.hold("read_thread")
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await gate.reached.wait()
    house.log.hold("read_thread").open()
    gate.open()
    second = house.log.hold("read_thread")
    await second.reached.wait()
    await house.feeds.__aexit__(None, None, None)
    await reader.task
    assert seqs(reader.events) == list(range(1, len(reader.events) + 1))


@pytest.mark.parametrize("point", ["wait", "read_thread", "read"])
async def test_closing_feeds_and_log_ends_a_subscriber_that_has_just_come(point: str) -> None:
    """Wherever it stands on its way in, its feed ends without an error."""
    async with GatedLog() as log:
        async with Feeds(log) as feeds:
            await log.append(0, [one("a")])
            gate = log.hold(point)
            reader = Reader(feeds.thread("acme", "thr_1"))
            await gate.reached.wait()
        await log.close()
        gate.open()
        await reader.task
        assert reader.events == []
    assert library_tasks() == set()


async def test_a_log_that_is_closed_under_running_feeds_is_an_error(house: House) -> None:
    """Subscribers are told that the log is closed, rather than that all is over."""
    await house.add()
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await until(lambda: reader.events)
    await turns(10)
    await house.log.close()
    await asyncio.wait([reader.task])
    assert isinstance(reader.task.exception(), LogClosed)


async def test_a_watch_that_somebody_cancels_is_told_to_its_subscribers(house: House) -> None:
    """They do not wait for what nobody would tell them any more."""
    reader = Reader(house.feeds.thread("acme", "thr_1"))
    await house.add()
    await until(lambda: reader.events)
    [watch] = [task for task in asyncio.all_tasks() if task.get_name() == "threadlog watch of shard 0"]
    watch.cancel()
    await asyncio.wait([reader.task])
    assert isinstance(reader.task.exception(), LogError)


async def test_the_last_subscriber_takes_everything_along(house: House) -> None:
    """However it ends, by closing, cancellation or being forgotten, no channel and no task is left."""
    closed = house.feeds.thread("acme", "thr_1")
    await house.add()
    await take(closed, 1)
    cancelled = Reader(house.feeds.thread("acme", "thr_2"))
    forgotten = house.feeds.thread("acme", "thr_1")
    await take(forgotten, 1)
    await until(lambda: house.feeds.stats.subscribers == 3)
    assert house.feeds.stats.channels == 2
    await closed.aclose()
    await cancelled.stop()
    assert house.feeds.stats.channels == 1
    del forgotten
    gc.collect()
    await until(lambda: house.feeds.stats.subscribers == 0)
    assert house.feeds.stats.channels == 0
    await until(lambda: library_tasks() == {"threadlog flusher 0"})


async def test_one_subscriber_that_leaves_disturbs_no_other(house: House) -> None:
    """Not while it waits, and not while a read that both need is on its way."""
    await house.add(4)
    gate = house.log.hold("read_thread")
    first, second = (Reader(house.feeds.thread("acme", "thr_1")) for _ in range(2))
    await gate.reached.wait()
    gate.open()
    gate = house.log.hold("read_thread")
    await gate.reached.wait()
    await turns(5)
    await first.stop()
    gate.open()
    await until(lambda: len(second.events) == 4)
    third = Reader(house.feeds.thread("acme", "thr_1", after=None))
    await turns(20)
    await third.stop()
    await house.add()
    await until(lambda: len(second.events) == 5)
    assert seqs(second.events) == [1, 2, 3, 4, 5]
    await second.stop()


async def test_a_feed_that_is_never_read_costs_nothing(house: House) -> None:
    """Until its first `anext` it is no subscriber."""
    feed = house.feeds.thread("acme", "thr_1")
    assert house.feeds.stats == FeedStats(0, 0, 0, 0)
    await feed.aclose()


async def test_a_read_error_goes_to_its_subscriber_alone(house: House) -> None:
    """Others stay live, and a new subscription starts afresh."""
    await house.add(2)
    live = Reader(house.feeds.thread("acme", "thr_1", after=Cursor(2)))
    await until(lambda: house.feeds.stats.resumed == 1)
    house.log.fail("read_thread", LogError("the disk does not answer."))
    with pytest.raises(LogError, match="does not answer"):
        await anext(house.feeds.thread("acme", "thr_1"))
    again = house.feeds.thread("acme", "thr_1")
    assert seqs(await take(again, 2)) == [1, 2]
    await house.add()
    await until(lambda: live.events)
    await again.aclose()
    await live.stop()


async def test_a_shared_read_that_fails_gives_each_reader_its_own_error(house: House) -> None:
    """One page for two; both are told."""
    await house.add(2)
    gate = house.log.hold("read_thread")
    readers = [Reader(house.feeds.thread("acme", "thr_1")) for _ in range(2)]
    await gate.reached.wait()
    gate.open()
    gate = house.log.hold("read_thread")
    await gate.reached.wait()
    await turns(5)
    house.log.fail("read_thread", LogError("the disk does not answer."))
    gate.open()
    await asyncio.wait([reader.task for reader in readers])
    first, second = (reader.task.exception() for reader in readers)
    assert isinstance(first, LogError)
    assert isinstance(second, LogError)
    assert first is not second


@pytest.mark.parametrize("error", [LogError("the connection is gone."), OSError("gone")], ids=["ours", "a driver's"])
async def test_a_watch_that_fails_is_told_to_all_subscribers_of_the_shard(house: House, error: Exception) -> None:
    """They end with an error rather than in silence; who subscribes again is served."""
    readers = [Reader(house.feeds.thread("acme", f"thr_{number}")) for number in range(3)]
    await until(lambda: house.feeds.stats.subscribers == 3)
    await turns(20)
    house.log.fail("wait", error)
    await house.add_elsewhere()
    await asyncio.wait([reader.task for reader in readers])
    told = [reader.task.exception() for reader in readers]
    assert all(isinstance(each, LogError) for each in told)
    assert len({id(each) for each in told}) == 3
    feed = house.feeds.thread("acme", "thr_1")
    assert seqs(await take(feed, 1)) == [1]
    await feed.aclose()


async def test_a_log_that_skips_a_seq_is_not_believed(house: House) -> None:
    """A gap in a thread is an error that names the place, never a silent loss."""

    class Lossy(GatedLog):
        async def read_thread(self, *args: object, **options: object) -> ThreadPage:
            page = await super().read_thread(*args, **options)  # type: ignore[arg-type]
            return ThreadPage(tuple(event for event in page.events if event.seq != 2), page.last_seq)

    async with Lossy() as log, Feeds(log, bounds=QUICK) as feeds:
        await log.append(0, [one("a"), one("b"), one("c")])
        with pytest.raises(LogCorrupt, match="number 1") as caught:
            await take(feeds.thread("acme", "thr_1"), 3)
        assert "thr_1" in caught.value.place


async def test_a_log_that_announces_what_it_does_not_give_is_not_believed(house: House) -> None:
    """A watch that promises positions which cannot be read ends the feeds; it does not spin."""

    class Promising(GatedLog):
        async def wait(self, shard: int, *, after: int, timeout: float) -> int:
            last = await super().wait(shard, after=after, timeout=timeout)
            return last + 1 if after else last

    async with Promising() as log, Feeds(log, bounds=QUICK) as feeds:
        await log.append(0, [one("a")])
        reader = Reader(feeds.thread("acme", "thr_1"))
        await until(lambda: reader.events)
        await log.append(0, [one("b")])
        await asyncio.wait([reader.task])
        assert isinstance(reader.task.exception(), LogCorrupt)


async def test_stats_tell_what_feeds_do(house: House) -> None:
    """Subscribers, channels, resumed subscriptions and deliveries."""
    events = await house.add(3)
    readers = [
        Reader(house.feeds.thread("acme", "thr_1")),
        Reader(house.feeds.thread("acme", "thr_1", after=Cursor.of(events[0]))),
        Reader(house.feeds.thread("acme", "thr_2")),
    ]
    await until(lambda: len(readers[0].events) == 3 and len(readers[1].events) == 2)
    assert house.feeds.stats == FeedStats(subscribers=3, channels=2, resumed=1, delivered=5)
    for reader in readers:
        await reader.stop()
    assert house.feeds.stats == FeedStats(subscribers=0, channels=0, resumed=1, delivered=5)
