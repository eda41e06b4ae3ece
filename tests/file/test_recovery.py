"""What a writer makes of what a crash or a bad disk left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from file.faulty import HastyFiles
from file.logs import PLAIN, SMALL, append, everything, fill, opened, segments, threads_of
from threadlog.log import Event, HeadChange, LogCorrupt
from threadlog_file import FileLog, FileOptions, Files
from threadlog_file.frames import HEADER, make_frame
from threadlog_file.manifest import load_manifest
from threadlog_file.watermark import Mark, Watermark, rewrite_watermark

pytestmark = pytest.mark.anyio


def rewind(path: Path, position: int, offset: int) -> None:
    """Put the watermark back, as a power cut may."""
    segment = int(segments(path)[-1].name.split("-")[1][:16])
    rewrite_watermark(HastyFiles(), str(path), [Mark(position, segment if position else 0, offset)])


def frame_ends(segment: Path) -> list[int]:
    """Where the frames of a segment end, the title's end first."""
    data = segment.read_bytes()
    ends, at = [256], data.find(b'{"frame":')
    while at >= 0:
        following = data.find(b'\n{"frame":', at)
        ends.append(len(data) if following < 0 else following + 1)
        at = following + 1 if following >= 0 else -1
    return ends


async def reads(path: Path, events: list[Event], how: FileOptions = PLAIN) -> None:
    """The log opens for writing and holds exactly these events, by position and by thread; it takes more."""
    async with opened(path, how) as log:
        assert await everything(log) == events
        assert await threads_of(log, events) == events
        (outcome,) = await log.append(0, [append(999, thread="more")])
        assert outcome.events[0].position == len(events) + 1
    async with opened(path, how) as log:
        assert (await everything(log))[:-1] == events


async def test_reopening_holds_everything(tmp_path: Path) -> None:
    """What was appended is there after closing and opening, over many segments and with their indexes lost."""
    events = await fill(tmp_path / "log", 60, SMALL)
    assert len(segments(tmp_path / "log")) > 3
    await reads(tmp_path / "log", events, SMALL)


@pytest.mark.parametrize("keep", ["none", "half"])
async def test_lost_indexes_are_built_anew(tmp_path: Path, keep: str) -> None:
    """Index files are derived: without all or some of them the log is the same, and they are written again."""
    events = await fill(tmp_path / "log", 60, SMALL)
    indexes = sorted((tmp_path / "log").glob("*.idx"))
    before = {index: index.read_bytes() for index in indexes}
    for index in indexes[:: 1 if keep == "none" else 2]:
        index.unlink()
    await reads(tmp_path / "log", events, SMALL)
    assert {index: index.read_bytes() for index in indexes} == before


async def test_heads_are_those_of_the_newest_segment(tmp_path: Path) -> None:
    """A head that changed in an indexed segment after one whose index was lost is the newer one."""
    path = tmp_path / "log"
    async with opened(path, SMALL) as log:
        for number in range(60):
            head = HeadChange(title=f"T{number}") if number < 40 else None
            await log.append(0, [append(number, thread=f"t{number % 3}", count=2, head=head)])
        heads = await log.list_heads("acme")
    for index in sorted(path.glob("*.idx"))[:-1]:
        kept = index.read_bytes()
        index.unlink()
        async with opened(path, SMALL, read_only=True) as log:
            assert await log.list_heads("acme") == heads
        index.write_bytes(kept)


async def test_damaged_indexes_are_built_anew(tmp_path: Path) -> None:
    """A flipped bit anywhere in an index changes nothing that is read."""
    events = await fill(tmp_path / "log", 40, SMALL)
    index = sorted((tmp_path / "log").glob("*.idx"))[1]
    whole = index.read_bytes()
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        index.write_bytes(damaged)
        async with opened(tmp_path / "log", SMALL) as log:
            assert await everything(log) == events
            assert await threads_of(log, events) == events
            assert len(await log.append(0, [append(3, thread="t0", count=1)])) == 1
    index.write_bytes(whole)


