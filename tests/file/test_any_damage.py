"""Any damage, at random: it is named or without effect, nothing bad is served, and repair loses nothing else.

``THREADLOG_DAMAGES`` says how many logs to damage, ``THREADLOG_SEED`` with which chance.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from file.damaged import BACKEND, Sample, examine, twins
from file.logs import everything, threads_of
from file.power.disk import Disk
from file.power.lives import PATH
from file.power.seam import DiskFiles
from threadlog.log import Event, Finding, LogError
from threadlog_file import FileMaintenance

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(36_000)]

DAMAGES = int(os.environ.get("THREADLOG_DAMAGES", "250"))

Content: TypeAlias = dict[str, bytes]
"""Name and content of each file of a log."""


@dataclass(frozen=True)
class Logs:
    """What to damage, and where to take from what does not belong."""

    whole: Sample
    other: Sample
    """A log of the same shape."""
    twin: Sample
    """A copy of the log that went on by itself from the middle on."""


@pytest.fixture
async def logs() -> Logs:
    """All of them."""
    whole, twin = await twins()
    other, _ = await twins()
    return Logs(whole, other, twin)


def stored(files: Mapping[str, bytes]) -> Content:
    """The files that matter."""
    return {name: data for name, data in files.items() if name.endswith((".seg", ".idx")) or "." not in name}


def pick(files: Mapping[str, bytes], rng: random.Random, *ends: str) -> str:
    """One of the files that hold something and are called so."""
    return rng.choice(sorted(name for name, data in files.items() if name.endswith(ends) and data and name != "LOCK"))


def overwrite(files: Content, logs: Logs, rng: random.Random) -> None:
    """A run of zeros, ones or anything, of a few bytes or of whole blocks."""
    name = pick(files, rng, "")
    data, size = files[name], rng.choice((1, 2, 8, 64, 512, 4096))
    at = rng.randrange(len(data)) // rng.choice((1, min(size, 512))) * 1
    run = rng.choice((bytes(size), b"\xff" * size, b"\n" * size, rng.randbytes(size)))
    files[name] = (data[:at] + run + data[at + size :])[: len(data)]


def move_block(files: Content, logs: Logs, rng: random.Random) -> None:
    """Bytes copied over others, within a file or from another one."""
    source, target = pick(files, rng, ".seg", ".idx"), pick(files, rng, ".seg", ".idx")
    size = rng.choice((16, 192, 512, 1024))
    start, at = rng.randrange(len(files[source])), rng.randrange(len(files[target]))
    block = files[source][start : start + size]
    files[target] = files[target][:at] + block + files[target][at + len(block) :]


def insert_or_remove(files: Content, logs: Logs, rng: random.Random) -> None:
    """Bytes that come or go, so that all behind them move."""
    name = pick(files, rng, ".seg", ".idx")
    at, size = rng.randrange(len(files[name])), rng.choice((1, 80, 700))
    more = files[pick(files, rng, ".seg")][:size] if rng.random() < 0.5 else b""
    files[name] = files[name][:at] + more + files[name][at + (0 if more else size) :]


def exchange(files: Content, logs: Logs, rng: random.Random) -> None:
    """A file of a log of the same shape, in place of this one's."""
    name = pick(files, rng, ".seg", ".idx", "MANIFEST", "WATERMARK")
    files[name] = logs.other.files().get(name, b"")


def mix_up(files: Content, logs: Logs, rng: random.Random) -> None:
    """Two files under each other's names."""
    kind = rng.choice((".seg", ".idx"))
    one, other = pick(files, rng, kind), pick(files, rng, kind)
    files[one], files[other] = files[other], files[one]


def cut_or_remove(files: Content, logs: Logs, rng: random.Random) -> None:
    """A file that ends too early, or is gone."""
    name = pick(files, rng, "")
    if rng.random() < 0.4:
        del files[name]
    else:
        files[name] = files[name][: rng.randrange(len(files[name]))]


def exchange_frame(files: Content, logs: Logs, rng: random.Random) -> None:
    """A frame of the other log, of the twin, or of another place of this one, in place of one of its size."""
    name = pick(files, rng, ".seg")
    frames = spans(files[name])
    source = rng.choice((files, stored(logs.other.files()), stored(logs.twin.files())))[name]
    fitting = [
        (span, place)
        for span in spans(source)
        for place in frames
        if span[1] - span[0] == place[1] - place[0] and source[slice(*span)] != files[name][slice(*place)]
    ]
    if fitting:
        span, place = rng.choice(fitting)
        files[name] = files[name][: place[0]] + source[slice(*span)] + files[name][place[1] :]


