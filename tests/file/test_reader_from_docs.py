"""A reader written from docs/explanation/file-format.md alone, with nothing of the plugin, reads its log."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from file.logs import SMALL, fill

pytestmark = pytest.mark.anyio


def checked(line: bytes, width: int) -> dict[str, Any]:
    """A line with a check."""
    assert len(line) == width
    told: dict[str, Any] = json.loads(line)
    before = line[: line.rindex(b',"check":')]
    assert told["check"] == f"{crc32(before):08x}"
    return told


def watermark(folder: Path, shard: int) -> tuple[int, ...]:
    """Position, segment, end and beginning of the last frame, its check and that of the one before it."""
    data = (folder / "WATERMARK").read_bytes()
    assert data.startswith(b"threadlog watermark 1\n")
    return max(
        struct.unpack_from("<QQQQII", data, slot)
        for slot in (512 * (1 + 2 * shard), 512 * (2 + 2 * shard))
        if crc32(data[slot : slot + 40]) == int.from_bytes(data[slot + 40 : slot + 44], "little")
    )


def read_shard(folder: Path, shard: int) -> list[tuple[dict[str, Any], bytes]]:
    """Every event of a shard as its envelope and its payload's bytes."""
    manifest = checked((folder / "MANIFEST").read_bytes(), 256)
    assert manifest["format"] == 1
    last, _, _, begins, known_as, before = watermark(folder, shard)
    start, tie, prev = 0, "00000000", "00000000"
    events: list[tuple[dict[str, Any], bytes]] = []
    for segment in sorted(folder.glob(f"{shard}-*.seg")):
        data = segment.read_bytes()
        title = checked(data[:256], 256)
        assert (title["log_id"], title["shard"]) == (manifest["log_id"], shard)
        assert title["first"] == int(segment.stem.split("-")[1]) == len(events) + 1
        assert title["prev"] == tie
        at = 256
        while len(events) < last and data[at : at + 9] == b'{"frame":':
            header = checked(data[at : at + 192], 192)
            body = data[at + 192 : at + 192 + header["length"]]
            assert header["crc"] == f"{crc32(body):08x}"
            assert header["first"] == len(events) + 1
            assert header["durable"] == len(events)
            assert header["prev"] == tie
            start, prev, tie = at, header["prev"], header.get("link", header["check"])
            lines = body.splitlines()
            assert len(lines) == header["count"]
            for line in lines:
                payload = line[line.index(b',"data":') + 8 : -1]
                events.append((json.loads(line), payload))
            at += 192 + header["length"]
    assert (len(events), start, tie) == (last, begins, f"{known_as:08x}")
    assert prev == f"{before:08x}"
    return events


async def test_a_reader_from_the_docs(tmp_path: Path) -> None:
    """It finds every event, with every field, over many segments."""
    events = await fill(tmp_path / "log", 50, SMALL)
    found = read_shard(tmp_path / "log", 0)
    assert [payload for _, payload in found] == [event.data for event in events]
    for (told, _), event in zip(found, events, strict=True):
        assert told["position"] == event.position
        assert (told["tenant"], told["thread"], told["seq"]) == (event.tenant, event.thread_id, event.seq)
        assert (told["id"], told["append"]) == (event.id, event.append_id)
        assert (told["type"], told["version"], told["time_us"]) == (event.type, event.version, event.time_us)
        assert (told.get("actor"), told.get("run"), told.get("trace")) == (event.actor, event.run_id, event.trace)
        assert ("head" in told) == (event.head is not None)
