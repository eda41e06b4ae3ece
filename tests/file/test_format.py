"""The bytes on disk are what docs/explanation/file-format.md says, for ever."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest

from file.logs import append, fill, opened
from threadlog.log import Append, Event, Expect, FormatTooNew, HeadChange, LogCorrupt, NewEvent, OpenOptions
from threadlog_file import FileLog, frames, lines, manifest, segments, watermark
from threadlog_file.frames import seal_line

pytestmark = pytest.mark.anyio

EVENT = Event(
    tenant="acme",
    thread_id="thr_1",
    seq=2,
    shard=0,
    position=7,
    id="01890a5d-ac96-774b-bcce-b302099a8057",
    append_id="apd_1",
    type="thread.created",
    version=3,
    time_us=1_700_000_000_123_456,
    data=b' {"b":1e2, "a":"\xc3\xa9\\u00e9"} ',
    actor="user:alice",
    run_id="run_1",
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    head=HeadChange(owner="alice", title=None),
)

LINE = (
    b'{"position":7,"tenant":"acme","thread":"thr_1","seq":2,"id":"01890a5d-ac96-774b-bcce-b302099a8057",'
    b'"append":"apd_1","type":"thread.created","version":3,"time_us":1700000000123456,"actor":"user:alice",'
    b'"run":"run_1","trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",'
    b'"head":{"owner":"alice","title":null},"data": {"b":1e2, "a":"\xc3\xa9\\u00e9"} }\n'
)


def test_an_event_line_is_golden() -> None:
    """An event is one line of JSON with its payload last, spaces around it included."""
    assert lines.encode_lines([lines.line_of(EVENT)]) == LINE


def test_a_golden_line_is_read() -> None:
    """A line written today is read for ever."""
    assert lines.event_of(LINE[:-1], 0) == EVENT


def test_the_payload_is_found_behind_fields_that_look_like_it() -> None:
    """An id that spells the payload's field does not move the payload."""
    odd = 'x","data":1'
    event = lines.event_of(
        lines.encode_lines(
            [lines.line_of(Event(**{**{f: getattr(EVENT, f) for f in EVENT.__struct_fields__}, "append_id": odd}))]
        )[:-1],
        0,
    )
    assert (event.append_id, event.data) == (odd, EVENT.data)


def test_a_frame_is_golden() -> None:
    """A frame is a header line of 192 bytes and its lines."""
    frame = frames.make_frame(0, 7, 1, 6, LINE, 0xABC)
    header = (
        b'{"frame":1,"shard":0,"first":7,"count":1,"durable":6,"length":%d,"crc":"%08x"' % (len(LINE), crc32(LINE))
        + b',"prev":"00000abc"'
    ).ljust(171)
    assert frame == header + b',"check":"%08x"}\n' % crc32(header) + LINE
    assert len(frame) == 192 + len(LINE)
    assert json.loads(frame[:192])["first"] == 7


def test_a_frame_of_a_newer_format_is_refused_by_name() -> None:
    """A whole header with a higher number is not taken for damage."""
    newer = frames.seal_line('{"frame":2,"layout":"another"', 192)
    with pytest.raises(FormatTooNew, match="newer format"):
        frames.parse_header(newer)


def test_a_segment_title_is_golden() -> None:
    """A segment begins with a line of 256 bytes that names its log, shard and first position."""
    title = segments.make_title(manifest.Manifest(1, "log", 4, 5), 3, 57, 0x1F)
    told = json.loads(title)
    assert len(title) == 256
    assert {name: told[name] for name in ("segment", "log_id", "shard", "shards", "first", "prev")} == {
        "segment": 1,
        "log_id": "log",
        "shard": 3,
        "shards": 4,
        "first": 57,
        "prev": "0000001f",
    }


def test_a_watermark_is_golden(tmp_path: Path) -> None:
    """Slots of 44 bytes lie in sectors of their own after the title's, two for each shard."""
    from threadlog_file import Files

    marks = [watermark.Mark(1, 1, 500), watermark.Mark(9, 3, 1000, 700, 11, 12)]
    watermark.create_watermark(Files(), str(tmp_path), marks)
    data = (tmp_path / "WATERMARK").read_bytes()
    assert len(data) == 4096
    assert data.startswith(b"threadlog watermark 1\n")
    slot = b"".join(number.to_bytes(8, "little") for number in (9, 3, 1000, 700))
    slot += b"".join(number.to_bytes(4, "little") for number in (11, 12))
    for turn in (0, 1):
        place = 512 * (1 + 2 + turn)
        assert data[place : place + 44] == slot + crc32(slot).to_bytes(4, "little")


async def test_every_line_of_a_segment_is_json(tmp_path: Path) -> None:
    """Grep and jq work on a segment as it is, while it is open too."""
    async with opened(tmp_path / "log") as log:
        await log.append(0, [append(1, count=2), append(2, thread="u")])
        (segment,) = (tmp_path / "log").glob("*.seg")
        told = [json.loads(line) for line in segment.read_text().splitlines() if line]
    assert [sorted(line)[0:1] for line in told[:2]] == [["check"], ["check"]]
    assert [line["data"] for line in told[2:]] == [
        {"append": 1, "part": 0},
        {"append": 1, "part": 1},
        {"append": 2, "part": 0},
    ]


async def test_payloads_come_back_exactly(tmp_path: Path) -> None:
    """Payload bytes are kept through the file, blanks around them and odd numbers included."""
    payloads = [b" 1e2", b'"\\u0000"', b"\t[1.10,1.10]  ", b'{"a":1,"a":2}', b"null", '"é😀"'.encode()]
    async with opened(tmp_path / "log") as log:
        events = tuple(NewEvent("x", data) for data in payloads)
        await log.append(
            0, [Append(tenant="a", thread_id="t", append_id="1", expected=Expect.NO_THREAD, events=events)]
        )
    async with opened(tmp_path / "log") as log:
        assert [event.data for event in (await log.read_thread("a", "t")).events] == payloads


async def test_a_newer_log_is_refused_by_name(tmp_path: Path) -> None:
    """The MANIFEST's format is looked at before anything else; nothing is touched."""
    await fill(tmp_path / "log", 3)
    file = tmp_path / "log" / "MANIFEST"
    newer = seal_line('{"format":2,"what":"is to come"', 300)
    file.write_bytes(newer)
    for read_only in (False, True):
        with pytest.raises(FormatTooNew, match="format 2"):
            await FileLog(str(tmp_path / "log"), OpenOptions(read_only=read_only)).open()
    assert file.read_bytes() == newer


async def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    """A flipped bit in the MANIFEST is corruption with its place."""
    await fill(tmp_path / "log", 1)
    file = tmp_path / "log" / "MANIFEST"
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    with pytest.raises(LogCorrupt) as caught:
        await FileLog(str(tmp_path / "log")).open()
    assert caught.value.place.startswith("MANIFEST")
