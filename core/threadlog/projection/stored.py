"""The form in which a folded state is kept as a snapshot: JSON, items as their writers gave them."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from threadlog.projection.fold import Folded
from threadlog.projection.items import FoldedItem
from threadlog.projection.runs import RunState
from threadlog.projection.table import ItemTable, TableBuilder

PROJECTION = "thread"
"""The name of this projection, under which its snapshots are kept."""

VERSION = 1
"""Raise it whenever folding the same events gives another state, or the stored form changes: older snapshots are then
not used any more."""

_NULL = Raw(b"null")


class _Item(Struct, omit_defaults=True):
    id: str
    type: str
    seq: int
    changed: int
    size: int
    open: bool = False
    body: Raw = _NULL
    types: tuple[str, ...] = ()


class _State(Struct, omit_defaults=True):
    seq: int
    check: str | None
    time_us: int
    items: list[_Item]
    runs: list[RunState]
    grants: dict[str, str]
    attachments: dict[str, Raw]
    thread: Raw = _NULL
    owner: str | None = None
    deleted: bool = False
    ignored: int = 0
    last_ignored: int = 0
    size: int = 0


_decoder = msgspec.json.Decoder(_State)


def dump(folded: Folded) -> bytes:
    """Write a state."""
    return msgspec.json.encode(
        _State(
            seq=folded.seq,
            check=folded.check,
            time_us=folded.time_us,
            items=[_stored(item) for item in folded.items],
            runs=list(folded.runs.values()),
            grants=dict(folded.grants),
            attachments={name: Raw(data) for name, data in folded.attachments.items()},
            thread=_NULL if folded.thread is None else Raw(folded.thread),
            owner=folded.owner,
            deleted=folded.deleted,
            ignored=folded.ignored,
            last_ignored=folded.last_ignored,
            size=folded.size,
        )
    )


def load(tenant: str, thread_id: str, data: bytes) -> Folded:
    """Read what `dump` wrote.

    Raises:
        ValueError: it is nothing of that kind.
    """
    state = _decoder.decode(data)
    return Folded(
        tenant=tenant,
        thread_id=thread_id,
        seq=state.seq,
        check=state.check,
        time_us=state.time_us,
        thread=_bytes(state.thread),
        owner=state.owner,
        deleted=state.deleted,
        items=_table(state.items),
        runs={run.id: run for run in state.runs},
        grants=state.grants,
        attachments={name: bytes(raw) for name, raw in state.attachments.items()},
        ignored=state.ignored,
        last_ignored=state.last_ignored,
        size=state.size,
    )


def _stored(item: FoldedItem) -> _Item:
    return _Item(
        id=item.id,
        type=item.type,
        seq=item.seq,
        changed=item.changed,
        size=item.size,
        open=item.open,
        body=_NULL if item.removed else Raw(item.json()),
        types=item.types,
    )


def _table(items: list[_Item]) -> ItemTable:
    table = TableBuilder(ItemTable())
    for item in items:
        table.add(
            FoldedItem(
                id=item.id,
                type=item.type,
                seq=item.seq,
                changed=item.changed,
                open=item.open,
                body=_bytes(item.body),
                types=item.types,
                size=item.size,
            )
        )
    return table.table()


def _bytes(raw: Raw) -> bytes | None:
    data = bytes(raw)
    return None if data == b"null" else data
