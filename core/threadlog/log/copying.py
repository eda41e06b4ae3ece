"""Moving house: copying a whole log into another, of whatever backend, and proving that nothing was lost."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from msgspec import Struct

from threadlog.log.contract import EventLog
from threadlog.log.envelope import Event
from threadlog.log.errors import Diverged

CopyProgress = Callable[[int, int], None]
"""Called with how many events are done and how many there are, of all shards."""

_PAGE = 1_000


class CopyReport(Struct, frozen=True, kw_only=True):
    """What a copy did."""

    copied: int
    """Events that were copied now."""
    kept: int
    """Events that the target had already, from an earlier copy."""
    digest: str
    """SHA-256 over every event of all shards with all its fields: the same for both logs."""


async def copy_log(source: EventLog, target: EventLog, progress: CopyProgress | None = None) -> CopyReport:
    """Copy all events with the numbers, ids, times and bytes that they have; then compare digests.

    It can be stopped at any moment and called again: it goes on where it stopped. What is appended to the source
    meanwhile may be copied or not; copy once more after the last writer has gone. Snapshots are not copied, since
    they are made anew.

    Args:
        source: an open log; read only.
        target: an open log, empty or holding a part of the same history, with as many shards.
        progress: is told how far it is.

    Raises:
        Diverged: the target holds another history or has another number of shards; or the digests differ.
    """
    shards = range(source.info.shards)
    if target.info.shards != len(shards):
        raise Diverged(
            f"the source has {len(shards)} shards and the target {target.info.shards}: "
            f"make the target anew with {len(shards)}."
        )
    ends = [await source.wait(shard, after=0, timeout=0) for shard in shards]
    starts = [await _common_end(source, target, shard) for shard in shards]
    done, total = sum(starts), sum(ends)
    for shard in shards:
        async for events in _pages(source, shard, starts[shard], ends[shard]):
            await target.restore(shard, events)
            done += len(events)
            if progress is not None:
                progress(done, total)
    return CopyReport(copied=total - sum(starts), kept=sum(starts), digest=await _same_digest(source, target, ends))


async def digest_log(log: EventLog, ends: Sequence[int]) -> str:
    """SHA-256 over every event up to the position `ends[shard]` of each shard, all fields included."""
    digest = hashlib.sha256()
    for shard, end in enumerate(ends):
        async for events in _pages(log, shard, 0, end):
            for event in events:
                digest.update(msgspec.msgpack.encode(event))
    return digest.hexdigest()


async def _same_digest(source: EventLog, target: EventLog, ends: Sequence[int]) -> str:
    ours, theirs = await digest_log(source, ends), await digest_log(target, ends)
    if ours != theirs:
        raise Diverged(f"the copy's digest {theirs} is not the source's {ours}: do not use it; copy into an empty log.")
    return ours


async def _common_end(source: EventLog, target: EventLog, shard: int) -> int:
    """Where the target ends, checked to be a place in the source's history."""
    end = await target.wait(shard, after=0, timeout=0)
    if end == 0:
        return 0
    held = await _at(target, shard, end)
    if held is None or held != await _at(source, shard, end):
        raise Diverged(f"the target's shard {shard} holds another history; copy into an empty log.")
    return end


async def _at(log: EventLog, shard: int, position: int) -> str | None:
    """Id of the event at a position."""
    page = await log.read_shard(shard, after=position - 1, limit=1)
    return page.events[0].id if page.events else None


async def _pages(log: EventLog, shard: int, after: int, end: int) -> AsyncIterator[Sequence[Event]]:
    """Whole appends after a position, up to the one that ends at `end`."""
    while after < end:
        page = await log.read_shard(shard, after=after, limit=min(_PAGE, end - after))
        if not page.events:
            raise Diverged(f"shard {shard} ends at position {after}, before {end}: it is being changed; copy again.")
        yield page.events
        after = page.looked_to
