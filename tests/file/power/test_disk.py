"""The simulated disk shows programs what a real one shows them, and a power cut leaves what it may leave."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from file.power.disk import PAGE, SIZE, ZEROS, Disk
from file.power.seam import DiskFiles
from file.power.states import any_state, every_state, states
from threadlog_file import Files

NAMES = st.sampled_from(["a", "b", "c"])
OFFSETS = st.integers(0, 3 * PAGE)
CALLS = st.one_of(
    st.tuples(st.just("open"), NAMES, st.sampled_from([os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_TRUNC])),
    st.tuples(st.just("pwrite"), st.binary(max_size=PAGE + 100), OFFSETS),
    st.tuples(st.just("pread"), OFFSETS, OFFSETS),
    st.tuples(st.just("truncate"), OFFSETS),
    st.tuples(st.just("flush")),
    st.tuples(st.just("size")),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("link"), NAMES, NAMES),
    st.tuples(st.just("unlink"), NAMES),
    st.tuples(st.just("names")),
    st.tuples(st.just("exists"), NAMES),
)
BY_PATH = {"open", "rename", "link", "unlink", "exists"}


class Driver:
    """Makes the same calls on any `Files`."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder
        self._fd: int | None = None

    def do(self, name: str, *arguments: Any) -> Any:
        """Make one call; returns its answer, or the kind of its error."""
        try:
            return self._do(name, *arguments)
        except OSError as error:
            return type(error)

    def close(self) -> None:
        """Close what is open."""
        if self._fd is not None:
            self._files.close(self._fd)
        self._fd = None

    def _do(self, name: str, *arguments: Any) -> Any:
        if name == "names":
            return sorted(self._files.names(self._folder))
        if name in BY_PATH:
            paths = (f"{self._folder}/{a}" if isinstance(a, str) else a for a in arguments)
            answer = getattr(self._files, name)(*paths)
            if name != "open":
                return answer
            self.close()
            self._fd = answer
            return "open"
        if self._fd is None:
            return None
        return getattr(self._files, name)(self._fd, *arguments)


@settings(max_examples=150, deadline=None)
@given(st.lists(CALLS, max_size=25))
def test_programs_see_what_a_real_disk_shows(calls: list[tuple[Any, ...]]) -> None:
    """Any calls are answered as by the operating system."""
    with tempfile.TemporaryDirectory() as folder:
        real = Driver(Files(), folder)
        simulated_files = DiskFiles(Disk())
        simulated_files.mkdir("/log")
        simulated = Driver(simulated_files, "/log")
        for call in calls:
            assert simulated.do(*call) == real.do(*call), call
        real.close()
        tree = {Path(path).name: data for path, data in simulated_files.disk.tree().items() if data is not None}
        assert tree == {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def disk_of_one_file() -> tuple[DiskFiles, int]:
    """A disk with a durable empty file, open."""
    files = DiskFiles(Disk())
    fd = files.open("/file", os.O_RDWR | os.O_CREAT)
    files.flush(fd)
    files.flush_dir("/")
    return files, fd


def contents(disk: Disk, path: str = "/file") -> set[bytes | None]:
    """What the file may hold after a cut; None where it may be missing."""
    return {state.tree().get(path) for state in every_state(disk)}


def test_an_unflushed_write_may_be_lost_torn_or_only_its_size_there() -> None:
    """All of a write, none of it, its beginning, its size with zeros, or its data cut off by the old size."""
    files, fd = disk_of_one_file()
    files.pwrite(fd, b"abc", 0)
    assert contents(files.disk) == {b"abc", b"", b"\0\0\0", b"a\0\0", b"ab\0"}
    files.flush(fd)
    assert contents(files.disk) == {b"abc"}


def test_pages_reach_the_disk_in_any_order() -> None:
    """A later page may be there without an earlier one, and the other way round."""
    files, fd = disk_of_one_file()
    files.pwrite(fd, b"a" * PAGE + b"b" * PAGE, 0)
    found = contents(files.disk)
    assert {b"a" * PAGE + ZEROS, ZEROS + b"b" * PAGE, ZEROS * 2, b"a" * PAGE + b"b" * PAGE, b""} <= found


def test_a_page_may_be_as_it_was_at_any_moment() -> None:
    """Also as between two of several writes."""
    files, fd = disk_of_one_file()
    files.pwrite(fd, b"old-", 0)
    files.flush(fd)
    for data in (b"new1", b"new2"):
        files.pwrite(fd, data, 0)
    assert {b"old-", b"new1", b"new2", b"nld-"} <= contents(files.disk)


def test_a_mapped_page_may_have_reached_the_disk_or_not() -> None:
    """Nobody flushes it, so any former state of it is possible, however long ago it was."""
    files, fd = disk_of_one_file()
    files.pwrite(fd, bytes(8), 0)
    files.flush(fd)
    page = files.map(fd, 8, writable=True)
    for data in (b"1111", b"2222", b"3333"):
        page.store(0, data)
    assert {bytes(8), *(data + bytes(4) for data in (b"1111", b"2222", b"3333"))} <= contents(files.disk)
    assert page.load(0, 4) == b"3333"


def test_names_are_lost_until_the_folder_is_flushed() -> None:
    """A renamed file may be under its old name, its new one, both or none, with or without its data."""
    files = DiskFiles(Disk())
    fd = files.open("/a.tmp", os.O_RDWR | os.O_CREAT)
    files.pwrite(fd, b"x", 0)
    files.rename("/a.tmp", "/a")
    found = [set(state.tree()) - {""} for state in every_state(files.disk)]
    assert all(names in found for names in ({"/a"}, {"/a.tmp"}, {"/a", "/a.tmp"}, set()))
    assert contents(files.disk, "/a") == {None, b"", b"x", b"\0"}
    files.flush_dir("/")
    assert contents(files.disk, "/a") == {b"", b"x", b"\0"}


def test_what_a_failed_flush_forgot_no_later_flush_stores() -> None:
    """Programs see it, the next flush succeeds, and after a cut it is gone; unless it is written again."""
    files, fd = disk_of_one_file()
    files.pwrite(fd, b"abc", 0)
    files.disk.fail_flush(1)
    files.flush(fd)
    assert files.pread(fd, 3, 0) == b"abc"
    assert b"" in contents(files.disk)
    files.pwrite(fd, b"abcd", 0)
    files.flush(fd)
    assert contents(files.disk) == {b"abcd"}


@pytest.mark.parametrize("most", [2, 50])
def test_samples_are_bounded_and_hold_the_extremes(most: int) -> None:
    """Where there are more states than asked for, nothing and everything of what was not flushed come first."""
    files, fd = disk_of_one_file()
    for number in range(20):
        files.pwrite(fd, b"%d" % number * 3000, number * 3000)
    found = [state.tree()["/file"] for state in states(files.disk, most, random.Random(1))]
    assert len(found) == most
    assert found[:2] == [b"", files.disk.tree()["/file"]]
    assert any_state(files.disk, random.Random(1)).nodes[1].get(SIZE) <= files.disk.nodes[1].get(SIZE)
