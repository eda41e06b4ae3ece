"""What is whole and does not belong where it stands: files and frames of other logs, edited ones, and no files."""

from __future__ import annotations

import os
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from file.checks import care, errors, frames_in, repaired, serves
from file.logs import SMALL, append, everything, fill, opened, segments, threads_of
from threadlog.log import FormatTooNew, LogCorrupt
from threadlog_file import FileLog
from threadlog_file.frames import HEADER, make_frame, parse_header, seal_line

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@pytest.mark.parametrize("index", [False, True], ids=["alone", "with its index"])
async def test_a_segment_of_another_log_is_not_served(tmp_path: Path, index: bool) -> None:
    """A log of the same shape has segments with the same positions and sizes; one of them here is named."""
    events = await fill(tmp_path / "log", 40, SMALL)
    await fill(tmp_path / "other", 40, SMALL)
    segment = segments(tmp_path / "log")[1]
    shutil.copy(tmp_path / "other" / segment.name, segment)
    if index:
        shutil.copy((tmp_path / "other" / segment.name).with_suffix(".idx"), segment.with_suffix(".idx"))
    with pytest.raises(LogCorrupt, match=segment.name):
        await FileLog(str(tmp_path / "log"), None, SMALL).open()
    await serves(tmp_path / "log", events)
    assert [place.partition(" ")[0] for place in errors(tmp_path / "log")] == [segment.name]
    lost = await repaired(tmp_path / "log", events)
    assert {event.type for event in lost} == {"log.lost"}


async def test_an_index_of_another_log_is_not_used(tmp_path: Path) -> None:
    """It may fit by positions and sizes; its threads and heads are another log's."""
    events = await fill(tmp_path / "log", 40, SMALL)
    await fill(tmp_path / "other", 40, SMALL)
    for index in sorted((tmp_path / "log").glob("*.idx")):
        shutil.copy(tmp_path / "other" / index.name, index)
    async with opened(tmp_path / "log", SMALL) as log:
        assert await everything(log) == events
        assert await threads_of(log, events) == events


async def test_a_frame_over_another_is_found_while_the_log_is_open(tmp_path: Path) -> None:
    """A frame copied over a later one of the same size is whole; the shard is not read twice there, but refused."""
    async with opened(tmp_path / "log", SMALL) as log:
        for number in range(10, 50):
            await log.append(0, [append(number)])
        events = await everything(log)
        segment = segments(tmp_path / "log")[0]
        (first, end), (second, _) = frames_in(segment)[1:3]
        data = segment.read_bytes()
        segment.write_bytes(data[:second] + data[first:end] + data[second + end - first :])
        with pytest.raises(LogCorrupt, match=f"{segment.name} bytes {second}-"):
            await log.read_shard(0, limit=1000)
        with pytest.raises(LogCorrupt, match=segment.name):
            await log.read_thread("acme", "t", limit=1000)
    assert errors(tmp_path / "log") == [f"{segment.name} bytes {second}-{second + end - first - 1}"]
    assert [event.position for event in await repaired(tmp_path / "log", events)] == [3]


async def test_an_edited_event_is_found_though_its_checks_fit(tmp_path: Path) -> None:
    """An editor may compute the checks of a frame anew; the index remembers the frame that was sealed."""
    events = await fill(tmp_path / "log", 40, SMALL)
    segment = segments(tmp_path / "log")[1]
    data, (start, end) = segment.read_bytes(), frames_in(segment)[2]
    header = parse_header(data[start:])
    assert header is not None
    body = data[start + HEADER : end].replace(b'"part":0', b'"part":9')
    edited = make_frame(0, header.first, header.count, header.durable, body, header.before)
    segment.write_bytes(data[:start] + edited + data[end:])
    await serves(tmp_path / "log", events)
    assert errors(tmp_path / "log") == [f"{segment.name} bytes {start}-{end - 1}"]
    lost = await repaired(tmp_path / "log", events)
    assert [event.position for event in lost] == list(range(header.first, header.last + 1))


def pipe(path: Path) -> None:
    """Make a pipe, which keeps whoever opens it waiting."""
    os.mkfifo(path)


def link_to_nothing(path: Path) -> None:
    """Make a link that leads nowhere."""
    path.symlink_to("/nonexistent/anything")


