"""What a crash leaves: runs that nobody ended, found by the journal and ended when a server starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from runs.world import World, said
from threadlog import open_store
from threadlog.log import Cursor
from threadlog.log.memory import MemoryLog
from threadlog.model import RunStarted, ThreadItemAddedEvent, UserMessageItem
from threadlog.runs import AgentContext, Runner
from threadlog.runs.journal import OpenRun, RunJournal
from threadlog.store import Principal, ThreadStore

pytestmark = pytest.mark.anyio

ALICE = Principal("acme", "alice")
DYING = """
import asyncio, sys
from threadlog import open_store
from threadlog.runs import Runner
from threadlog.store import Principal

async def endless(context, message):
    async with context.message() as answer:
        for number in range(1_000_000):
            await answer.write(f"{number} ")
            await asyncio.sleep(0)

async def main():
    alice = Principal("acme", "alice")
    async with open_store(sys.argv[1]) as store:
        thread = await store.create_thread(alice)
        async with Runner(store, endless) as runner:
            await runner.start(alice, thread.id, "count")
            async for batch in store.follow(alice, thread.id):
                for event in batch.events:
                    print(thread.id, event.seq, event.id, flush=True)

asyncio.run(main())
"""


async def echo(context: AgentContext[Any], message: UserMessageItem) -> None:
    """Answer at once."""
    await context.say("here I am")


async def killed_server(folder: Path) -> tuple[str, dict[int, str]]:
    """Run a server that streams, kill it with SIGKILL, and give what a viewer had seen: ids by seq."""
    command = [sys.executable, "-c", DYING, f"file:{folder}"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    seen, thread_id = {}, ""
    while len(seen) < 50:
        thread_id, seq, event_id = (await process.stdout.readline()).decode().split()
        seen[int(seq)] = event_id
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()
    return thread_id, seen


async def test_after_kill_minus_nine_the_run_is_interrupted_and_keeps_what_was_shown(tmp_path: Path) -> None:
    """The next server records the crash; all that was shown is in the log, and a viewer sees how it ended."""
    thread_id, seen = await killed_server(tmp_path / "log")
    async with open_store(f"file:{tmp_path / 'log'}") as store:
        async with Runner(store, echo) as runner:
            events = [*(await store.read_events(ALICE, thread_id, limit=1000)).events]
            ids = {event.seq: event.id for event in events}
            assert {seq: ids[seq] for seq in seen if seq in ids} == {
                seq: name for seq, name in seen.items() if seq in ids
            }
            state = await store.state(ALICE, thread_id)
            (run,) = state.runs.values()
            assert (run.status, run.reason) == ("interrupted", "crash")
            assert said(state)[0].startswith("0 1 2 ")
            assert state.items[-1].type == "end_of_turn"
            again = await runner.start(ALICE, thread_id, "go on")
            await runner.wait(again.run_id)
        last = max(seen)
        page = await store.read_events(ALICE, thread_id, after=Cursor(last, seen[last][-8:]), limit=1000)
        assert [event.seq for event in page.events][:1] == [last + 1]


async def open_run(world: World, thread_id: str, run_id: str) -> None:
    """Leave what a crash would: a run that has begun a message, and its line in the journal."""
    run = OpenRun(tenant="acme", thread_id=thread_id, run_id=run_id, user="alice", agent="agent", until_us=2**60)
    await RunJournal(world.store.log, world.store.committer).opened(run)
    seq = (await world.state(thread_id)).seq
    started = RunStarted(run_id=run_id, agent="agent")
    await world.store.append(world.alice, thread_id, [started], expected=seq, run_id=run_id)


async def test_recovery_ends_open_runs_of_all_tenants_once(world: World) -> None:
    """Every open run is ended exactly once, however often recovery runs."""
    threads = [await world.thread() for _ in range(3)]
    for number, thread_id in enumerate(threads):
        await open_run(world, thread_id, f"run_{number}")
    async with world.runner(echo) as runner:
        assert await runner.recover() == 0, "entering the runner has done it"
    for thread_id in threads:
        state = await world.state(thread_id)
        assert [run.status for run in state.runs.values()] == ["interrupted"]
        assert (await world.types(thread_id)).count("run.interrupted") == 1
    assert await RunJournal(world.store.log, world.store.committer).open_runs() == []


async def test_a_run_that_never_began_is_forgotten(world: World) -> None:
    """A crash between the journal and the thread leaves nothing to end, and the thread untouched."""
    thread_id = await world.thread()
    run = OpenRun(tenant="acme", thread_id=thread_id, run_id="run_x", user="alice", agent="agent", until_us=2**60)
    await RunJournal(world.store.log, world.store.committer).opened(run)
    async with world.runner(echo):
        pass
    assert await world.types(thread_id) == ["thread.created"]
    assert await RunJournal(world.store.log, world.store.committer).open_runs() == []


async def test_a_deleted_thread_does_not_stop_recovery(world: World) -> None:
    """A thread that was deleted with its run open is passed over; the next one is ended."""
    gone, kept = await world.thread(), await world.thread()
    await open_run(world, gone, "run_gone")
    await open_run(world, kept, "run_kept")
    await world.store.delete_thread(world.alice, gone)
    async with world.runner(echo):
        pass
    assert (await world.state(kept)).runs["run_kept"].status == "interrupted"


async def test_a_dead_run_outside_the_journal_does_not_block_its_thread(world: World) -> None:
    """An open run that no process works on is ended when the next message comes."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        seq = (await world.state(thread_id)).seq
        lost = RunStarted(run_id="run_lost", agent="other")
        await world.store.append(world.alice, thread_id, [lost], expected=seq, run_id="run_lost")
        run = await runner.start(world.alice, thread_id, "hello")
        await runner.wait(run.run_id)
    state = await world.state(thread_id)
    assert [run.status for run in state.runs.values()] == ["interrupted", "completed"]


