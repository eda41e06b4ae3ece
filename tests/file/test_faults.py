"""When the N-th file operation fails: nothing acknowledged is lost, nothing half is served, the log says what is up."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from file.faulty import FaultyFiles
from file.logs import PLAIN, SMALL, append, everything, opened, threads_of
from threadlog.log import (
    Append,
    Appended,
    Event,
    LogBusy,
    LogError,
    LogStopped,
    OpenOptions,
    StorageFull,
)
from threadlog_file import FileLog, FileOptions

pytestmark = pytest.mark.anyio

ROUNDS = 14


async def script(log: FileLog, acknowledged: list[Event]) -> list[LogError]:
    """A few calls with several appends each; what is acknowledged goes into the list, what is refused is returned."""
    errors: list[LogError] = []
    for number in range(0, 2 * ROUNDS, 2):
        call = [append(number, thread="t", count=3), append(number + 1, thread=f"u{number % 4}", count=2)]
        try:
            for outcome in await log.append(0, call):
                assert isinstance(outcome, Appended)
                acknowledged += outcome.events
        except LogError as error:
            errors.append(error)
            assert await threads_of(log, acknowledged) == acknowledged  # reading goes on
            assert await everything(log) == acknowledged
    return errors


async def count_calls(path: Path, how: FileOptions) -> int:
    """How many file operations the script takes."""
    files = FaultyFiles()
    async with opened(path, how, files=files) as log:
        await script(log, [])
    return len(files.calls)


def once(at: int, error: OSError) -> Callable[[str, int], OSError | None]:
    """A judge that fails the call with this number."""
    return lambda name, number: error if number == at else None


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EMFILE], ids=lambda code: errno.errorcode[code])
async def test_the_nth_operation_fails(tmp_path: Path, code: int) -> None:
    """Whatever operation fails, once: acknowledged events stay, others appear wholly or not at all, reopening works."""
    total = await count_calls(tmp_path / "count", SMALL)
    refused = 0
    for at in range(1, total + 1):
        files, acknowledged = FaultyFiles(), list[Event]()
        files.judge = once(at, OSError(code, "made to fail"))
        log = FileLog(str(tmp_path / f"log-{at}"), None, SMALL, files=files)
        try:
            await log.open()
        except LogError:
            pass
        else:
            refused += len(await script(log, acknowledged))
            await log.close()
        await whole_after_reopening(tmp_path / f"log-{at}", acknowledged)
    assert refused > 10


async def whole_after_reopening(path: Path, acknowledged: list[Event]) -> None:
    """The log opens, holds what was acknowledged, and nothing in part."""
    async with opened(path, SMALL) as log:
        events = await everything(log)
        ids = {event.id for event in events}
        assert {event.id for event in acknowledged} <= ids
        calls: dict[int, int] = {}
        for event in events:
            number = int(event.append_id.split("-")[1])
            calls[number - number % 2] = calls.get(number - number % 2, 0) + 1
        assert set(calls.values()) <= {5}
        assert await threads_of(log, events) == events


async def test_a_short_write_is_finished(tmp_path: Path) -> None:
    """A write that takes only half is no fault."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log:
        await log.append(0, [append(0)])
        files.short = True
        await log.append(0, [append(1, count=5)])
        assert not files.short
        events = await everything(log)
    async with opened(tmp_path / "log") as log:
        assert await everything(log) == events


async def test_a_failed_flush_is_never_tried_again(tmp_path: Path) -> None:
    """After a failed flush the log asks the disk for nothing more, refuses appends, and serves what it holds."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log:
        await log.append(0, [append(0)])
        with files.failing("flush"), pytest.raises(LogStopped, match="flushing failed") as caught:
            await log.append(0, [append(1)])
        assert not isinstance(caught.value, StorageFull)
        files.calls.clear()
        with pytest.raises(LogStopped):
            await log.append(0, [append(2)])
        assert "flush" not in files.calls
        assert "pwrite" not in files.calls
        assert [event.append_id for event in await everything(log)] == ["append-0"]
        status = await log.status()
        assert not status.writable
        assert "flushing failed" in (status.reason or "")
    assert "flush" not in files.calls
    async with opened(tmp_path / "log") as log:
        assert [event.append_id for event in await everything(log)] == ["append-0", "append-1"]
        assert (await log.status()).writable
        assert [type(o).__name__ for o in await log.append(0, [append(1)])] == ["Duplicate"]


async def test_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    """A write that finds no room leaves nothing behind; appends go on by themselves when there is room."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log:
        await log.append(0, [append(0)])
        size = next((tmp_path / "log").glob("*.seg")).stat().st_size
        with files.failing("pwrite", code=errno.ENOSPC):
            for number in (1, 2):
                with pytest.raises(StorageFull):
                    await log.append(0, [append(number)])
        assert next((tmp_path / "log").glob("*.seg")).stat().st_size == size
        assert [event.append_id for event in await everything(log)] == ["append-0"]
        await log.append(0, [append(1)])
        assert [event.append_id for event in await everything(log)] == ["append-0", "append-1"]