MAKERS: list[Callable[[Path], object]] = [Path.touch, Path.mkdir, pipe, link_to_nothing]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("number", [0, 2, 9999, 9999999999999999])
async def test_what_is_only_called_a_segment_costs_no_event(
    tmp_path: Path, make: Callable[[Path], object], number: int
) -> None:
    """It is named, nobody waits for it, and repair moves it away and loses nothing."""
    events = await fill(tmp_path / "log", 40, SMALL)
    stray = tmp_path / "log" / f"0-{number:016d}.seg"
    make(stray)
    with pytest.raises(LogCorrupt, match=stray.name):
        await FileLog(str(tmp_path / "log"), None, SMALL).open()
    await serves(tmp_path / "log", events)
    assert errors(tmp_path / "log") == [stray.name]
    assert await repaired(tmp_path / "log", events) == []
    assert os.path.lexists(tmp_path / "log" / "aside" / stray.name)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["segment", "index", "MANIFEST", "WATERMARK", "aside"])
async def test_what_is_no_file_is_told_and_mended(tmp_path: Path, make: Callable[[Path], object], name: str) -> None:
    """A pipe, folder, empty file or dead link in a file's place is named; repair puts a file there."""
    path = tmp_path / "log"
    events = await fill(path, 40, SMALL)
    segment = segments(path)[1]
    victim = {"segment": segment, "index": segment.with_suffix(".idx")}.get(name, path / name)
    victim.unlink(missing_ok=True)
    make(victim)
    if not (name == "aside" and make is Path.mkdir):
        assert victim.name in {finding.place.partition(" ")[0] for finding in care(path).verify().findings}
    lost = await repaired(path, events)
    assert bool(lost) == (name == "segment")


async def test_a_name_with_more_zeros_is_no_segment(tmp_path: Path) -> None:
    """Only one name stands for a shard's position; another spelling of it is not the log's."""
    events = await fill(tmp_path / "log", 10, SMALL)
    (tmp_path / "log" / "00-0000000000000001.seg").touch()
    async with opened(tmp_path / "log", SMALL) as log:
        assert await everything(log) == events


async def test_a_manifest_of_another_log_is_named(tmp_path: Path) -> None:
    """Not the segments are accused, and repair does not make them the other log's."""
    events = await fill(tmp_path / "log", 10, SMALL)
    await fill(tmp_path / "other", 3, SMALL)
    async with opened(tmp_path / "log") as log:
        log_id = log.info.log_id
    shutil.copy(tmp_path / "other" / "MANIFEST", tmp_path / "log" / "MANIFEST")
    for read_only in (True, False):
        with pytest.raises(LogCorrupt) as caught:
            async with opened(tmp_path / "log", read_only=read_only):
                pass
        assert caught.value.place == "MANIFEST bytes 0-255"
    assert errors(tmp_path / "log") == ["MANIFEST bytes 0-255"]
    assert await repaired(tmp_path / "log", events) == []
    async with opened(tmp_path / "log") as log:
        assert log.info.log_id == log_id


@pytest.mark.parametrize(
    "line",
    [b',"check":"00000000"}\n', seal_line('{"format":1', 256), seal_line('{"format":null', 256)]
    + [seal_line(f'{{"format":1,"log_id":"x","shards":{shards},"created_us":1', 256) for shards in (0, 1 << 60)],
)
async def test_a_manifest_that_makes_no_sense_is_damaged(tmp_path: Path, line: bytes) -> None:
    """Its check may fit."""
    events = await fill(tmp_path / "log", 5, SMALL)
    (tmp_path / "log" / "MANIFEST").write_bytes(line)
    with pytest.raises(LogCorrupt, match="MANIFEST"):
        await FileLog(str(tmp_path / "log")).open()
    assert await repaired(tmp_path / "log", events) == []


@pytest.mark.parametrize("mark", [(1 << 60, (1 << 60) - 5, 4000), ((1 << 64) - 1,) * 3])
async def test_a_mark_that_cannot_be_is_named(tmp_path: Path, mark: tuple[int, int, int]) -> None:
    """A position that cannot have been written is not believed: no repair makes up events for it."""
    events = await fill(tmp_path / "log", 40, SMALL)
    file = tmp_path / "log" / "WATERMARK"
    data, slot = bytearray(file.read_bytes()), struct.pack("<QQQQII", *mark, 0, 0, 0)
    for place in (512, 1024):
        data[place : place + 44] = slot + struct.pack("<I", crc32(slot))
    file.write_bytes(data)
    with pytest.raises(LogCorrupt):
        await FileLog(str(tmp_path / "log")).open()
    assert "WATERMARK bytes 512-1067" in errors(tmp_path / "log")
    assert await repaired(tmp_path / "log", events) == []