async def test_a_dead_run_can_be_cancelled(world: World) -> None:
    """Cancelling a run that nobody works on ends it at once."""
    thread_id = await world.thread()
    async with world.runner(echo) as runner:
        seq = (await world.state(thread_id)).seq
        lost = RunStarted(run_id="run_lost", agent="other")
        await world.store.append(world.alice, thread_id, [lost], expected=seq, run_id="run_lost")
        assert (await runner.cancel(world.alice, thread_id)).status == "cancelled"


async def test_the_journal_is_read_from_its_snapshot(world: World) -> None:
    """After a thousand runs recovery reads a snapshot and what came after; the open ones are still known."""
    journal = RunJournal(world.store.log, world.store.committer)
    kept = OpenRun(tenant="t", thread_id="thr", run_id="run_kept", user="u", agent="a", until_us=0)
    await journal.opened(kept)
    for number in range(1_000):
        run = OpenRun(tenant="t", thread_id="thr", run_id=f"run_{number}", user="u", agent="a", until_us=0)
        await asyncio.gather(journal.opened(run), journal.closed(run.run_id))
    snapshot = await world.store.log.load_snapshot("~threadlog", "runs", "open-runs", 1)
    assert snapshot is not None
    assert snapshot.seq >= 2_000
    assert await RunJournal(world.store.log, world.store.committer).open_runs() == [kept]


async def test_items_that_were_open_at_the_crash_are_closed(world: World) -> None:
    """A message that was being written is completed with the text that it has."""
    from threadlog.model import AssistantMessageContent, AssistantMessageItem

    thread_id = await world.thread()
    await open_run(world, thread_id, "run_x")
    state = await world.state(thread_id)
    assert state.metadata is not None
    half = AssistantMessageItem(
        id="msg_half",
        thread_id=thread_id,
        created_at=state.metadata.created_at,
        content=[AssistantMessageContent(text="half")],
    )
    await world.store.append(world.alice, thread_id, [ThreadItemAddedEvent(item=half)], expected=state.seq)
    async with world.runner(echo):
        pass
    state = await world.state(thread_id)
    assert said(state) == ["half"]
    assert not state.open_item_ids


async def test_a_log_that_others_write_to_keeps_their_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where other processes write, only runs past their own deadline are ended."""
    from msgspec.structs import replace

    from threadlog.log import Capability, LogInfo

    class SharedLog(MemoryLog):
        @property
        def info(self) -> LogInfo:
            """As the memory log's, with other writers."""
            return replace(super().info, capabilities=frozenset({Capability.OTHER_WRITERS}))

    log = SharedLog()
    async with log, ThreadStore(log) as store:
        world = World(store)
        late, alive = await world.thread(), await world.thread()
        for thread_id, until in ((late, 1), (alive, 2**60)):
            run_id = f"run_of_{thread_id}"
            entry = OpenRun(tenant="acme", thread_id=thread_id, run_id=run_id, user="alice", agent="a", until_us=until)
            await RunJournal(log, store.committer).opened(entry)
            started = RunStarted(run_id=run_id, agent="a")
            await store.append(world.alice, thread_id, [started], expected=1, run_id=run_id)
        async with world.runner(echo):
            pass
        assert (await world.state(late)).active_run is None
        assert (await world.state(alive)).active_run is not None
