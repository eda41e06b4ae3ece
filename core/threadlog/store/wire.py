"""The one JSON form of an event, for pages and streams."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from threadlog.log import Event


class _Wire(Struct):
    seq: int
    cursor: str
    id: str
    type: str
    version: int
    time: str
    actor: str | None
    run_id: str | None
    data: Raw


def encode_event(event: Event) -> bytes:
    """An event as users see it: its payload byte for byte, and of the envelope what is theirs.

    Tenant, shard and position stay inside, and so do append id, trace and head.
    """
    return msgspec.json.encode(
        _Wire(
            event.seq,
            f"{event.seq}-{event.check}",
            event.id,
            event.type,
            event.version,
            event.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            event.actor,
            event.run_id,
            Raw(event.data),
        )
    )
