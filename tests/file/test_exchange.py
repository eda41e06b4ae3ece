"""What is whole, belongs to the log, and is not the one from which it went on: a diverged backup's, or edited."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from file.checks import care, errors, frames_in, repaired, serves
from file.logs import SMALL, append, everything, fill, opened, segments
from file.test_reader_from_docs import read_shard
from threadlog.log import Event, LogCorrupt
from threadlog_file import FileLog
from threadlog_file.frames import HEADER, make_frame, parse_header

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@dataclass(frozen=True)
class Twins:
    """A log, and a backup of it that went on by itself with as many appends of the same size."""

    log: Path
    copy: Path
    events: list[Event]
    begun: int
    """Position up to which both are the same."""

    @property
    def diverged(self) -> list[Path]:
        """Segments of the log that differ from the copy's in all their frames."""
        return [segment for segment in segments(self.log) if int(segment.stem[2:]) > self.begun]

    def take(self, *paths: Path) -> None:
        """Put the copy's files in place of these."""
        for path in paths:
            assert path.stat().st_size == (self.copy / path.name).stat().st_size
            shutil.copy(self.copy / path.name, path)

    def take_frames(self, segment: Path, first: int, stop: int) -> str:
        """Put some frames of the copy in place of the log's; returns where they are."""
        frames = frames_in(segment)
        start, end = frames[first][0], frames[stop - 1][1]
        assert frames == frames_in(self.copy / segment.name)
        data, theirs = segment.read_bytes(), (self.copy / segment.name).read_bytes()
        assert data[start:end] != theirs[start:end]
        segment.write_bytes(data[:start] + theirs[start:end] + data[end:])
        return f"{segment.name} bytes {start}-{end - 1}"


async def go_on(path: Path) -> list[Event]:
    """Append as much as fills some segments; returns all events."""
    async with opened(path, SMALL) as log:
        for number in range(100, 145):
            await log.append(0, [append(number, thread=f"t{number % 3}")])
        return await everything(log)


@pytest.fixture
async def twins(tmp_path: Path) -> Twins:
    """They part in the middle of a segment."""
    begun = len(await fill(tmp_path / "log", 20, SMALL))
    assert care(tmp_path / "log").backup(str(tmp_path / "copy")).ok
    await go_on(tmp_path / "copy")
    return Twins(tmp_path / "log", tmp_path / "copy", await go_on(tmp_path / "log"), begun)


async def refused(twins: Twins, *places: str) -> list[int]:
    """Opening for writing names the first place, verify all; returns positions that a reader is not given."""
    with pytest.raises(LogCorrupt) as caught:
        await FileLog(str(twins.log), None, SMALL).open()
    assert caught.value.place == places[0]
    assert errors(twins.log) == list(places)
    return await serves(twins.log, twins.events)


async def lost(twins: Twins) -> list[int]:
    """Repair; returns the positions for which a mark stands. The chain holds afterwards, and after going on."""
    changed = await repaired(twins.log, twins.events)
    assert {event.type for event in changed} <= {"log.lost"}
    read_shard(twins.log, 0)
    await go_on_a_little(twins.log)
    read_shard(twins.log, 0)
    return [event.position for event in changed]


async def go_on_a_little(path: Path) -> None:
    """One more append."""
    async with opened(path, SMALL) as log:
        await log.append(0, [append(999)])


def positions(segment: Path, first: int, stop: int) -> list[int]:
    """Positions in some frames of a segment."""
    data, found = segment.read_bytes(), []
    for start, _ in frames_in(segment)[first:stop]:
        header = parse_header(data[start:])
        assert header is not None
        found += range(header.first, header.last + 1)
    return found


