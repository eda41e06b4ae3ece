"""What a user sees of a log that holds what does not belong there."""

from __future__ import annotations

from pathlib import Path

from file.logs import SMALL, everything, opened, threads_of
from threadlog.log import Event, LogCorrupt
from threadlog_file import FileMaintenance
from threadlog_file.frames import parse_header


def care(path: Path) -> FileMaintenance:
    """Maintenance of a log of small segments."""
    return FileMaintenance(str(path), SMALL)


def errors(path: Path) -> list[str]:
    """Places of what verify calls errors."""
    return [finding.place for finding in care(path).verify().findings if finding.level == "error"]


def frames_in(segment: Path) -> list[tuple[int, int]]:
    """Where each frame of a segment begins and ends."""
    data, found, at = segment.read_bytes(), [], 256
    while (header := parse_header(data[at:])) is not None:
        found.append((at, at + header.size))
        at += header.size
    return found


async def repaired(path: Path, events: list[Event]) -> list[Event]:
    """Repair a log twice; the second time finds nothing. Returns what it holds then that it did not hold before."""
    assert care(path).repair().ok
    assert [finding for finding in care(path).repair().findings if finding.level != "info"] == []
    async with opened(path, SMALL) as log:
        now = await everything(log)
        assert len(now) == len(events)
        assert await threads_of(log, now) == now
    return [event for event, before in zip(now, events, strict=True) if event != before]


async def serves(path: Path, events: list[Event]) -> list[int]:
    """A reader of a damaged log is given nothing but these events, each in its place; returns positions not given."""
    refused = []
    async with opened(path, SMALL, read_only=True) as log:
        for event in events:
            try:
                page = await log.read_shard(0, after=event.position - 1, limit=1)
                assert page.events[:1] == (event,)
                thread = await log.read_thread(event.tenant, event.thread_id, after=event.seq - 1, limit=1)
                assert thread.events == (event,)
            except LogCorrupt:
                refused.append(event.position)
    return refused
