"""Knowing, from the events that pass, when a thread's run has ended."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import Struct

from threadlog.projection import ThreadState
from threadlog.store import VisibleBatch
from threadlog_server.sse import Reason

_STARTED = "run.started"
_ENDED: dict[str, Reason] = {
    "run.completed": "completed",
    "run.failed": "failed",
    "run.cancelled": "cancelled",
    "run.interrupted": "interrupted",
}
_RUN_TYPES = frozenset({_STARTED, *_ENDED})


class Ended(Struct, frozen=True):
    """No run is active any more."""

    reason: Reason
    """How the last one ended; ``idle`` where there was none."""
    run_id: str | None = None


class RunWatch:
    """Follows the runs of one thread along with its events; runs that other runs started do not count.

    What happened up to the moment of watching is known from the thread's state; only what comes later is counted, so
    that a viewer who catches up is not stopped at the end of an old run.

    Args:
        state: the thread now.
    """

    def __init__(self, state: ThreadState) -> None:
        self._since = state.seq
        runs = [run for run in state.runs.values() if run.parent_run_id is None]
        self._active = {run.id for run in runs if run.active}
        over = [run for run in runs if run.ended_seq is not None]
        last = max(over, key=lambda run: run.ended_seq or 0, default=None)
        self._ended = Ended("idle") if last is None else Ended(cast("Reason", last.status), last.id)

    def is_over(self, seq: int) -> bool:
        """Whether a viewer who stands at `seq` has nothing to wait for."""
        return seq >= self._since and not self._active

    def see(self, batch: VisibleBatch) -> Ended | None:
        """Take note of a batch; the answer is the end of the last run, once a viewer has seen it all."""
        for seq, kind, run_id in _runs(batch):
            if seq > self._since:
                self._note(kind, run_id)
        return self._ended if self.is_over(batch.cursor.seq) else None

    def _note(self, kind: str, run_id: str) -> None:
        if kind == _STARTED:
            self._active.add(run_id)
        elif run_id in self._active:
            self._active.discard(run_id)
            self._ended = Ended(_ENDED[kind], run_id)


class _RunPayload(Struct):
    run_id: str
    parent_run_id: str | None = None


_decoder = msgspec.json.Decoder(_RunPayload)


def _runs(batch: VisibleBatch) -> list[tuple[int, str, str]]:
    """What begins and ends runs in a batch: looked for once for all its viewers."""
    found: list[tuple[int, str, str]] | None = batch.memo.get("runs")
    if found is None:
        runs = [(event, _decoder.decode(event.data)) for event in batch.events if event.type in _RUN_TYPES]
        found = batch.memo["runs"] = [
            (event.seq, event.type, run.run_id) for event, run in runs if run.parent_run_id is None
        ]
    return found