@pytest.mark.parametrize("count", [1, 2], ids=["one frame", "two frames"])
@pytest.mark.parametrize("back", [0, 1], ids=["the last", "not the last"])
async def test_frames_of_the_last_segment(twins: Twins, count: int, back: int) -> None:
    """Frames of a diverged copy are refused, each by name, and nothing else is lost."""
    last = segments(twins.log)[-1]
    stop = len(frames_in(last)) - back
    assert stop - count > 0
    expected = positions(last, stop - count, stop)
    places = [twins.take_frames(last, at, at + 1) for at in range(stop - count, stop)]
    assert await refused(twins, *places) == expected
    assert await lost(twins) == expected


async def test_the_first_frame_of_the_last_segment(twins: Twins) -> None:
    """The title tells of the frame before it, and the next one names it."""
    last = segments(twins.log)[-1]
    expected = positions(last, 0, 1)
    assert await refused(twins, twins.take_frames(last, 0, 1)) == expected
    assert await lost(twins) == expected


@pytest.mark.parametrize("at", [0, 1, -2, -1])
async def test_an_edited_frame_of_the_last_segment(twins: Twins, at: int) -> None:
    """Its checks are made anew, and it names the frame before it as it should."""
    last = segments(twins.log)[-1]
    data, (start, end) = last.read_bytes(), frames_in(last)[at]
    header = parse_header(data[start:])
    assert header is not None
    body = data[start + HEADER : end].replace(b'"part":0', b'"part":9')
    edited = make_frame(0, header.first, header.count, header.durable, body, header.before)
    last.write_bytes(data[:start] + edited + data[end:])
    assert await refused(twins, f"{last.name} bytes {start}-{end - 1}") == [header.first]
    assert await lost(twins) == [header.first]


async def test_the_last_segment(twins: Twins) -> None:
    """The segment before it ends with another frame than it follows on, and the mark knows another one."""
    last = segments(twins.log)[-1]
    expected = positions(last, 0, 99)
    twins.take(last)
    assert await refused(twins, f"{last.name} bytes 0-{last.stat().st_size - 1}") == expected
    assert await lost(twins) == expected


async def test_the_last_segment_of_a_copy_that_parted_in_it(tmp_path: Path) -> None:
    """The mark alone tells, and may be the one that was exchanged: both are named, and repair loses nothing."""
    path, copy = tmp_path / "log", tmp_path / "copy"
    await fill(path, 2, SMALL)
    care(path).backup(str(copy))
    for folder in (path, copy):
        async with opened(folder, SMALL) as log:
            for number in (7, 8):
                await log.append(0, [append(number)])
            events = await everything(log)
    (segment,) = segments(path)
    for name in (segment.name, "WATERMARK"):
        kept = (path / name).read_bytes()
        shutil.copy(copy / name, path / name)
        with pytest.raises(LogCorrupt, match="WATERMARK"):
            await FileLog(str(path), None, SMALL).open()
        assert errors(path) == [f"{segment.name} bytes 0-{segment.stat().st_size - 1}", "WATERMARK bytes 512-1067"]
        assert await serves(path, events) == [event.position for event in events]
        (path / name).write_bytes(kept)
    shutil.copy(copy / "WATERMARK", path / "WATERMARK")
    report = care(path).repair()
    assert report.ok
    assert "WATERMARK bytes 512-1067" in [finding.place for finding in report.findings if finding.level == "warning"]
    assert len(read_shard(path, 0)) == len(events)


@pytest.mark.parametrize("index", [False, True], ids=["alone", "with its index"])
@pytest.mark.parametrize("at", [0, 1, -2])
async def test_a_sealed_segment(twins: Twins, at: int, index: bool) -> None:
    """The next segment follows on another frame, and so it is refused; the one before it is not accused."""
    segment = twins.diverged[:-1][at] if at >= 0 else segments(twins.log)[at]
    expected = positions(segment, 0, 99)
    twins.take(segment, *([segment.with_suffix(".idx")] if index else []))
    found = errors(twins.log)
    assert {place.partition(" ")[0] for place in found} == {segment.name}
    assert await refused(twins, *found) == expected
    assert await lost(twins) == expected


