"""What a log tells of its threads besides their events must fit these."""

from __future__ import annotations

from collections.abc import Sequence

from file.power.journal import Broken
from threadlog.log import Event, EventLog, Head, Snapshot
from threadlog.log.memory import MemoryLog
from threadlog_file import FileLog

PROJECTION = "test"


async def check_heads(log: FileLog, events: Sequence[Event]) -> None:
    """The log lists the heads that the reference lists after the same events.

    Raises:
        Broken: it does not.
    """
    async with MemoryLog(shards=log.info.shards) as reference:
        for shard in range(log.info.shards):
            await reference.restore(shard, [event for event in events if event.shard == shard])
        for tenant in sorted({event.tenant for event in events}):
            told, expected = await _heads(log, tenant), await _heads(reference, tenant)
            if told != expected:
                raise Broken(f"heads of {tenant} are {told}, not {expected}")


async def _heads(log: EventLog, tenant: str) -> list[Head]:
    heads = list((await log.list_heads(tenant, limit=1000)).heads)
    for owner in sorted({str(head.owner) for head in heads}):
        heads += (await log.list_heads(tenant, owner=owner, limit=1000)).heads
    return heads


def snapshot_of(event: Event) -> Snapshot:
    """A snapshot at an event, which tells what it must hold."""
    return Snapshot(
        tenant=event.tenant,
        thread_id=event.thread_id,
        projection=PROJECTION,
        version=1,
        seq=event.seq,
        check=event.check,
        state=b"state at %d " % event.seq * 900,
    )


async def check_snapshots(log: FileLog, events: Sequence[Event]) -> None:
    """A snapshot that the log gives is one that was saved, whole, of an event that is there.

    Raises:
        Broken: it is not.
    """
    snapshots = {(event.tenant, event.thread_id, event.seq): snapshot_of(event) for event in events}
    for tenant, thread in sorted({(event.tenant, event.thread_id) for event in events}):
        found = await log.load_snapshot(tenant, thread, PROJECTION, 1)
        if found is not None and snapshots.get((tenant, thread, found.seq)) != found:
            raise Broken(f"the snapshot of {thread} at {found.seq} is not what was saved: {found.state[:80]!r}")