async def test_every_cut_behind_the_watermark_is_a_tear(tmp_path: Path) -> None:
    """Wherever the last frame was cut off before it was acknowledged, all before it is served the rest aside."""
    events = await fill(tmp_path / "log", 6)
    (segment,) = segments(tmp_path / "log")
    whole, ends = segment.read_bytes(), frame_ends(segment)
    kept = [event for event in events if event.append_id != "append-5"]
    for cut in {*range(ends[-2], ends[-1], 7), ends[-2] + 191, ends[-2] + 192, ends[-2] + 193, ends[-1] - 1}:
        path = tmp_path / f"cut-{cut}"
        shutil.copytree(tmp_path / "log", path)
        segments(path)[0].write_bytes(whole[:cut])
        rewind(path, len(kept), ends[-2])
        async with opened(path) as log:
            assert await everything(log) == kept
        aside = list((path / "aside").glob("*")) if (path / "aside").exists() else []
        assert b"".join(file.read_bytes() for file in aside) == whole[ends[-2] : cut]
        shutil.rmtree(path)


async def test_every_cut_below_the_watermark_is_corruption(tmp_path: Path) -> None:
    """Wherever an acknowledged frame is cut, opening names the place and changes nothing; what is whole can be read."""
    events = await fill(tmp_path / "log", 6)
    (segment,) = segments(tmp_path / "log")
    whole, ends = segment.read_bytes(), frame_ends(segment)
    for cut in range(256, len(whole), 5):
        segment.write_bytes(whole[:cut])
        last = max(number for number, end in enumerate(ends) if end <= cut)
        with pytest.raises(LogCorrupt) as caught:
            await FileLog(str(tmp_path / "log"), files=HastyFiles()).open()
        assert caught.value.place.startswith(f"{segment.name} bytes {ends[last]}-")
        assert segment.read_bytes() == whole[:cut]
        async with opened(tmp_path / "log", read_only=True) as log:
            told = [event for event in events if int(event.append_id.split("-")[1]) < last]
            if told:
                page = await log.read_shard(0, limit=len(told))
                assert list(page.events) == told
            with pytest.raises(LogCorrupt):
                await everything(log)


async def test_every_flip_below_the_watermark_is_named(tmp_path: Path) -> None:
    """A flipped bit in an acknowledged frame is corruption of exactly that frame, wherever in it the bit is."""
    events = await fill(tmp_path / "log", 5)
    (segment,) = segments(tmp_path / "log")
    whole, ends = segment.read_bytes(), frame_ends(segment)
    for at in range(256, len(whole), 3):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        segment.write_bytes(damaged)
        number = max(number for number, end in enumerate(ends) if end <= at)
        place = f"{segment.name} bytes {ends[number]}-{ends[number + 1] - 1}"
        with pytest.raises(LogCorrupt) as caught:
            await FileLog(str(tmp_path / "log"), files=HastyFiles()).open()
        assert caught.value.place == place
        async with opened(tmp_path / "log", read_only=True) as log:
            assert log.info.notes[0].startswith(place)
            await serves_nothing_bad(log, events)


async def serves_nothing_bad(log: FileLog, events: list[Event]) -> None:
    """Every page is right or is refused."""
    for thread in {event.thread_id for event in events}:
        try:
            page = await log.read_thread("acme", thread, limit=1000)
        except LogCorrupt:
            continue
        assert list(page.events) == [event for event in events if event.thread_id == thread][: len(page.events)]
    for event in events:
        try:
            found = await log.read_shard(0, after=event.position - 1, limit=1)
        except LogCorrupt:
            continue
        assert found.events[0] == event


async def test_every_flip_in_a_sealed_segment_is_named_or_harmless(tmp_path: Path) -> None:
    """Of a sealed segment only the last frame is looked at in opening; flips elsewhere are found by reading."""
    events = await fill(tmp_path / "log", 40, SMALL)
    segment = segments(tmp_path / "log")[1]
    whole = segment.read_bytes()
    found = opens = 0
    for at in range(256, len(whole), 29):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        segment.write_bytes(damaged)
        place = ""
        try:
            async with opened(tmp_path / "log", SMALL) as log:
                await serves_nothing_bad(log, events)
                opens += 1
                await everything(log)
        except LogCorrupt as error:
            place = error.place
        assert place.startswith(segment.name)
        start, end = map(int, place.split("bytes ")[1].split("-"))
        assert start <= at <= end
        found += 1
    assert opens > found / 2 > 25


