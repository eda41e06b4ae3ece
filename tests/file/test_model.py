"""Whatever is done to a file log, it answers like the log in memory: Hypothesis looks for a way to tell them apart."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from file.faulty import HastyFiles
from file.logs import SMALL
from threadlog.log import (
    Append,
    Event,
    EventLog,
    Expect,
    Head,
    HeadChange,
    MemoryLog,
    NewEvent,
    OpenOptions,
    Outcome,
)
from threadlog_file import FileLog, FileMaintenance

T = TypeVar("T")
TENANTS = ["acme", "umbrella", "globex"]
"""The last one lives in another shard than the first two."""
THREADS = ["t1", "t2", "t3"]

heads = st.none() | st.builds(
    HeadChange,
    owner=st.just(msgspec.UNSET) | st.sampled_from(["alice", "bob"]),
    title=st.just(msgspec.UNSET) | st.none() | st.text("ab\u00e9\n", max_size=4),
    deleted=st.just(msgspec.UNSET) | st.booleans(),
)
events = st.builds(
    NewEvent,
    type=st.sampled_from(["a.b", "c"]),
    data=st.sampled_from([b"1", b' {"x":[1e2]} ', b'"\\u0000"', b'{"long":"' + b"x" * 900 + b'"}']),
    version=st.integers(1, 2),
    head=heads,
)
appends = st.builds(
    Append,
    tenant=st.sampled_from(TENANTS),
    thread_id=st.sampled_from(THREADS),
    append_id=st.integers(0, 60).map("id-{}".format),
    expected=st.just(Expect.ANY) | st.sampled_from(list(Expect)) | st.integers(0, 6),
    events=st.lists(events, min_size=1, max_size=4).map(tuple),
    actor=st.none() | st.just("user:alice"),
)
SHARDS = 2


def plain(event: Event) -> Event:
    """An event without what differs by nature: its id and time."""
    return msgspec.structs.replace(event, id="", time_us=0)


def plain_outcome(outcome: Outcome) -> tuple[Any, ...]:
    """An outcome without ids and times."""
    told = [getattr(outcome, name) for name in outcome.__struct_fields__ if name != "events"]
    return (type(outcome).__name__, told, [plain(event) for event in getattr(outcome, "events", ())])


def plain_head(head: Head) -> Head:
    """A head without its time."""
    return msgspec.structs.replace(head, created_us=0)


def copy_as_killed(source: Path, target: Path) -> None:
    """Copy the files of an open log; an index may be getting its name meanwhile."""
    target.mkdir()
    for file in source.iterdir():
        if file.is_file():
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(file, target)


class FileLogMachine(RuleBasedStateMachine):
    """A file log, a reader of it, and a log in memory that gets the same calls."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="threadlog-model-"))
        self.generation = 0

    def compare(self) -> None:
        """All logs hold the same, by thread, by shard and in listings."""
        for tenant in TENANTS:
            for thread in THREADS:
                self.read_thread(tenant, thread, 0, 1000, backward=False)
            self.list_heads(tenant, None, None, 1000, newest_first=True)
        for shard in range(SHARDS):
            self.read_shard(shard, 0, 1000, None)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call to its end."""
        return self.runner.run(call)

    @property
    def path(self) -> Path:
        """Where the log is now."""
        return self.folder / str(self.generation)

    @initialize()
    def open(self) -> None:
        """Begin with empty logs."""
        self.memory = MemoryLog(SHARDS)
        self.run(self.memory.open())
        self.open_file()

    def open_file(self) -> None:
        """Open the file log and its reader."""
        self.file = FileLog(str(self.path), OpenOptions(shards=SHARDS), SMALL, files=HastyFiles())
        self.run(self.file.open())
        self.reader = FileLog(str(self.path), OpenOptions(read_only=True), SMALL, files=HastyFiles())
        self.run(self.reader.open())

    def close_file(self) -> None:
        """Compare all there is, and close them."""
        self.compare()
        self.run(self.reader.close())
        self.run(self.file.close())

    @rule(given=st.lists(appends, min_size=1, max_size=4))
    def append_more(self, given: Sequence[Append]) -> None:
        """As below: most of what is done is to append."""
        self.append(given)

    @rule(given=st.lists(appends, min_size=1, max_size=8))
    def append(self, given: Sequence[Append]) -> None:
        """Both logs decide alike."""
        shard = self.memory.shard_of(given[0].tenant)
        given = [append for append in given if self.memory.shard_of(append.tenant) == shard]
        expected, found = (self.run(log.append(shard, given)) for log in (self.memory, self.file))
        assert list(map(plain_outcome, found)) == list(map(plain_outcome, expected))

    @rule(
        tenant=st.sampled_from(TENANTS),
        thread=st.sampled_from(THREADS),
        after=st.integers(0, 5) | st.integers(0, 30),
        limit=st.integers(1, 12),
        backward=st.booleans(),
    )
    def read_thread(self, tenant: str, thread: str, after: int, limit: int, *, backward: bool) -> None:
        """Pages of threads are alike."""

        def page(log: EventLog) -> tuple[list[Event], int]:
            found = self.run(log.read_thread(tenant, thread, after=after, limit=limit, backward=backward))
            return [plain(event) for event in found.events], found.last_seq

        assert page(self.memory) == page(self.file) == page(self.reader)

    @rule(
        shard=st.integers(0, SHARDS - 1),
        after=st.integers(0, 15) | st.integers(0, 60),
        limit=st.integers(1, 12),
        tenant=st.none() | st.sampled_from(TENANTS),
    )
    def read_shard(self, shard: int, after: int, limit: int, tenant: str | None) -> None:
        """Pages of shards are alike."""

        def page(log: EventLog) -> tuple[list[Event], int, int]:
            found = self.run(log.read_shard(shard, after=after, limit=limit, tenant=tenant))
            return [plain(event) for event in found.events], found.looked_to, found.last_position

        assert page(self.memory) == page(self.file) == page(self.reader)

    @rule(
        tenant=st.sampled_from(TENANTS),
        owner=st.none() | st.sampled_from(["alice", "bob", "eve"]),
        after=st.none() | st.sampled_from([*THREADS, "unknown"]),
        limit=st.integers(1, 3),
        newest_first=st.booleans(),
    )
    def list_heads(self, tenant: str, owner: str | None, after: str | None, limit: int, *, newest_first: bool) -> None:
        """Listings are alike."""

        def page(log: EventLog) -> tuple[list[Head], bool]:
            found = self.run(log.list_heads(tenant, owner=owner, after=after, limit=limit, newest_first=newest_first))
            return [plain_head(head) for head in found.heads], found.has_more

        assert page(self.memory) == page(self.file) == page(self.reader)

    @rule()
    def reopen(self) -> None:
        """Closing and opening changes nothing."""
        self.close_file()
        self.open_file()

    @rule(data=st.data())
    def lose_an_index(self, data: st.DataObject) -> None:
        """Neither does losing an index."""
        self.close_file()
        indexes = sorted(self.path.glob("*.idx"))
        if indexes:
            data.draw(st.sampled_from(indexes)).unlink()
        self.open_file()

    @rule()
    def die(self) -> None:
        """A copy of the files at any moment is what a killed process leaves."""
        before = self.path
        self.generation += 1
        copy_as_killed(before, self.path)
        self.close_file()
        shutil.rmtree(before)
        self.open_file()

    @precondition(lambda self: self.generation < 3)
    @rule()
    def go_on_with_a_backup(self) -> None:
        """A backup is the same log."""
        source = FileMaintenance(str(self.path), SMALL, files=HastyFiles())
        self.generation += 1
        assert source.backup(str(self.path)).ok
        self.close_file()
        self.open_file()

    @rule()
    def copy_by_restoring(self) -> None:
        """What is restored into an empty log is the same history."""
        self.generation += 1
        copy = FileLog(str(self.path), OpenOptions(shards=SHARDS), SMALL, files=HastyFiles())
        self.run(self.copy(copy))
        self.close_file()
        self.open_file()

    async def copy(self, copy: FileLog) -> None:
        """Restore everything page by page, each page twice."""
        async with copy:
            for shard in range(SHARDS):
                at = 0
                while (page := await self.file.read_shard(shard, after=at, limit=7)).events:
                    at = page.looked_to
                    for _ in range(2):
                        assert await copy.restore(shard, page.events) == at

    @rule()
    def verify(self) -> None:
        """Nothing is ever found."""
        report = FileMaintenance(str(self.path), SMALL).verify()
        assert (report.ok, [finding for finding in report.findings if finding.level != "info"]) == (True, [])

    def teardown(self) -> None:
        """Leave nothing."""
        if hasattr(self, "file"):
            self.close_file()
        self.runner.close()
        shutil.rmtree(self.folder)


FileLogMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestModel = pytest.mark.timeout(600)(FileLogMachine.TestCase)
