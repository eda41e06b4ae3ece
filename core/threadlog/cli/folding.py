"""The check of a log through its contract: are its numbers whole, and does each thread's state follow from them?

It works on any backend and reads only, beside a writer too. Each thread is folded from its first event, and the
outcome compared with that of the kept snapshot and the events after it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec
from msgspec import Struct

from threadlog.cli.output import Advance
from threadlog.log import Event, EventLog, Finding, Snapshot
from threadlog.model import Registry
from threadlog.projection import PROJECTION, VERSION, ThreadState

_PAGE = 1000


class FoldCheck(Struct, frozen=True):
    """What the check found."""

    events: int
    threads: int
    snapshots: int
    """Snapshots that were compared."""
    findings: tuple[Finding, ...]


async def check_folds(log: EventLog, registry: Registry, advance: Advance) -> FoldCheck:
    """Read the whole log by position, then each thread by seq.

    Args:
        log: an open log.
        registry: lifts old payloads.
        advance: is told how many threads are done, and how many there are.
    """
    findings: list[Finding] = []
    threads: dict[tuple[str, str], int] = {}
    for shard in range(log.info.shards):
        findings.extend([found async for found in _gaps(log, shard, threads)])
    snapshots = 0
    for done, (tenant, thread_id) in enumerate(threads, 1):
        snapshot = await log.load_snapshot(tenant, thread_id, PROJECTION, VERSION)
        snapshots += snapshot is not None
        findings += await _fold_findings(log, registry, tenant, thread_id, snapshot)
        advance(done, len(threads))
    return FoldCheck(sum(threads.values()), len(threads), snapshots, tuple(findings))


async def _gaps(log: EventLog, shard: int, threads: dict[tuple[str, str], int]) -> AsyncIterator[Finding]:
    """Positions and seqs that do not follow on those before them; `threads` is filled with each thread's last seq."""
    position, after, last = 0, 0, 1
    while after < last:
        page = await log.read_shard(shard, after=after, limit=_PAGE)
        for event in page.events:
            if event.position != position + 1:
                yield _wrong(f"shard {shard} position {event.position}", f"it follows position {position}")
            key = (event.tenant, event.thread_id)
            if event.seq != threads.get(key, 0) + 1:
                yield _wrong(f"{_place(event)}", f"it follows seq {threads.get(key, 0)}")
            position, threads[key] = event.position, event.seq
        after, last = max(page.looked_to, after), page.last_position
        if not page.events and after < last:
            yield _wrong(f"shard {shard} after position {after}", f"events are missing up to position {last}")
            return


async def _fold_findings(
    log: EventLog, registry: Registry, tenant: str, thread_id: str, snapshot: Snapshot | None
) -> list[Finding]:
    folded = ThreadState.empty(tenant, thread_id, registry)
    other = _restored(snapshot, registry)
    if isinstance(other, Finding):
        return [other]
    findings = []
    async for page in _pages(log, tenant, thread_id):
        lifted = tuple(_lifted(page, registry))
        if snapshot is not None and other is not None:
            findings += _check_finding(snapshot, page)
            other = other.apply_all(event for event in lifted if event.seq > snapshot.seq)
        folded = folded.apply_all(lifted)
    if other is not None and other != folded:
        message = "its snapshot and the events after it give another state than all its events"
        findings.append(_wrong(f"tenant {tenant} thread {thread_id}", message))
    return findings


def _restored(snapshot: Snapshot | None, registry: Registry) -> ThreadState | Finding | None:
    if snapshot is None:
        return None
    try:
        return ThreadState.from_json(snapshot.tenant, snapshot.thread_id, snapshot.state, registry)
    except ValueError as error:
        return _wrong(f"tenant {snapshot.tenant} thread {snapshot.thread_id}", f"its snapshot is unreadable: {error}")


def _check_finding(snapshot: Snapshot, page: tuple[Event, ...]) -> list[Finding]:
    event = next((event for event in page if event.seq == snapshot.seq), None)
    if event is None or event.check == snapshot.check:
        return []
    return [_wrong(_place(event), "a snapshot of another history stands here")]


async def _pages(log: EventLog, tenant: str, thread_id: str) -> AsyncIterator[tuple[Event, ...]]:
    after = 0
    while True:
        page = await log.read_thread(tenant, thread_id, after=after, limit=_PAGE)
        if not page.events:
            return
        yield page.events
        after = page.events[-1].seq


def _lifted(events: tuple[Event, ...], registry: Registry) -> Iterator[Event]:
    for event in events:
        version, data = registry.lift(event.type, event.version, event.data)
        yield event if version == event.version else msgspec.structs.replace(event, version=version, data=data)


def _place(event: Event) -> str:
    return f"tenant {event.tenant} thread {event.thread_id} seq {event.seq}"


def _wrong(place: str, message: str) -> Finding:
    return Finding(level="error", place=place, message=message)