async def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    """A segment that is gone, first, middle or last, is corruption."""
    events = await fill(tmp_path / "log", 40, SMALL)
    for segment in segments(tmp_path / "log"):
        hidden = segment.rename(segment.with_suffix(".hidden"))
        if segment.with_suffix(".idx").exists():
            segment.with_suffix(".idx").rename(hidden.with_suffix(".idx-hidden"))
        with pytest.raises(LogCorrupt):
            await FileLog(str(tmp_path / "log"), files=HastyFiles()).open()
        async with opened(tmp_path / "log", read_only=True) as log:
            await serves_nothing_bad(log, events)
        hidden.rename(segment)
    await reads(tmp_path / "log", events, SMALL)


async def test_whole_frames_behind_the_watermark_are_written_anew(tmp_path: Path) -> None:
    """An unacknowledged frame that is whole may be only in memory: it is flushed anew before it is served."""
    events = await fill(tmp_path / "log", 6)
    (segment,) = segments(tmp_path / "log")
    whole, ends = segment.read_bytes(), frame_ends(segment)
    kept = [event for event in events if event.append_id != "append-5"]
    rewind(tmp_path / "log", len(kept), ends[-2])
    await reads(tmp_path / "log", events)
    old, new = segments(tmp_path / "log")
    assert old.read_bytes() == whole[: ends[-2]]
    assert new.read_bytes()[256 + HEADER :].startswith(whole[ends[-2] + HEADER :])
    assert not (tmp_path / "log" / "aside").exists()


async def test_a_first_frame_that_was_not_acknowledged_is_taken_in(tmp_path: Path) -> None:
    """The rewritten segment takes the place of one that held nothing acknowledged."""
    events = await fill(tmp_path / "log", 1)
    rewind(tmp_path / "log", 0, 0)
    await reads(tmp_path / "log", events)
    assert len(segments(tmp_path / "log")) == 1


async def test_a_later_frame_proves_that_an_earlier_one_was_durable(tmp_path: Path) -> None:
    """With an old watermark (a power cut), damage before a whole frame is corruption and no tear."""
    events = await fill(tmp_path / "log", 6)
    (segment,) = segments(tmp_path / "log")
    whole, ends = segment.read_bytes(), frame_ends(segment)
    rewind(tmp_path / "log", 0, 0)
    damaged = bytearray(whole)
    damaged[ends[2] + HEADER + 10] ^= 1
    segment.write_bytes(damaged)
    with pytest.raises(LogCorrupt) as caught:
        await FileLog(str(tmp_path / "log"), files=HastyFiles()).open()
    assert caught.value.place == f"{segment.name} bytes {ends[2]}-{ends[3] - 1}"
    segment.write_bytes(whole)
    await reads(tmp_path / "log", events)


async def test_an_old_watermark_in_an_earlier_segment_loses_nothing(tmp_path: Path) -> None:
    """A power cut may put the watermark back by segments; frames and segments behind it prove themselves."""
    events = await fill(tmp_path / "log", 40, SMALL)
    rewrite_watermark(HastyFiles(), str(tmp_path / "log"), [Mark()])
    await reads(tmp_path / "log", events, SMALL)


async def test_filling_and_zeros_behind_the_last_frame_are_no_tear(tmp_path: Path) -> None:
    """Line breaks filled in ahead, and zeros that a power cut leaves, are cut off without a word."""
    events = await fill(tmp_path / "log", 4)
    (segment,) = segments(tmp_path / "log")
    with segment.open("ab") as file:
        file.write(b"\n" * 5000 + b"\0" * 5000)
    await reads(tmp_path / "log", events)
    assert not (tmp_path / "log" / "aside").exists()


