"""Verify, repair and backup of a log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from file.logs import PLAIN, SMALL, append, everything, fill, opened, segments, threads_of
from threadlog.log import Event, LogCorrupt, LogLocked, LogNotFound, LogURL, find_plugin
from threadlog_file import FileLog, FileMaintenance

pytestmark = pytest.mark.anyio


def care(path: Path) -> FileMaintenance:
    """Maintenance of a log of small segments."""
    return FileMaintenance(str(path), SMALL)


def flip(file: Path, at: int) -> None:
    """Flip one bit."""
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def offset_of(file: Path, event: Event) -> int:
    """Where an event's id stands in a segment."""
    return file.read_bytes().index(event.id.encode())


async def test_a_whole_log_is_whole(tmp_path: Path) -> None:
    """Nothing is found in a good log; progress reaches its end."""
    events = await fill(tmp_path / "log", 40, SMALL)
    steps: list[tuple[int, int]] = []
    report = care(tmp_path / "log").verify(lambda done, total: steps.append((done, total)))
    assert (report.ok, report.events, report.findings) == (True, len(events), ())
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] >= steps[-1][1] * 0.9


async def test_the_plugin_offers_maintenance(tmp_path: Path) -> None:
    """It comes through the same door as the log."""
    await fill(tmp_path / "log", 2)
    url = LogURL(f"file:{tmp_path}/log")
    assert find_plugin("file").make_maintenance(url).verify().ok
    with pytest.raises(LogNotFound):
        find_plugin("file").make_maintenance(LogURL(f"file:{tmp_path}/none")).verify()


async def test_verify_runs_beside_a_writer(tmp_path: Path) -> None:
    """Verifying takes no lock and looks at what was acknowledged when it began."""
    async with opened(tmp_path / "log", SMALL) as log:
        for number in range(30):
            await log.append(0, [append(number)])
            report = care(tmp_path / "log").verify()
            assert (report.ok, report.events) == (True, number + 1)


async def test_every_damaged_place_is_found(tmp_path: Path) -> None:
    """Flips in several segments are all named, with the frame that each is in."""
    events = await fill(tmp_path / "log", 60, SMALL)
    places = []
    for segment in segments(tmp_path / "log")[1:4]:
        first = int(segment.name.split("-")[1][:16])
        at = offset_of(segment, events[first + 1])
        flip(segment, at)
        places.append((segment.name, at))
    report = care(tmp_path / "log").verify()
    assert not report.ok
    assert len(report.findings) == 3
    for finding, (name, at) in zip(report.findings, places, strict=True):
        start, end = map(int, finding.place.removeprefix(f"{name} bytes ").split("-"))
        assert start <= at <= end
        assert finding.level == "error"
        assert "position" in finding.message


async def test_a_damaged_index_is_a_warning(tmp_path: Path) -> None:
    """Indexes can be made anew: damage in one is told and the log is sound."""
    await fill(tmp_path / "log", 30, SMALL)
    index = min((tmp_path / "log").glob("*.idx"))
    flip(index, index.stat().st_size - 5)
    report = care(tmp_path / "log").verify()
    assert report.ok
    assert [(finding.level, finding.place) for finding in report.findings] == [("warning", index.name)]
    care(tmp_path / "log").repair()
    assert care(tmp_path / "log").verify().findings == ()


async def test_repair_of_a_good_log_changes_nothing(tmp_path: Path) -> None:
    """It stays byte for byte."""
    await fill(tmp_path / "log", 40, SMALL)
    before = {file.name: file.read_bytes() for file in (tmp_path / "log").iterdir()}
    report = care(tmp_path / "log").repair()
    assert (report.ok, report.findings) == (True, ())
    assert {file.name: file.read_bytes() for file in (tmp_path / "log").iterdir()} == before


async def test_repair_sets_damage_aside(tmp_path: Path) -> None:
    """After a repair the log can be written; all other events are as they were, each lost one has left its mark."""
    path = tmp_path / "log"
    events = await fill(path, 60, SMALL)
    damaged: set[int] = set()
    wholes = {}
    for segment in segments(path)[1:3]:
        first = int(segment.name.split("-")[1][:16])
        victim = events[first + 3]
        wholes[segment.name] = segment
        flip(segment, offset_of(segment, victim))
        damaged |= {event.position for event in events if event.append_id == victim.append_id}
    bytes_before = {name: file.read_bytes() for name, file in wholes.items()}
    report = care(path).repair()
    assert report.ok
    assert report.events == len(events)
    assert {name: (path / "aside" / name).read_bytes() for name in wholes} == bytes_before
    async with opened(path, SMALL) as log:
        now = await everything(log)
        assert [event for event in now if event.position not in damaged] == [
            event for event in events if event.position not in damaged
        ]
        lost = [event for event in now if event.position in damaged]
        assert {event.type for event in lost} == {"log.lost"}
        assert [(event.thread_id, event.seq) for event in lost] == [
            (event.thread_id, event.seq) for event in events if event.position in damaged
        ]
        assert await threads_of(log, now) == now
        await log.append(0, [append(999, thread="t0")])
    assert care(path).verify().ok


async def test_lost_last_events_get_a_thread_of_their_own(tmp_path: Path) -> None:
    """Of a thread whose last events are lost nothing tells how many there were; their positions stay taken."""
    path = tmp_path / "log"
    events = await fill(path, 3)
    (segment,) = segments(path)
    flip(segment, offset_of(segment, events[-1]))
    with pytest.raises(LogCorrupt):
        await FileLog(str(path)).open()
    assert care(path).repair().ok
    async with opened(path) as log:
        now = await everything(log)
        assert len(now) == len(events)
        assert {event.tenant for event in now[3:]} == {"threadlog-lost"}
        assert [event.seq for event in now[3:]] == [1, 2, 3]
        (outcome,) = await log.append(0, [append(50)])
        assert outcome.events[0].position == len(events) + 1