async def test_the_segment_in_which_the_copy_parted(twins: Twins) -> None:
    """With its index exchanged as well nothing tells which of its events are the same: all are refused."""
    segment = [path for path in segments(twins.log) if int(path.stem[2:]) <= twins.begun][-1]
    expected = positions(segment, 0, 99)
    assert min(expected) <= twins.begun < max(expected)
    twins.take(segment)
    own = [position for position in expected if position > twins.begun]
    assert await serves(twins.log, twins.events) == own
    twins.take(segment.with_suffix(".idx"))
    assert await refused(twins, f"{segment.name} bytes 0-{segment.stat().st_size - 1}") == expected
    assert await lost(twins) == expected


async def test_what_a_reader_follows(twins: Twins) -> None:
    """A reader that has the log open is given no frame that the mark does not know."""
    async with opened(twins.log, SMALL, read_only=True) as reader:
        assert (await reader.read_shard(0, limit=1)).events
        await go_on_a_little(twins.log)
        last = segments(twins.log)[-1]
        data, (start, end) = last.read_bytes(), frames_in(last)[-1]
        header = parse_header(data[start:])
        assert header is not None
        body = data[start + HEADER : end].replace(b'"part":0', b'"part":9')
        last.write_bytes(data[:start] + make_frame(0, header.first, 1, header.durable, body, header.before))
        with pytest.raises(LogCorrupt, match=f"{last.name} bytes {start}-{end - 1}"):
            await reader.read_shard(0, after=len(twins.events), limit=1)


@pytest.mark.parametrize("at", [1, -1])
async def test_a_title(twins: Twins, at: int) -> None:
    """The first frame names the one before it as well: the title is named, and no event is lost."""
    segment = twins.diverged[at]
    segment.write_bytes((twins.copy / segment.name).read_bytes()[:256] + segment.read_bytes()[256:])
    assert await refused(twins, f"{segment.name} bytes 0-255") == []
    assert await lost(twins) == []


async def test_segments_in_a_row(twins: Twins) -> None:
    """Two segments and their indexes fit each other, and what stands before and behind them does not."""
    both = twins.diverged[:2]
    expected = [position for segment in both for position in positions(segment, 0, 99)]
    twins.take(*both, *(segment.with_suffix(".idx") for segment in both))
    assert await refused(twins, *(f"{path.name} bytes 0-{path.stat().st_size - 1}" for path in both)) == expected
    assert await lost(twins) == expected


async def test_an_index(twins: Twins) -> None:
    """Not the segment is accused: the next one follows on its last frame. The index is made anew."""
    for segment in twins.diverged[:-1]:
        twins.take(segment.with_suffix(".idx"))
    findings = care(twins.log).verify().findings
    named = [finding.place for finding in findings if finding.level != "info"]
    assert named == [segment.with_suffix(".idx").name for segment in twins.diverged[:-1]]
    assert await serves(twins.log, twins.events) == []
    assert await lost(twins) == []
    assert [finding for finding in care(twins.log).verify().findings if finding.level != "info"] == []


async def test_the_watermark(twins: Twins) -> None:
    """The mark knows another last frame: it is named beside the segment, and repair loses no event."""
    twins.take(twins.log / "WATERMARK")
    last = segments(twins.log)[-1]
    await refused(twins, f"{last.name} bytes 0-{last.stat().st_size - 1}", "WATERMARK bytes 512-1067")
    assert await lost(twins) == []


async def test_the_chain_goes_on_through_everything(tmp_path: Path) -> None:
    """Over segments, closing, recovery, backup and repair, each frame names the one before it."""
    path = tmp_path / "log"
    await fill(path, 30, SMALL)
    read_shard(path, 0)
    old = (path / "WATERMARK").read_bytes()
    await go_on(path)
    read_shard(path, 0)
    (path / "WATERMARK").write_bytes(old)
    await go_on_a_little(path)
    read_shard(path, 0)
    care(path).backup(str(tmp_path / "copy"))
    read_shard(tmp_path / "copy", 0)
    segments(path)[2].unlink()
    assert care(path).repair().ok
    read_shard(path, 0)
