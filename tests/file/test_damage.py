"""A flipped bit, a cut or a missing file anywhere in a log is named with its place, or harms nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from file.damaged import Sample, covers, examine, sample

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(7200)]

STEP = int(os.environ.get("THREADLOG_FLIP_STEP", "23"))
"""Damage every so many bytes of what is larger than a sector; 1 is every byte."""

BITS = int(os.environ.get("THREADLOG_FLIP_BITS", "1"))
"""How many bits of each of these bytes to flip, one at a time."""

VERIFIED = ["segment", "index", "MANIFEST", "WATERMARK"]
FORGIVEN = ["LOCK", "snapshot"]
"""What LOCK says is for people, and a snapshot is a cache."""


@pytest.fixture
async def whole() -> Sample:
    """A whole log."""
    return await sample()


def files_of(whole: Sample, kind: str) -> Iterator[tuple[str, bytes]]:
    """The files of a kind."""
    kinds = {"seg": "segment", "idx": "index", "snap": "snapshot"}
    return ((name, data) for name, data in whole.files().items() if kinds.get(name.rpartition(".")[2], name) == kind)


def tells(name: str, at: int) -> bool:
    """Whether a byte tells something: the watermark has a sector for its title and for each of its marks."""
    return name != "WATERMARK" or at < 22 or (at >= 512 and at % 512 < 44 and at < 1536)


@pytest.mark.parametrize("kind", VERIFIED)
async def test_a_flip_is_named_or_harmless(whole: Sample, kind: str) -> None:
    """Nothing bad is served, verify names the place, and nothing else is accused."""
    count: Counter[str] = Counter()
    for name, data in files_of(whole, kind):
        for at in range(0, len(data), STEP if len(data) > 512 else 1):
            for bit in range(BITS):
                damaged = bytearray(data)
                damaged[at] ^= 1 << ((at // STEP + at + bit) % 8)
                told = await examine(whole.damaged(name, bytes(damaged)), whole.events)
                assert not told.bad, (name, at, bit)
                assert all(covers(place, name, at) for place in told.places + told.findings), (name, at, told)
                assert told.findings or not tells(name, at), (name, at)
                count["refused" if told.places else "served all the same"] += 1
                count["named by verify"] += bool(told.findings)
    print(kind, dict(count))
    assert count["named by verify"]


@pytest.mark.parametrize("kind", VERIFIED)
async def test_a_cut_file_is_named(whole: Sample, kind: str) -> None:
    """Wherever a file ends too early, or when it is gone: nothing bad is served, and the file is named."""
    count: Counter[str] = Counter()
    for name, data in files_of(whole, kind):
        for size in (None, *range(0, len(data), STEP)):
            told = await examine(whole.damaged(name, None if size is None else data[:size]), whole.events)
            assert not told.bad, (name, size)
            assert told.findings or kind == "index", (name, size)
            if size is not None:
                named = {place.partition(" ")[0].partition(".")[0] for place in told.places + told.findings}
                assert named <= {name.partition(".")[0]}, (name, size, told)  # or the index beside it
            count["refused" if told.places else "served all the same"] += 1
    print(kind, dict(count))


@pytest.mark.parametrize("kind", FORGIVEN)
async def test_damage_that_says_nothing(whole: Sample, kind: str) -> None:
    """Whatever these files hold, everything is served and nothing is complained of."""
    for name, data in files_of(whole, kind):
        contents = [None, b"", b"\xff" * 300, b'{"\xff":1}', bytes(300)]
        contents += [data[:size] for size in range(0, len(data), 20 * STEP)]
        contents += [data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :] for at in range(0, len(data[:300]), STEP)]
        for content in contents:
            told = await examine(whole.damaged(name, content), whole.events)
            assert (told.places, told.findings, told.bad) == ([], [], [])


async def test_a_whole_log_tells_of_nothing(whole: Sample) -> None:
    """Without damage there is nothing to find."""
    told = await examine(whole.disk, whole.events)
    assert (told.places, told.findings, told.bad) == ([], [], [])
