"""`verify`, `repair` and `backup`: care of a log, whole and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from commands import Run
from threadlog.cli.folding import check_folds
from threadlog.log import Append, EventLog, Expect, Limits, NewEvent, ShardPage, Snapshot
from threadlog.log.memory import MemoryLog
from threadlog.model import default_registry
from threadlog.projection import PROJECTION, VERSION, ThreadState


def segment_of(log: str) -> Path:
    """The file of a log that holds its events."""
    return max(Path(log.removeprefix("file:")).rglob("*.seg"), key=lambda path: path.stat().st_size)


def damage(log: str) -> None:
    """Change a byte in the middle of what is stored."""
    segment = segment_of(log)
    data = bytearray(segment.read_bytes())
    data[data.index(b"msg_1")] ^= 1
    segment.write_bytes(data)


def test_whole_log_verifies(here: Run, log: str) -> None:
    """A whole log is said to be well, with what was counted, for people and for programs."""
    assert here("verify", "--log", log).out == "7 events, 3 threads, 0 snapshots: all is well\n"
    report = json.loads(here("verify", "--log", log, "--json").out)
    assert report == {"ok": True, "events": 7, "threads": 3, "snapshots": 0, "findings": []}


def test_damage_is_named_with_its_place(here: Run, log: str) -> None:
    """A changed byte is exit code 5, and the place is named; the log is not changed by looking."""
    damage(log)
    before = segment_of(log).read_bytes()
    done = here("verify", "--log", log, code=5)
    assert segment_of(log).name in done.out
    report = json.loads(here("verify", "--log", log, "--json", code=5).out)
    assert not report["ok"]
    assert report["findings"][0]["level"] == "error"
    assert segment_of(log).read_bytes() == before


def test_repair_makes_it_usable_again(here: Run, log: str, tmp_path: Path) -> None:
    """After a repair the log verifies, can be written to, and what was unreadable is still somewhere."""
    damage(log)
    here("repair", "--log", log)
    assert here("verify", "--log", log).out.endswith("all is well\n")
    run = tmp_path / "run"
    run.write_text('{"id": "a", "messages": []}')
    here("import", str(run), "--log", log)


def test_backup_is_a_log_of_its_own(here: Run, log: str, tmp_path: Path) -> None:
    """A copy holds the same threads; a place where something is already is refused."""
    copy = f"{tmp_path}/copy"
    here("backup", copy, "--log", log)
    assert here("export", "--log", f"file:{copy}").out == here("export", "--log", log).out
    assert copy in here("backup", copy, "--log", log, code=2).err


def test_no_maintenance_is_told(here: Run) -> None:
    """Where the storage's plugin offers no repair, the sentence says so."""
    assert "no maintenance" in here("repair", "--log", "memory:", code=1).err


async def stored(events: int) -> MemoryLog:
    """An open log with a thread of some progress updates, and a true snapshot in the middle."""
    log = MemoryLog(limits=Limits(append_events=events))
    await log.open()
    new = [NewEvent("thread.created", _created())] + [
        NewEvent("progress_update", b'{"type":"progress_update","text":"x"}') for _ in range(events - 1)
    ]
    append = Append(tenant="t", thread_id="thr", append_id="a", expected=Expect.NO_THREAD, events=tuple(new))
    await log.append(log.shard_of("t"), [append])
    return log


def _created() -> bytes:
    thread = {"id": "thr", "title": "T", "created_at": "2026-01-01T00:00:00Z", "status": {"type": "active"}}
    return json.dumps({"type": "thread.created", "thread": {**thread, "items": {"data": []}}}).encode()


async def snapshot(log: MemoryLog, seq: int, **changes: object) -> None:
    """Keep a snapshot of the thread at a seq, changed in some fields."""
    page = await log.read_thread("t", "thr", limit=seq)
    state = ThreadState.fold(page.events)
    values = {"seq": seq, "check": page.events[-1].check, "state": state.to_json()} | changes
    await log.save_snapshot(
        Snapshot(tenant="t", thread_id="thr", projection=PROJECTION, version=VERSION, **values)  # type: ignore[arg-type]
    )


async def findings(log: EventLog) -> list[str]:
    """What the check of folds finds."""
    check = await check_folds(log, default_registry(), lambda _done, _total: None)
    return [f"{found.place}: {found.message}" for found in check.findings]


@pytest.mark.anyio
async def test_true_snapshot_is_fine() -> None:
    """A snapshot and the events after it give what all events give, over many pages."""
    log = await stored(2500)
    await snapshot(log, 700)
    assert await findings(log) == []


@pytest.mark.anyio
async def test_snapshot_that_tells_something_else_is_found() -> None:
    """A snapshot whose state does not follow from the events is found, whatever comes after it."""
    log = await stored(5)
    page = await log.read_thread("t", "thr", limit=3)
    wrong = ThreadState.fold(page.events).to_json().replace(b'"T"', b'"X"')
    await snapshot(log, 3, state=wrong)
    assert "another state" in (await findings(log))[0]


@pytest.mark.anyio
async def test_snapshot_of_another_history_is_found() -> None:
    """A snapshot that stands on another event than the log's is found, and so is one that cannot be read."""
    log = await stored(5)
    await snapshot(log, 3, check="00000000")
    assert "another history" in (await findings(log))[0]
    log = await stored(5)
    await snapshot(log, 3, state=b"{")
    assert "unreadable" in (await findings(log))[0]


class Forgetful(MemoryLog):
    """A log whose shard has lost an event."""

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        """Read a page without its third event."""
        page = await super().read_shard(shard, after=after, limit=limit, tenant=tenant)
        return ShardPage(page.events[:2] + page.events[3:], page.looked_to, page.last_position)


@pytest.mark.anyio
async def test_missing_event_is_found() -> None:
    """A hole in positions and seqs is found, with its place."""
    whole = await stored(5)
    log = Forgetful()
    await log.open()
    shard = whole.shard_of("t")
    await log.restore(shard, (await whole.read_shard(shard)).events)
    found = await findings(log)
    assert f"shard {shard} position 4: it follows position 2" in found
    assert "tenant t thread thr seq 4: it follows seq 2" in found


def test_verify_tells_a_state_that_does_not_follow(here: Run, log: str) -> None:
    """A false snapshot is exit code 1, apart from damage."""
    from threadlog.log.loading import open_log

    async def falsify() -> None:
        async with open_log(log) as opened:
            page = await opened.read_thread("default", "thr_one")
            state = ThreadState.fold(page.events).to_json().replace(b"msg_2", b"msg_9")
            last = page.events[-1]
            await opened.save_snapshot(
                Snapshot(
                    tenant="default",
                    thread_id="thr_one",
                    projection=PROJECTION,
                    version=VERSION,
                    seq=last.seq,
                    check=last.check,
                    state=state,
                )
            )

    anyio.run(falsify)
    done = here("verify", "--log", log, code=1)
    assert "thr_one" in done.out
    assert "1 snapshot" in done.out
