"""What a log derives from its events, threads and heads, compared with the events, after something went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from threadlog.log import Event, EventLog
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.samples import read_heads, read_thread


async def check_derived(log: EventLog, stored: Sequence[Event], mishap: str) -> None:
    """Compare threads and heads with the events of a shard.

    Args:
        stored: all events of the shard, in position order; where they change a head, they change its title.
        mishap: what happened to the log, for people.

    Raises:
        ClauseBroken: a thread is read otherwise (R1), or a title is not that of the last change (H1).
    """
    for tenant, thread in dict.fromkeys((event.tenant, event.thread_id) for event in stored):
        await _check_thread(log, tenant, thread, stored, mishap)
    for tenant in dict.fromkeys(event.tenant for event in stored):
        await _check_heads(log, tenant, stored, mishap)


async def _check_thread(log: EventLog, tenant: str, thread: str, stored: Sequence[Event], mishap: str) -> None:
    wanted = [event for event in stored if (event.tenant, event.thread_id) == (tenant, thread)]
    found = await read_thread(log, thread, tenant)
    if found != wanted:
        raise ClauseBroken(
            "R1",
            f"after {mishap}, thread {tenant}/{thread} is read as {found}, and the shard holds {wanted}. Likely an "
            "index is not written together with the events, and not repaired.",
        )


async def _check_heads(log: EventLog, tenant: str, stored: Sequence[Event], mishap: str) -> None:
    changes = [event for event in stored if event.head is not None and event.tenant == tenant]
    wanted = {event.thread_id: event.head.title for event in changes if event.head is not None}
    found = {head.thread_id: head.title for head in await read_heads(log, tenant)}
    if found != wanted:
        raise ClauseBroken(
            "H1",
            f"after {mishap}, the listed titles are {found}, and the stored events say {wanted}. Likely the head is "
            "not written in the same transaction as the events.",
        )