async def test_recovery_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    """A crash after the rewritten segment was named, before the old one was cut, harms nothing."""
    events = await fill(tmp_path / "log", 6)
    path = tmp_path / "log"
    (segment,) = segments(path)
    whole, ends = segment.read_bytes(), frame_ends(segment)
    kept = [event for event in events if event.append_id != "append-5"]
    rewind(path, len(kept), ends[-2])
    async with opened(path):
        pass
    segment.write_bytes(whole + b'{"frame":1,"sha')  # as if it had not been cut
    rewind_to_first(path, len(kept), ends[-2])
    await reads(path, events)


def rewind_to_first(path: Path, position: int, offset: int) -> None:
    """Put the watermark into the first segment."""
    rewrite_watermark(HastyFiles(), str(path), [Mark(position, 1, offset)])


async def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    """Half-made files of a crash do not stay and do not count."""
    events = await fill(tmp_path / "log", 3)
    for name in ("MANIFEST.tmp", "0-0000000000000099.seg.tmp", "probe.tmp"):
        (tmp_path / "log" / name).write_bytes(b"half")
    await reads(tmp_path / "log", events)
    assert not list((tmp_path / "log").glob("*.tmp"))


async def test_a_folder_in_the_way_of_a_new_file_is_moved_aside(tmp_path: Path) -> None:
    """Somebody's folder that is called like a half-made segment keeps no writer from its work, and is kept."""
    events = await fill(tmp_path / "log", 3)
    (tmp_path / "log" / "0-0000000000000099.seg.tmp" / "notes").mkdir(parents=True)
    await reads(tmp_path / "log", events)
    assert (tmp_path / "log" / "aside" / "0-0000000000000099.seg.tmp" / "notes").is_dir()


async def test_a_damaged_watermark_is_named(tmp_path: Path) -> None:
    """With one slot damaged the other one serves; with both, opening names the file."""
    events = await fill(tmp_path / "log", 4)
    file = tmp_path / "log" / "WATERMARK"
    whole = file.read_bytes()
    for slot in (512, 1024):
        damaged = bytearray(whole)
        damaged[slot] ^= 1
        file.write_bytes(damaged)
        await_same = [event.position for event in events]
        async with opened(tmp_path / "log") as log:
            assert [event.position for event in await everything(log)] == await_same
        file.write_bytes(whole)
    damaged = bytearray(whole)
    damaged[512] ^= 1
    damaged[1024] ^= 1
    file.write_bytes(damaged)
    for read_only in (True, False):
        with pytest.raises(LogCorrupt) as caught:
            async with opened(tmp_path / "log", read_only=read_only):
                pass
        assert caught.value.place.startswith("WATERMARK bytes ")


async def test_the_watermark_moves_before_the_answer(tmp_path: Path) -> None:
    """When an append is acknowledged, the watermark that other processes see is already there."""
    async with opened(tmp_path / "log") as log:
        other = Watermark(Files(), str(tmp_path / "log"), 1, writable=False)
        for number in range(5):
            await log.append(0, [append(number)])
            assert other.load(0).position == number + 1
        other.close()


async def test_a_frame_of_another_shard_or_place_is_not_taken_in(tmp_path: Path) -> None:
    """A whole frame that does not follow is no event of this log."""
    events = await fill(tmp_path / "log", 3)
    (segment,) = segments(tmp_path / "log")
    line = segment.read_bytes().splitlines(keepends=True)[-1]
    for stray in (make_frame(0, 99, 1, 0, line), make_frame(1, len(events) + 1, 1, 0, line)):
        whole = segment.read_bytes()
        segment.write_bytes(whole + stray)
        async with opened(tmp_path / "log") as log:
            assert await everything(log) == events
        assert segment.read_bytes() == whole
    assert len(list((tmp_path / "log" / "aside").iterdir())) == 2


async def test_log_id_and_shards_stay(tmp_path: Path) -> None:
    """The history keeps its name and its number of shards, whatever is asked for at opening."""
    async with FileLog(str(tmp_path / "log")) as log:
        before = log.info.log_id
    async with opened(tmp_path / "log") as log:
        assert (log.info.log_id, log.info.shards) == (before, 1)
    assert load_manifest(Files(), str(tmp_path / "log")).log_id == before