def diverge(files: Content, logs: Logs, rng: random.Random) -> None:
    """A segment, alone or with its index, an index alone, or the mark of the twin, in place of this log's."""
    twin = stored(logs.twin.files())
    name = rng.choice([name for name in sorted(files) if name == "WATERMARK" or parted(files, twin, name)])
    files[name] = twin[name]
    index = name.replace(".seg", ".idx")
    if index in files and rng.random() < 0.5:
        files[index] = twin[index]


def parted(files: Content, twin: Content, name: str) -> bool:
    """Whether it is a segment or an index, and the twins have no frame of that segment in common."""
    segment = name.replace(".idx", ".seg")
    if not segment.endswith(".seg"):
        return False
    return not any(twin[segment][slice(*span)] in files[segment] for span in spans(twin[segment]))


DAMAGERS: Sequence[Callable[[Content, Logs, random.Random], None]] = (
    overwrite,
    overwrite,
    move_block,
    insert_or_remove,
    exchange,
    mix_up,
    cut_or_remove,
    exchange_frame,
    exchange_frame,
    diverge,
    diverge,
)


def spans(segment: bytes) -> list[tuple[int, int]]:
    """Where the frames of a segment seem to begin and end."""
    starts = [at for at in range(len(segment)) if segment.startswith(b'{"frame":', at)]
    return list(zip(starts, [*starts[1:], len(segment)], strict=True))


def on_disk(whole: Sample, files: Content) -> Disk:
    """The log with these files in place of its own."""
    disk = whole.disk.copy()
    before = stored(whole.files())
    system = DiskFiles(disk)
    for name in sorted(before.keys() | files.keys()):
        if name not in files:
            system.unlink(f"{PATH}/{name}")
        elif files[name] != before.get(name):
            fd = system.open(f"{PATH}/{name}", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            system.pwrite(fd, files[name], 0)
    return disk


def named(findings: Sequence[str], name: str) -> bool:
    """Whether a file, or the segment or index that belongs with it, is told of."""
    return any(place.partition(" ")[0].partition(".")[0] == name.partition(".")[0] for place in findings)


def repair(disk: Disk) -> list[Finding]:
    """Repair the log; what is told that is more than a remark."""
    report = FileMaintenance(PATH, BACKEND.how, files=DiskFiles(disk)).repair()
    assert report.ok, report.findings
    return [finding for finding in report.findings if finding.level != "info"]


def in_frames(before: bytes, after: bytes | None, first: int) -> set[int]:
    """Positions of the frames of a segment that are not in it as they were."""
    lost: set[int] = set()
    for start, end in spans(before):
        events = before[start + 192 : end].count(b"\n")
        if after is None or before[start:end] not in after:
            lost |= set(range(first, first + events))
        first += events
    return lost


async def check_repaired(disk: Disk, events: Sequence[Event], may_be_lost: set[int]) -> int:
    """Everything is there as it was, or a mark stands for it where it was damaged; returns how many marks there are."""
    async with BACKEND.log(DiskFiles(disk.copy())) as log:
        now = await everything(log)
        assert await threads_of(log, now) == now
    changed = {event.position for event, before in zip(now, events, strict=False) if event != before}
    assert len(now) >= len(events)
    assert {event.type for event in now if event.position in changed or event.position > len(events)} <= {"log.lost"}
    assert changed <= may_be_lost
    return len(changed)


async def test_any_damage(logs: Logs) -> None:
    """Whatever happens to some bytes, files or frames of a log."""
    seed = int(os.environ.get("THREADLOG_SEED", time.time_ns() % 1_000_000_007))
    rng, count = random.Random(seed), Counter[str]()
    before = stored(logs.whole.files())
    for number in range(DAMAGES):
        files = dict(before)
        damager = rng.choice(DAMAGERS)
        damager(files, logs, rng)
        touched = {name for name in before if files.get(name) != before[name]}
        case = f"THREADLOG_SEED={seed}, damage {number}: {damager.__name__} {sorted(touched)}"
        disk = on_disk(logs.whole, files)
        told = await examine(disk, logs.whole.events)
        assert not told.bad, (case, told.bad)
        if told.places or any(not name.endswith(".idx") for name in touched if told.findings):
            assert told.findings, (case, told)
            assert any(named(told.findings, name) for name in touched), (case, told)
        may_be_lost: set[int] = set()
        for name in touched:
            segment = name.replace(".idx", ".seg")
            if segment.endswith(".seg"):
                may_be_lost |= in_frames(before[segment], files.get(segment), int(segment[2:18]))
        try:
            repair(disk)
            assert repair(disk) == []
            lost = await check_repaired(disk, logs.whole.events, may_be_lost)
        except (AssertionError, LogError) as error:
            raise AssertionError(case) from error
        count["harmless" if not told.findings else "lost nothing" if not lost else "lost something"] += 1
    print(f"{DAMAGES} damages:", dict(count))
    assert count["lost something"]
