"""Rows of the tables, and the statements that read and write them. Everything here is synchronous."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from threadlog.log import Event, Head, HeadChange, Snapshot

_HEAD_CHANGE = msgspec.json.Decoder(HeadChange)
_COLUMNS = (
    "tenant, thread_id, seq, shard, position, id, append_id, type, version, time_us, data, actor, run_id, trace, head"
)


def insert_events(database: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Add events and bring the heads that they change up to date."""
    database.executemany(
        f"INSERT INTO event ({_COLUMNS}, first) VALUES ({', '.join('?' * 16)})",
        [_row(event, first) for event, first in _with_first(events)],
    )
    for event in events:
        if event.head is not None:
            _change_head(database, event, event.head)


def last_position(database: sqlite3.Connection, shard: int) -> int:
    """The shard's last position, 0 where it is empty."""
    return int(database.execute("SELECT max(position) FROM event WHERE shard = ?", (shard,)).fetchone()[0] or 0)


def last_seq(database: sqlite3.Connection, tenant: str, thread_id: str) -> int:
    """The thread's last seq, 0 where there is none."""
    query = "SELECT max(seq) FROM event WHERE tenant = ? AND thread_id = ?"
    return int(database.execute(query, (tenant, thread_id)).fetchone()[0] or 0)


def is_deleted(database: sqlite3.Connection, tenant: str, thread_id: str) -> bool:
    """Whether the thread is deleted."""
    row = database.execute(
        "SELECT deleted FROM head WHERE tenant = ? AND thread_id = ?", (tenant, thread_id)
    ).fetchone()
    return row is not None and bool(row[0])


def events_of_append(database: sqlite3.Connection, tenant: str, thread_id: str, append_id: str) -> tuple[Event, ...]:
    """All events stored under an append id."""
    query = "SELECT seq FROM event WHERE tenant = ? AND thread_id = ? AND append_id = ? AND first = 1"
    row = database.execute(query, (tenant, thread_id, append_id)).fetchone()
    if row is None:
        return ()
    query = f"SELECT {_COLUMNS} FROM event WHERE tenant = ? AND thread_id = ? AND seq >= ? ORDER BY seq"
    events = []
    for stored in database.execute(query, (tenant, thread_id, row[0])):
        event = _event(stored)
        if event.append_id != append_id:
            break
        events.append(event)
    return tuple(events)


def events_of_thread(
    database: sqlite3.Connection, tenant: str, thread_id: str, after: int, limit: int, *, backward: bool
) -> Iterable[Event]:
    """Events of a thread, lazily, in the order asked for."""
    if not backward:
        condition, order, bound = "seq > ?", "ASC", after
    else:
        condition, order, bound = "seq < ?", "DESC", after or 2**62
    query = (
        f"SELECT {_COLUMNS} FROM event WHERE tenant = ? AND thread_id = ? AND {condition} ORDER BY seq {order} LIMIT ?"
    )
    return map(_event, database.execute(query, (tenant, thread_id, bound, limit)))


def events_of_shard(database: sqlite3.Connection, shard: int, after: int) -> Iterable[Event]:
    """Events of a shard after a position, lazily."""
    query = f"SELECT {_COLUMNS} FROM event WHERE shard = ? AND position > ? ORDER BY position"
    return map(_event, database.execute(query, (shard, after)))


def list_heads(
    database: sqlite3.Connection, tenant: str, owner: str | None, after: int | None, limit: int, *, newest_first: bool
) -> list[Head]:
    """Heads in order of creation; `after` is the position of the thread to go on from."""
    wanted, values = ["tenant = ?", "deleted = 0"], [tenant]
    if owner is not None:
        wanted, values = [*wanted, "owner = ?"], [*values, owner]
    bounds: list[str | int] = list(values)
    if after is not None:
        wanted, bounds = [*wanted, f"position {'<' if newest_first else '>'} ?"], [*bounds, after]
    query = (
        "SELECT tenant, thread_id, created_us, owner, title, status, info FROM head"
        f" WHERE {' AND '.join(wanted)} ORDER BY position {'DESC' if newest_first else 'ASC'} LIMIT ?"
    )
    names = ("tenant", "thread_id", "created_us", "owner", "title", "status", "info")
    return [Head(**dict(zip(names, row, strict=True))) for row in database.execute(query, (*bounds, limit))]


def place_of_head(database: sqlite3.Connection, tenant: str, thread_id: str) -> int | None:
    """Where a thread stands in the order of creation, deleted ones too."""
    query = "SELECT position FROM head WHERE tenant = ? AND thread_id = ?"
    row = database.execute(query, (tenant, thread_id)).fetchone()
    return None if row is None else int(row[0])


def load_snapshot(
    database: sqlite3.Connection, tenant: str, thread_id: str, projection: str, version: int
) -> Snapshot | None:
    """The kept snapshot."""
    query = (
        'SELECT seq, "check", state FROM snapshot WHERE tenant = ? AND thread_id = ? AND projection = ? AND version = ?'
    )
    row = database.execute(query, (tenant, thread_id, projection, version)).fetchone()
    if row is None:
        return None
    return Snapshot(
        tenant=tenant,
        thread_id=thread_id,
        projection=projection,
        version=version,
        seq=row[0],
        check=row[1],
        state=row[2],
    )


def save_snapshot(database: sqlite3.Connection, it: Snapshot) -> None:
    """Keep a snapshot unless a later one is kept."""
    database.execute(
        "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        ' SET seq = excluded.seq, "check" = excluded."check", state = excluded.state WHERE excluded.seq >= seq',
        (it.tenant, it.thread_id, it.projection, it.version, it.seq, it.check, it.state),
    )


def _with_first(events: Sequence[Event]) -> Iterable[tuple[Event, bool]]:
    seen = None
    for event in events:
        name = (event.tenant, event.thread_id, event.append_id)
        yield event, name != seen
        seen = name


def _row(event: Event, first: bool) -> tuple[object, ...]:
    return (
        *(event.tenant, event.thread_id, event.seq, event.shard, event.position, event.id, event.append_id),
        *(event.type, event.version, event.time_us, event.data, event.actor, event.run_id, event.trace),
        None if event.head is None else msgspec.json.encode(event.head),
        first,
    )


def _event(row: tuple[object, ...]) -> Event:
    names = Event.__struct_fields__
    values = dict(zip(_NAMES, row, strict=True))
    if values["head"] is not None:
        values["head"] = _HEAD_CHANGE.decode(values["head"])  # type: ignore[arg-type]
    return Event(**{name: values[name] for name in names})  # type: ignore[arg-type]


_NAMES = _COLUMNS.split(", ")


def _change_head(database: sqlite3.Connection, event: Event, change: HeadChange) -> None:
    database.execute(
        "INSERT OR IGNORE INTO head (tenant, thread_id, position, created_us)"
        " SELECT tenant, thread_id, position, time_us FROM event WHERE tenant = ? AND thread_id = ? AND seq = 1",
        (event.tenant, event.thread_id),
    )
    changes = {
        name: value
        for name in ("owner", "title", "status", "info", "deleted")
        if (value := getattr(change, name)) is not msgspec.UNSET
    }
    if changes:
        database.execute(
            f"UPDATE head SET {', '.join(f'{name} = ?' for name in changes)} WHERE tenant = ? AND thread_id = ?",
            (*changes.values(), event.tenant, event.thread_id),
        )
