"""Many writers, readers and stores at once, checked from what they saw."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from store.material import answer, delta, gather, user
from threadlog.log import EventLog, Expect, open_log
from threadlog.model import NoticeEvent, ThreadEvent
from threadlog.projection import CacheBounds, ThreadState
from threadlog.store import Principal, StoreBounds, StoreConflict, ThreadStore

pytestmark = pytest.mark.anyio


def notice(text: str) -> NoticeEvent:
    """An event that says something."""
    return NoticeEvent(level="info", message=text)


def said(data: bytes) -> str:
    """What it says."""
    message: str = json.loads(data).get("message", "")
    return message


async def test_two_stores_on_one_log_lose_no_decision(log: EventLog, alice: Principal) -> None:
    """Each decision is made for exactly the thread that it is added to, whichever store it went through."""
    async with ThreadStore(log) as here, ThreadStore(log) as there:
        thread = (await here.create_thread(alice)).id

        def count(state: ThreadState) -> Sequence[ThreadEvent]:
            return [notice(str(state.seq + 1))]

        async def work(store: ThreadStore) -> None:
            for _ in range(10):
                try:
                    await store.decide(alice, thread, count)
                except StoreConflict:  # the number of tries is bounded, and this is a crowd
                    await asyncio.sleep(0)

        await asyncio.gather(*(work(store) for store in (here, there) for _ in range(4)))
        events = (await here.read_events(alice, thread, limit=1000)).events[1:]
        assert [said(event.data) for event in events] == [str(event.seq) for event in events]
        assert len(events) >= 70
        assert await here.state(alice, thread) == await there.state(alice, thread)


async def test_exact_writers_that_race_share_the_seqs_between_them(log: EventLog, alice: Principal) -> None:
    """For each expected seq one append is stored, and everybody else is told where the thread is."""
    async with ThreadStore(log) as here, ThreadStore(log) as there:
        thread = (await here.create_thread(alice)).id
        won: Counter[int] = Counter()

        async def race(store: ThreadStore, name: str) -> None:
            seq = 1
            while seq < 25:
                try:
                    outcome = await store.append(alice, thread, [notice(name)], expected=seq)
                except StoreConflict as conflict:
                    seq = max(seq + 1, conflict.current_seq)
                else:
                    won[outcome.next_expected] += 1
                    seq = outcome.next_expected

        await asyncio.gather(*(race(store, f"w{n}") for n, store in enumerate((here, there, here, there))))
        assert set(won.values()) == {1}
        assert sorted(won) == list(range(2, max(won) + 1))
        assert (await here.state(alice, thread)).seq == max(won)


async def test_readers_see_every_state_once_in_order_while_writers_write(log: EventLog, alice: Principal) -> None:
    """Any state that a reader is given is the fold of the events up to its seq, and seqs never go back."""
    bounds = StoreBounds(cache=CacheBounds(bytes=5_000, pending_events=7, snapshot_events=10))
    async with ThreadStore(log, bounds=bounds) as store, ThreadStore(log) as other:
        threads = [(await store.create_thread(alice)).id for _ in range(4)]
        seen: dict[str, list[ThreadState]] = {thread: [] for thread in threads}
        writing = 0

        async def write(thread: str) -> None:
            nonlocal writing
            writing += 1
            random_ = random.Random(thread)
            await store.append(alice, thread, answer(thread), expected=1)
            for number in range(60):
                by = random_.choice([store, other])
                events: list[ThreadEvent] = [delta("msg_2", chr(97 + number % 26))]
                await by.append(alice, thread, events * random_.randint(1, 3), expected=Expect.THREAD_EXISTS)
            writing -= 1

        async def read(thread: str) -> None:
            while writing or not seen[thread]:
                seen[thread].append(await store.state(alice, thread))
                await asyncio.sleep(0)

        await asyncio.gather(*(work(thread) for thread in threads for work in (write, read, read)))
        for thread in threads:
            events = (await log.read_thread("acme", thread, limit=1000)).events
            for state in seen[thread]:
                expected = ThreadState.fold(events[: state.seq]).seen_by(alice.audience)
                assert state == expected
            assert (await store.state(alice, thread)).seq == len(events)


async def test_a_crowd_of_followers_and_writers_agree_on_every_event(log: EventLog, alice: Principal) -> None:
    """Wherever they joined and whichever store they follow, all see the same events in the same order."""
    async with ThreadStore(log) as here, ThreadStore(log) as there:
        thread = (await here.create_thread(alice)).id
        total = 1 + 3 * 30
        followers = [asyncio.create_task(gather(store.follow(alice, thread), total)) for store in (here, there) * 3]

        async def write(store: ThreadStore, name: str) -> None:
            for number in range(30):
                await store.append(alice, thread, [notice(f"{name}{number}")], expected=Expect.ANY)

        await asyncio.gather(write(here, "a"), write(there, "b"), write(here, "c"))
        late = await gather(here.follow(alice, thread), total)
        for found in await asyncio.gather(*followers):
            assert [event.id for event in found] == [event.id for event in late]
        for name in "abc":
            mine = [said(event.data) for event in late if said(event.data).startswith(name)]
            assert mine == [f"{name}{number}" for number in range(30)]


async def test_cancelling_at_any_moment_leaves_all_or_nothing(log: EventLog, alice: Principal) -> None:
    """Whenever a caller is cancelled, its append is there whole or not at all, and the thread goes on."""
    async with ThreadStore(log) as store:
        thread = (await store.create_thread(alice)).id
        for steps in range(40):
            task = asyncio.create_task(
                store.append(alice, thread, [notice(f"{steps}"), notice(f"{steps}")], expected=Expect.ANY)
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.committer.drain()
        state = await store.state(alice, thread)
        events = (await store.read_events(alice, thread, limit=1000)).events
        counts = Counter(said(event.data) for event in events[1:])
        assert set(counts.values()) <= {2}
        assert state.seq == len(events)
        await store.add_thread_item(alice, thread, user(thread))


WRITER = """
import asyncio, sys
from threadlog import Principal, open_store
from threadlog.model import NoticeEvent

async def main(url, thread):
    alice = Principal("acme", "alice")
    async with open_store(url) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        seq = 1
        for number in range(200):
            event = NoticeEvent(level="info", message=str(number))
            seq = (await store.append(alice, thread, [event], expected=seq)).next_expected
        sys.stdin.readline()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_reader_in_another_process_follows_the_writer(tmp_path: Path, alice: Principal) -> None:
    """Beside a process that writes, a store that was opened for reading gives every event once, and the same state."""
    url = f"file:{tmp_path / 'log'}"
    async with open_log(url) as log, ThreadStore(log) as store:
        thread = (await store.create_thread(alice)).id
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, thread, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        async with open_log(url, read_only=True) as log, ThreadStore(log) as reader:
            process.stdin.write(b"go\n")
            found = await gather(reader.follow(alice, thread), 201)
            assert [event.seq for event in found] == list(range(1, 202))
            state = await reader.state(alice, thread)
            assert state.seq == 201
    finally:
        process.stdin.close()
        await process.wait()
