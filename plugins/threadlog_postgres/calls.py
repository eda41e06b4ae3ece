"""Arguments and rows of the functions in ``sql/functions.sql``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import msgspec
from msgspec import UNSET

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Event,
    Expect,
    Head,
    HeadChange,
    uuid7s,
)

_HEAD = msgspec.json.Decoder(HeadChange)
_MODES = {Expect.NO_THREAD: 1, Expect.THREAD_EXISTS: 2, Expect.ANY: 3}

APPENDED, CONFLICT, KNOWN = range(3)
"""The kinds of an answer."""


def append_arguments(appends: Sequence[Append], now_us: int) -> tuple[list[Any], list[str]]:
    """The arguments of ``append`` after the shard and the patience, and the ids given to the events."""
    tenants = [append.tenant for append in appends]
    events = [event for append in appends for event in append.events]
    ids = uuid7s(now_us, len(events))
    segments = _segments(appends)
    return [
        sorted(set(tenants)),
        segments,
        [sum(len(append.events) for append in appends[:end]) for end in segments],
        tenants,
        [append.thread_id for append in appends],
        [append.append_id for append in appends],
        [0 if isinstance(append.expected, int) else _MODES[append.expected] for append in appends],
        [append.expected if isinstance(append.expected, int) else 0 for append in appends],
        [len(append.events) for append in appends],
        [append.actor for append in appends],
        [append.run_id for append in appends],
        [append.trace for append in appends],
        [number for number, append in enumerate(appends, 1) for _ in append.events],
        [place for append in appends for place in range(1, len(append.events) + 1)],
        ids,
        [event.type for event in events],
        [event.version for event in events],
        [_head_text(event.head) for event in events],
        [event.data for event in events],
        *_head_arguments(
            (number, append.tenant, append.thread_id, append.append_id, event.head)
            for number, append in enumerate(appends, 1)
            for event in append.events
        ),
    ], ids


def restore_arguments(events: Sequence[Event]) -> list[Any]:
    """The arguments of ``restore`` after the shard."""
    names = [(event.tenant, event.thread_id, event.append_id) for event in events]
    return [
        sorted({event.tenant for event in events}),
        [event.tenant for event in events],
        [event.thread_id for event in events],
        [event.seq for event in events],
        [event.position for event in events],
        [event.id for event in events],
        [event.append_id for event in events],
        [at == 0 or names[at] != names[at - 1] for at in range(len(events))],
        [event.type for event in events],
        [event.version for event in events],
        [event.time_us for event in events],
        [event.actor for event in events],
        [event.run_id for event in events],
        [event.trace for event in events],
        [_head_text(event.head) for event in events],
        [event.data for event in events],
        *_head_arguments(
            (at, event.tenant, event.thread_id, event.append_id, event.head) for at, event in enumerate(events, 1)
        )[1:],
    ]


def outcome(shard: int, append: Append, row: asyncpg.Record, ids: Sequence[str]) -> Appended | Conflict:
    """The outcome of an append that is not known already."""
    if row["kind"] == CONFLICT:
        return Conflict(row["seq"], row["deleted"])
    seq, position, time_us = row["seq"], row["position"], row["time_us"]
    return Appended(
        tuple(
            Event(
                tenant=append.tenant,
                thread_id=append.thread_id,
                seq=seq + at,
                shard=shard,
                position=position + at,
                id=name,
                append_id=append.append_id,
                type=new.type,
                version=new.version,
                time_us=time_us,
                data=new.data,
                actor=append.actor,
                run_id=append.run_id,
                trace=append.trace,
                head=new.head,
            )
            for at, (new, name) in enumerate(zip(append.events, ids, strict=True))
        )
    )


def thread_event(shard: int, tenant: str, thread_id: str, row: asyncpg.Record) -> Event:
    """An event from a row of a thread's page."""
    head = row["head"]
    return Event(
        tenant=tenant,
        thread_id=thread_id,
        seq=row["seq"],
        shard=shard,
        position=row["position"],
        id=row["id"],
        append_id=row["append_id"],
        type=row["type"],
        version=row["version"],
        time_us=row["time_us"],
        data=row["data"],
        actor=row["actor"],
        run_id=row["run_id"],
        trace=row["trace"],
        head=None if head is None else _HEAD.decode(head),
    )


def head(tenant: str, row: asyncpg.Record) -> Head:
    """A head from its row."""
    return Head(
        tenant=tenant,
        thread_id=row["thread_id"],
        created_us=row["created_us"],
        owner=row["owner"],
        title=row["title"],
        status=row["status"],
        info=row["info"],
    )


def _segments(appends: Sequence[Append]) -> list[int]:
    """Number of the last append of each stretch in which no thread occurs twice."""
    ends: list[int] = []
    seen: set[tuple[str, str]] = set()
    for at, append in enumerate(appends):
        key = (append.tenant, append.thread_id)
        if key in seen:
            ends.append(at)
            seen = set()
        seen.add(key)
    return [*ends, len(appends)]


def _head_text(change: HeadChange | None) -> str | None:
    return None if change is None else msgspec.json.encode(change).decode()


def _head_arguments(changes: Iterable[tuple[int, str, str, str, HeadChange | None]]) -> list[list[Any]]:
    """The arrays of head changes: number of the append, its names, and field by field what changes."""
    rows = [
        (
            *(number, tenant, thread_id, append_id, _fields(change)),
            *(_given(change.owner), _given(change.title), _given(change.status), _given(change.info)),
            _given(change.deleted),
        )
        for number, tenant, thread_id, append_id, change in changes
        if change is not None
    ]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(10)]


def _fields(change: HeadChange) -> int:
    names = ("owner", "title", "status", "info", "deleted")
    return sum(1 << bit for bit, name in enumerate(names) if getattr(change, name) is not UNSET)


def _given(value: Any) -> Any:
    return None if value is UNSET else value