@pytest.mark.parametrize(("at", "line"), [(0, seal_line('{"segment":2', 256)), (256, seal_line('{"frame":2', HEADER))])
async def test_a_line_of_a_format_that_does_not_exist_says_what_to_do(tmp_path: Path, at: int, line: bytes) -> None:
    """It may be forged: the file is named, and once it is moved away repair puts marks for its events."""
    events = await fill(tmp_path / "log", 40, SMALL)
    segment = segments(tmp_path / "log")[1]
    data = segment.read_bytes()
    segment.write_bytes(data[:at] + line + data[at + len(line) :])
    for call in (care(tmp_path / "log").verify, care(tmp_path / "log").repair):
        with pytest.raises(FormatTooNew, match=rf"{re.escape(segment.name)}.*newer format, 2.*threadlog repair"):
            call()
    segment.rename(tmp_path / segment.name)
    assert {event.type for event in await repaired(tmp_path / "log", events)} == {"log.lost"}


TAILS = {
    "no events": lambda last, line, tie: make_frame(
        0, last + 1, 1, last, b"no event, and longer than the shortest" * 3, tie
    ),
    "deep": lambda last, line, tie: make_frame(0, last + 1, 1, last, b"[" * 100_000 + b"\n", tie),
    "no text": lambda last, line, tie: make_frame(
        0, last + 1, 1, last, line.replace(b"acme", b"\xff\xfe\xfd\xfc"), tie
    ),
    "far away": lambda last, line, tie: make_frame(0, last + 99, 1, last + 98, line, tie),
    "very far away": lambda last, line, tie: make_frame(0, 1 << 60, 1, (1 << 60) - 1, line, tie),
    "of the future": lambda last, line, tie: make_frame(0, last + 1, 1, 1 << 60, line, tie),
    "too many": lambda last, line, tie: make_frame(0, last + 1, 1 << 60, last, line, tie),
}


@pytest.mark.parametrize("kind", TAILS)
async def test_a_whole_frame_that_cannot_be_is_torn(tmp_path: Path, kind: str) -> None:
    """Behind the watermark stands a frame whose checks fit and that no writer made: it is set aside."""
    events = await fill(tmp_path / "log", 10)
    (segment,) = segments(tmp_path / "log")
    whole = segment.read_bytes()
    last = parse_header(whole[frames_in(segment)[-1][0] :])
    assert last is not None
    segment.write_bytes(whole + TAILS[kind](len(events), whole.splitlines(keepends=True)[-1], last.tie))
    async with opened(tmp_path / "log") as log:
        assert await everything(log) == events
    assert segment.read_bytes() == whole
    assert len(list((tmp_path / "log" / "aside").iterdir())) == 1


async def test_damage_beyond_an_old_mark_is_mended(tmp_path: Path) -> None:
    """After a power cut the watermark may be old; verify names what later frames prove damaged, and repair mends it."""
    path = tmp_path / "log"
    await fill(path, 10, SMALL)
    old = (path / "WATERMARK").read_bytes()
    async with opened(path, SMALL) as log:
        for number in range(10, 40):
            await log.append(0, [append(number, thread=f"t{number % 3}")])
        events = await everything(log)
    (path / "WATERMARK").write_bytes(old)
    segment = segments(path)[-2]
    victim = frames_in(segment)[1]
    data = bytearray(segment.read_bytes())
    data[victim[1] - 3] ^= 1
    segment.write_bytes(data)
    assert errors(path) == [f"{segment.name} bytes {victim[0]}-{victim[1] - 1}"]
    assert len(await repaired(path, events)) == 1


async def test_a_segment_that_is_gone_is_named_by_its_file(tmp_path: Path) -> None:
    """The index of the segment before tells that it was there, so that one is not accused."""
    events = await fill(tmp_path / "log", 60, SMALL)
    gone = segments(tmp_path / "log")[2]
    gone.unlink()
    with pytest.raises(LogCorrupt, match=re.escape(gone.name)) as caught:
        await FileLog(str(tmp_path / "log"), None, SMALL).open()
    assert caught.value.place == gone.name
    assert errors(tmp_path / "log") == [gone.name]
    lost = await repaired(tmp_path / "log", events)
    first = int(gone.name[2:18])
    assert [event.position for event in lost] == list(range(first, first + len(lost)))


async def test_a_backup_of_what_is_no_file_says_so(tmp_path: Path) -> None:
    """The rest is copied, and the original stays as it was."""
    await fill(tmp_path / "log", 40, SMALL)
    segment = segments(tmp_path / "log")[1]
    segment.unlink()
    os.mkfifo(segment)
    report = care(tmp_path / "log").backup(str(tmp_path / "copy"))
    assert [finding.place for finding in report.findings if finding.level == "error"] == [segment.name]
    assert len(segments(tmp_path / "copy")) == len(segments(tmp_path / "log")) - 1
