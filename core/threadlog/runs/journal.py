"""Which runs are open, over all tenants: a small stream of its own in the log.

The contract of a log has no way to ask for threads by what goes on in them, so the runner writes down, before a run
begins, that it will, and afterwards that it is over. After a crash that is where the runs are found that nobody ended.
The thread's own events stay the truth: the journal only says where to look.
"""

from __future__ import annotations

import logging

import msgspec
from msgspec import Struct

from threadlog.log import Append, EventLog, Expect, NewEvent, Snapshot
from threadlog.log.committer import Committer

TENANT = "~threadlog"
"""The tenant of the journal; no user's."""
THREAD = "runs"
_PROJECTION, _VERSION = "open-runs", 1
_SNAPSHOT_EVERY = 1_000

_log = logging.getLogger("threadlog.runs")


class OpenRun(Struct, frozen=True, kw_only=True):
    """A run that began and, as far as the journal knows, has not ended."""

    tenant: str
    thread_id: str
    run_id: str
    user: str
    agent: str
    until_us: int
    """When it must be over by its own deadline: UTC, microseconds since 1970."""


class _State(Struct):
    runs: dict[str, OpenRun]


class RunJournal:
    """Keeps the open runs of one log."""

    def __init__(self, log: EventLog, committer: Committer) -> None:
        self._log, self._committer = log, committer
        self._written = 0

    async def opened(self, run: OpenRun) -> None:
        """Write down that a run is about to begin.

        Raises:
            LogError: the log cannot store it.
        """
        await self._append("runs.opened", run.run_id, msgspec.json.encode(run))

    async def closed(self, run_id: str) -> None:
        """Write down that a run is over. If it cannot be written, recovery will look at the run once more."""
        await self._append("runs.closed", run_id, msgspec.json.encode({"run_id": run_id}))
        self._written += 1
        if self._written % _SNAPSHOT_EVERY == 0:
            await self.open_runs()

    async def open_runs(self) -> list[OpenRun]:
        """All runs that began and have not ended, as far as the journal knows."""
        kept = await self._kept()
        runs, after, events = ({}, 0, 0) if kept is None else (*kept, 0)
        check = ""
        while (page := await self._log.read_thread(TENANT, THREAD, after=after, limit=1_000)).events:
            for event in page.events:
                if event.type == "runs.opened":
                    run = msgspec.json.decode(event.data, type=OpenRun)
                    runs[run.run_id] = run
                else:
                    runs.pop(msgspec.json.decode(event.data)["run_id"], None)
            after, check, events = page.events[-1].seq, page.events[-1].check, events + len(page.events)
        if events >= _SNAPSHOT_EVERY:
            await self._keep(runs, after, check)
        return list(runs.values())

    async def _append(self, kind: str, run_id: str, data: bytes) -> None:
        await self._committer.append(
            Append(
                tenant=TENANT,
                thread_id=THREAD,
                append_id=f"{kind} {run_id}",
                expected=Expect.ANY,
                events=(NewEvent(kind, data),),
            )
        )

    async def _kept(self) -> tuple[dict[str, OpenRun], int] | None:
        snapshot = await self._log.load_snapshot(TENANT, THREAD, _PROJECTION, _VERSION)
        if snapshot is None:
            return None
        page = await self._log.read_thread(TENANT, THREAD, after=snapshot.seq - 1, limit=1)
        if not page.events or page.events[0].check != snapshot.check:
            return None
        return msgspec.json.decode(snapshot.state, type=_State).runs, snapshot.seq

    async def _keep(self, runs: dict[str, OpenRun], seq: int, check: str) -> None:
        state = msgspec.json.encode(_State(runs))
        await self._log.save_snapshot(
            Snapshot(
                tenant=TENANT,
                thread_id=THREAD,
                projection=_PROJECTION,
                version=_VERSION,
                seq=seq,
                check=check,
                state=state,
            )
        )