async def test_half_a_frame_on_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    """When the disk takes a part of a frame and then no more, the part goes."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", FileOptions(sync="inline", reserve_bytes=0), files=files) as log:
        await log.append(0, [append(0)])
        writes = 0

        def second_write(name: str, number: int) -> OSError | None:
            nonlocal writes
            writes += name == "pwrite"
            return OSError(errno.ENOSPC, "made to fail") if name == "pwrite" and writes == 2 else None

        files.short, files.judge = True, second_write
        with pytest.raises(StorageFull):
            await log.append(0, [append(1, count=9)])
        files.judge = lambda name, number: None
        await log.append(0, [append(2)])
    async with opened(tmp_path / "log") as log:
        assert [event.append_id for event in await everything(log)] == ["append-0", "append-2"]
    assert not (tmp_path / "log" / "aside").exists()


async def test_the_reserve_is_kept(tmp_path: Path) -> None:
    """Appends are refused while there is still some room, so that reading, closing and recovery have it."""

    class NearlyFull(FaultyFiles):
        left = 1_000_000

        def free(self, path: str) -> int:
            return self.left

    files = NearlyFull()
    how = FileOptions(sync="inline", reserve_bytes=500_000)
    async with opened(tmp_path / "log", how, files=files) as log:
        await log.append(0, [append(0)])
        files.left = 500_100
        with pytest.raises(StorageFull, match="500100 bytes are free"):
            await log.append(0, [append(1)])
        files.left = 400_000
        status = await log.status()
        assert (status.writable, "full" in (status.reason or "")) == (False, True)
        assert len(await everything(log)) == 1
        files.left = 1_000_000
        assert (await log.status()).writable
        await log.append(0, [append(1)])


async def test_too_many_open_files_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    """Where a new segment finds no descriptor, the append is refused for now and may be tried again."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log:
        with files.failing("open", code=errno.EMFILE), pytest.raises(LogBusy):
            await log.append(0, [append(0)])
        await log.append(0, [append(0)])
        assert (await log.status()).writable


async def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """When the disk does not give what it holds, the read says so and the log goes on."""
    files = FaultyFiles()
    async with opened(tmp_path / "log", files=files) as log:
        await log.append(0, [append(0)])
        with files.failing("pread"), pytest.raises(LogError, match="cannot be read"):
            await log.read_thread("acme", "t")
        assert len((await log.read_thread("acme", "t")).events) == 1
        await log.append(0, [append(1)])


async def test_an_index_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    """Indexes are derived: without them the log goes on, and the next opening makes them."""
    files = FaultyFiles()
    files.judge = lambda name, number: None
    acknowledged: list[Event] = []
    real = files.rename

    def rename(source: str, target: str) -> None:
        if target.endswith(".idx"):
            raise OSError(errno.EIO, "made to fail")
        real(source, target)

    files.rename = rename  # type: ignore[method-assign]
    async with opened(tmp_path / "log", SMALL, files=files) as log:
        assert await script(log, acknowledged) == []
        assert await threads_of(log, acknowledged) == acknowledged
    assert not list((tmp_path / "log").glob("*.idx"))
    async with opened(tmp_path / "log", PLAIN) as log:
        assert await everything(log) == acknowledged
    assert list((tmp_path / "log").glob("*.idx"))


async def test_a_read_only_log_says_why_it_does_not_append(tmp_path: Path) -> None:
    """Its status names the reason."""
    async with opened(tmp_path / "log"):
        pass
    async with FileLog(str(tmp_path / "log"), OpenOptions(read_only=True)) as log:
        status = await log.status()
        assert (status.writable, status.reason) == (False, "the log is open for reading only.")


def test_appends_of_the_script_are_unique() -> None:
    """The helper gives each append an id of its own, so that losses show."""
    assert isinstance(append(1), Append)
    assert append(1).append_id != append(2).append_id