@pytest.mark.parametrize("which", [0, 2, -1])
async def test_a_missing_segment_is_mended(tmp_path: Path, which: int) -> None:
    """A segment that is gone is replaced by one that says so."""
    path = tmp_path / "log"
    events = await fill(path, 60, SMALL)
    gone = segments(path)[which]
    gone.unlink()
    report = care(path).repair()
    assert report.ok, report.findings
    async with opened(path, SMALL) as log:
        now = await everything(log)
        assert len(now) == len(events)
        kept = [(old, new) for old, new in zip(events, now, strict=True) if new.type != "log.lost"]
        assert all(old == new for old, new in kept)
        assert 0 < len(kept) < len(events)
        assert await threads_of(log, now) == now


@pytest.mark.parametrize("name", ["MANIFEST", "WATERMARK"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
async def test_lost_small_files_are_made_anew(tmp_path: Path, name: str, how: str) -> None:
    """What MANIFEST and WATERMARK said is found out from the segments."""
    path = tmp_path / "log"
    events = await fill(path, 30, SMALL)
    async with opened(path, SMALL) as log:
        log_id = log.info.log_id
    if how == "missing":
        (path / name).unlink()
    else:
        (path / name).write_bytes(os.urandom(4096 if name == "WATERMARK" else 256))
    report = care(path).verify()
    assert not report.ok
    assert any(finding.place.startswith(name) for finding in report.findings)
    assert care(path).repair().ok
    async with opened(path, SMALL) as log:
        assert log.info.log_id == log_id
        assert await everything(log) == events


async def test_repair_needs_the_writers_place(tmp_path: Path) -> None:
    """While a writer runs, nothing is repaired."""
    async with opened(tmp_path / "log") as log:
        await log.append(0, [append(1)])
        with pytest.raises(LogLocked):
            care(tmp_path / "log").repair()


async def test_a_torn_tail_is_told_and_repaired(tmp_path: Path) -> None:
    """Verify mentions what stands behind the watermark; repair does what opening for writing would."""
    path = tmp_path / "log"
    events = await fill(path, 4)
    with segments(path)[0].open("ab") as file:
        file.write(b'{"frame":1,"shard":0,"fir')
    report = care(path).verify()
    assert report.ok
    assert [finding.level for finding in report.findings] == ["info"]
    assert care(path).repair().ok
    assert (path / "aside").exists()
    async with opened(path) as log:
        assert await everything(log) == events


async def test_a_backup_is_a_log_of_the_same_history(tmp_path: Path) -> None:
    """A copy made while a writer writes opens by itself, and both go their own way."""
    path = tmp_path / "log"
    steps: list[tuple[int, int]] = []
    async with opened(path, SMALL) as log:
        for number in range(40):
            await log.append(0, [append(number, thread=f"t{number % 3}")])
        report = care(path).backup(str(tmp_path / "copy"), lambda done, total: steps.append((done, total)))
        assert (report.ok, report.events, report.findings) == (True, 40, ())
        assert steps
        await log.append(0, [append(99)])
        events = await everything(log)
        log_id = log.info.log_id
    async with opened(tmp_path / "copy", SMALL) as copy:
        assert copy.info.log_id == log_id
        assert await everything(copy) == events[:40]
        await copy.append(0, [append(100)])
    async with opened(path, SMALL) as log:
        assert await everything(log) == events
    assert care(tmp_path / "copy").verify().findings == ()


async def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    """A destination that is there is refused, and a failed backup leaves nothing."""
    await fill(tmp_path / "log", 3)
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileExistsError):
        care(tmp_path / "log").backup(str(tmp_path / "taken"))
    with pytest.raises(LogNotFound):
        care(tmp_path / "none").backup(str(tmp_path / "copy"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "taken"]


async def test_a_backup_tells_of_damage(tmp_path: Path) -> None:
    """A damaged log is copied as it is, and the report says where."""
    events = await fill(tmp_path / "log", 40, SMALL)
    segment = segments(tmp_path / "log")[1]
    first = int(segment.name.split("-")[1][:16])
    flip(segment, offset_of(segment, events[first]))
    report = care(tmp_path / "log").backup(str(tmp_path / "copy"))
    assert not report.ok
    assert report.findings[0].place.startswith(segment.name)


async def test_a_log_of_many_shards_is_verified_copied_and_mended(tmp_path: Path) -> None:
    """Each shard is looked after by itself."""
    from threadlog.log import OpenOptions

    path = tmp_path / "log"
    tenants = [f"tenant-{number}" for number in range(12)]
    log = FileLog(str(path), OpenOptions(shards=3), PLAIN)
    async with log:
        for number, tenant in enumerate(tenants):
            await log.append(log.shard_of(tenant), [append(number, tenant=tenant)])
    for segment in segments(path):
        flip(segment, segment.stat().st_size - 30)
    assert len(care(path).verify().findings) == len(segments(path)) == 3
    assert not care(path).backup(str(tmp_path / "copy")).ok
    assert care(path).repair().ok
    async with FileLog(str(path)) as log:
        for shard in range(3):
            for event in await everything(log, shard):
                assert log.shard_of(event.tenant) == shard
