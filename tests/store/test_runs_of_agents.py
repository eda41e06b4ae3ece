"""Real agent runs, folded at every seq."""

from __future__ import annotations

from typing import Any

import pytest

from threadlog.exchange import import_run
from threadlog.log import open_log
from threadlog.projection import ThreadState
from threadlog.store import Principal, ThreadStore

pytestmark = pytest.mark.anyio


async def test_the_state_of_every_imported_thread_at_every_seq_is_the_fold_from_zero(
    airline_runs: list[dict[str, Any]], alice: Principal
) -> None:
    """One by one, from the store, and from a snapshot in between."""
    async with open_log("memory:") as log, ThreadStore(log) as store:
        for run in airline_runs:
            outcome = await import_run(store, alice, run)
            assert outcome.thread_id is not None
            events = (await log.read_thread("acme", outcome.thread_id, limit=1000)).events
            state = ThreadState.empty("acme", outcome.thread_id)
            for event in events:
                state = state.apply(event)
                if event.seq % 7 == 0:
                    state = ThreadState.from_json("acme", outcome.thread_id, state.to_json())
                assert state == ThreadState.fold(events[: event.seq])
            assert state.ignored == 0
            assert (await store.state(alice, outcome.thread_id)) == state.seen_by(alice.audience)
            for seq in (1, len(events) // 2, len(events) - 1):
                at = await store.state(alice, outcome.thread_id, at=seq)
                assert at == ThreadState.fold(events[:seq]).seen_by(alice.audience)
