"""A log whose calls a test can stop, fail and watch: the way to every interleaving without a clock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from threadlog.log import Append, Committer, Expect, NewEvent, Outcome, ShardPage, ThreadPage
from threadlog.log.memory import MemoryLog


class Gate:
    """A closed gate: who comes waits until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Let everybody pass, now and later."""
        self._opened.set()

    async def arrive(self) -> None:
        """Wait before the gate."""
        self.reached.set()
        await self._opened.wait()


class GatedLog(MemoryLog):
    """A memory log with a gate before and after each call.

    Points are named ``append`` and ``appended`` (before and after an append is stored), ``read_thread``, ``read_shard``
    and ``wait`` (before), ``read`` and ``waited`` (after a read or a wait has its answer).
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.calls: list[tuple[int, list[Append]]] = []
        """Each append call: its shard and its appends."""
        self.reads: list[tuple[str, int]] = []
        """Each read: its method and its `after`."""
        self._gates: dict[str, Gate] = {}
        self._errors: defaultdict[str, list[BaseException]] = defaultdict(list)

    def hold(self, point: str) -> Gate:
        """Close a new gate at a point, in place of the one that is there."""
        gate = self._gates[point] = Gate()
        return gate

    def fail(self, point: str, *errors: BaseException) -> None:
        """Raise these, one after the other, from the next calls that reach a point."""
        self._errors[point].extend(errors)

    @property
    def batches(self) -> list[int]:
        """Number of appends of each call."""
        return [len(appends) for _, appends in self.calls]

    async def append(self, shard: int, appends: Sequence[Append]) -> Sequence[Outcome]:
        """Append, with gates ``append`` and ``appended``."""
        self.calls.append((shard, list(appends)))
        await self._at("append")
        outcomes = await super().append(shard, appends)
        await self._at("appended")
        return outcomes

    async def read_thread(
        self, tenant: str, thread_id: str, *, after: int = 0, limit: int = 100, backward: bool = False
    ) -> ThreadPage:
        """Read, with gates ``read_thread`` and ``read``."""
        self.reads.append(("read_thread", after))
        await self._at("read_thread")
        page = await super().read_thread(tenant, thread_id, after=after, limit=limit, backward=backward)
        await self._at("read")
        return page

    async def read_shard(self, shard: int, *, after: int = 0, limit: int = 100, tenant: str | None = None) -> ShardPage:
        """Read, with gates ``read_shard`` and ``read``."""
        self.reads.append(("read_shard", after))
        await self._at("read_shard")
        page = await super().read_shard(shard, after=after, limit=limit, tenant=tenant)
        await self._at("read")
        return page

    async def wait(self, shard: int, *, after: int, timeout: float) -> int:
        """Wait, with gates ``wait`` and ``waited``."""
        await self._at("wait")
        last = await super().wait(shard, after=after, timeout=timeout)
        await self._at("waited")
        return last

    async def _at(self, point: str) -> None:
        if point in self._gates:
            await self._gates[point].arrive()
        if self._errors[point]:
            raise self._errors[point].pop(0)


def one(
    append_id: str,
    *,
    thread: str = "thr_1",
    tenant: str = "acme",
    events: int = 1,
    data: bytes = b"{}",
    trace: str | None = None,
) -> Append:
    """An append that expects nothing."""
    return Append(
        tenant=tenant,
        thread_id=thread,
        append_id=append_id,
        expected=Expect.ANY,
        events=tuple(NewEvent("note", data) for _ in range(events)),
        trace=trace,
    )


async def until(condition: Callable[[], object], turns: int = 10_000) -> None:
    """Let the loop turn until a condition holds."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition did not come to hold")


async def turns(count: int) -> None:
    """Let the loop turn a number of times."""
    for _ in range(count):
        await asyncio.sleep(0)


def library_tasks() -> set[str]:
    """Names of all tasks that the library runs now."""
    return {name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("threadlog")}


class Crowd:
    """Callers of a committer, each with one append."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self.callers: list[asyncio.Task[Outcome]] = []

    def add(self, *appends: Append) -> list[asyncio.Task[Outcome]]:
        """Start one caller for each append."""
        callers = [asyncio.create_task(self._committer.append(append)) for append in appends]
        self.callers.extend(callers)
        return callers

    async def outcomes(self) -> list[Outcome | BaseException]:
        """What each caller got."""
        return await asyncio.gather(*self.callers, return_exceptions=True)
