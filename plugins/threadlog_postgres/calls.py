"""Arguments and answers of the functions in ``sql/functions``."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import asyncpg
import msgspec
from msgspec import UNSET, Struct

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Event,
    Expect,
    Expected,
    Head,
    HeadChange,
    NewEvent,
)
from threadlog_postgres.ends import Ends

_HEAD = msgspec.json.Decoder(HeadChange)
_FIELDS = {"owner": 1, "title": 2, "status": 4, "info": 8, "deleted": 16}
"""The fields of a head change, and their bits."""

_SEPARATOR = "\x1f"
"""Between the words of a column; neither ids nor JSON hold control characters."""

_CONFLICT, _KNOWN = 1, 2
"""Kinds of answers; the other is 0, appended."""


Key = TypeVar("Key", bound=Hashable)


class Known(Struct, frozen=True):
    """The answer to an append whose id the thread has already."""

    first_seq: int
    """Where the append that owns the id begins."""


def exact(append: Append, last_seqs: Sequence[int] | None) -> int | None:
    """The exact seq after which ``append_one`` can store an append; None if that is no append for it.

    It takes one event without a head change. What it expects may be known from `last_seqs`.
    """
    if len(append.events) != 1 or append.events[0].head is not None:
        return None
    if last_seqs is not None:
        return last_seqs[0]
    expected = _expected_number(append.expected)
    return expected if expected >= 0 else None


def one_arguments(ends: Ends | None, append: Append, expected: int, event_id: str) -> list[Any]:
    """The arguments of ``append_one`` after the shard and the patience.

    Args:
        ends: what is known of the shard, if `expected` is known to be the thread's last seq.
        append: of one event.
        expected: the exact seq.
        event_id: the event's.
    """
    (event,) = append.events
    return [
        *((None, None) if ends is None else ends.untouched),
        append.tenant,
        append.thread_id,
        append.append_id,
        expected,
        append.actor,
        append.run_id,
        append.trace,
        event_id,
        event.type,
        event.version,
        event.data,
    ]


def append_arguments(
    ends: Ends, appends: Sequence[Append], ids: Sequence[str], last_seqs: Sequence[int] | None
) -> list[Any]:
    """The arguments of ``append`` after the shard and the patience.

    Args:
        ends: what is known of the shard.
        appends: of one shard.
        ids: of all their events, in order.
        last_seqs: those of the appends' threads, if they are known.
    """
    events = [event for append in appends for event in append.events]
    counts = [len(append.events) for append in appends]
    segments = _segments(appends) if last_seqs is None else [len(appends)]
    versions = [event.version for event in events]
    changes = list(_changes(appends))
    head_of, head_columns = _head_columns((number, change) for number, change in changes if change is not None)
    return [
        ends.position or None,
        ends.time_us,
        "" if last_seqs is None else _array(last_seqs),
        sorted({append.tenant for append in appends}),
        segments,
        [sum(counts[:end]) for end in segments],
        _SEPARATOR.join([append.tenant for append in appends]),
        _SEPARATOR.join([append.thread_id for append in appends]),
        _SEPARATOR.join([append.append_id for append in appends]),
        _numbers([_expected_number(append.expected) for append in appends]),
        _numbers(counts),
        _words([append.actor for append in appends]),
        _words([append.run_id for append in appends]),
        _words([append.trace for append in appends]),
        *_places(counts),
        "{" + ",".join(ids) + "}",
        _SEPARATOR.join([event.type for event in events]),
        _numbers(versions),
        _words([_head_text(change) for _, change in changes]),
        _words([_letter(deleted) for deleted in _deletions(changes)]),
        [event.data for event in events],
        head_of,
        *head_columns,
    ]


def restore_arguments(events: Sequence[Event]) -> list[Any]:
    """The arguments of ``restore`` after the shard and the patience."""
    names = [(event.tenant, event.thread_id, event.append_id) for event in events]
    head_threads, head_columns = _head_columns(
        ((event.tenant, event.thread_id), event.head) for event in events if event.head is not None
    )
    return [
        sorted({event.tenant for event in events}),
        [event.tenant for event in events],
        [event.thread_id for event in events],
        [event.seq for event in events],
        [event.position for event in events],
        [event.id for event in events],
        [event.append_id for event in events],
        [at == 0 or names[at] != names[at - 1] for at in range(len(events))],
        list(_deletions([((event.tenant, event.thread_id), event.head) for event in events])),
        [event.type for event in events],
        [event.version for event in events],
        [event.time_us for event in events],
        [event.actor for event in events],
        [event.run_id for event in events],
        [event.trace for event in events],
        [_head_text(event.head) for event in events],
        [event.data for event in events],
        [tenant for tenant, _ in head_threads],
        [thread_id for _, thread_id in head_threads],
        *head_columns,
    ]


class Answers(NamedTuple):
    """What has become of the appends of a call."""

    outcomes: Sequence[Appended | Conflict | Known]
    stored: Sequence[tuple[Sequence[Event], bool]]
    """The events of each append that was stored, and whether its thread is deleted now."""
    here: int
    """Names the server and the table."""


def of_one(shard: int, append: Append, expected: int, event_id: str, answer: Sequence[int]) -> Answers:
    """What the answer of ``append_one`` says, if it has stored the append."""
    position, time_us, deleted, here = answer
    outcome = _appended(shard, append, (event_id,), expected + 1, position, time_us)
    return Answers([outcome], [(outcome.events, deleted > 0)], here)


def of_all(
    shard: int, appends: Sequence[Append], ids: Sequence[str], last_seqs: Sequence[int] | None, answer: asyncpg.Record
) -> Answers:
    """What the answer of ``append`` says.

    Args:
        shard: where they were stored.
        appends: in the order of the call.
        ids: of all their events, in order.
        last_seqs: as they were given.
        answer: of ``append``.
    """
    kinds, seqs, positions, deletions, time_us, here = answer
    if kinds is None:  # stored as they were known to be, one behind the other
        assert last_seqs is not None
        return Answers(*_stored_all(shard, appends, ids, last_seqs, positions[0], time_us), here)
    outcomes: list[Appended | Conflict | Known] = []
    stored: list[tuple[Sequence[Event], bool]] = []
    start = 0
    for append, kind, seq, position, deleted in zip(appends, kinds, seqs, positions, deletions, strict=True):
        end = start + len(append.events)
        if kind == _KNOWN:
            outcomes.append(Known(seq))
        elif kind == _CONFLICT:
            outcomes.append(Conflict(seq, deleted))
        else:
            outcome = _appended(shard, append, ids[start:end], seq, position, time_us)
            outcomes.append(outcome)
            stored.append((outcome.events, _deleted_after(append, deleted)))
        start = end
    return Answers(outcomes, stored, here)


def _stored_all(
    shard: int, appends: Sequence[Append], ids: Sequence[str], last_seqs: Sequence[int], position: int, time_us: int
) -> tuple[list[Appended], list[tuple[Sequence[Event], bool]]]:
    outcomes = []
    stored: list[tuple[Sequence[Event], bool]] = []
    start = 0
    for append, last_seq in zip(appends, last_seqs, strict=True):
        end = start + len(append.events)
        outcome = _appended(shard, append, ids[start:end], last_seq + 1, position + start, time_us)
        outcomes.append(outcome)
        stored.append((outcome.events, _deleted_after(append, deleted=False)))
        start = end
    return outcomes, stored


def _deleted_after(append: Append, deleted: bool) -> bool:
    for event in append.events:
        if event.head is not None and event.head.deleted is not UNSET:
            deleted = event.head.deleted
    return deleted


def _appended(shard: int, append: Append, ids: Sequence[str], seq: int, position: int, time_us: int) -> Appended:
    events = append.events
    if len(events) == 1:
        return Appended((_event(shard, append, events[0], ids[0], seq, position, time_us),))
    return Appended(
        tuple(
            [
                _event(shard, append, new, event_id, seq + at, position + at, time_us)
                for at, (new, event_id) in enumerate(zip(events, ids, strict=True))
            ]
        )
    )


def _event(shard: int, append: Append, new: NewEvent, event_id: str, seq: int, position: int, time_us: int) -> Event:
    return Event(
        tenant=append.tenant,
        thread_id=append.thread_id,
        seq=seq,
        shard=shard,
        position=position,
        id=event_id,
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


def thread_events(shard: int, tenant: str, thread_id: str, slice_: asyncpg.Record) -> list[Event]:
    """The events of a slice of a thread's page."""
    _, first_seq, positions, ids, append_ids, types, versions, times_us, actors, run_ids, traces, heads, lines = slice_
    if first_seq is None:
        return []
    columns = zip(
        range(first_seq, first_seq + len(positions)),
        positions,
        ids.split(_SEPARATOR),
        append_ids.split(_SEPARATOR),
        types.split(_SEPARATOR),
        versions,
        times_us,
        *(_split(words, len(positions)) for words in (actors, run_ids, traces, heads)),
        lines.split(b"\n"),
        strict=True,
    )
    return [
        Event(
            tenant=tenant,
            thread_id=thread_id,
            seq=seq,
            shard=shard,
            position=position,
            id=event_id,
            append_id=append_id,
            type=type_,
            version=version,
            time_us=time_us,
            data=data,
            actor=actor,
            run_id=run_id,
            trace=trace,
            head=None if head is None else _HEAD.decode(head),
        )
        for seq, position, event_id, append_id, type_, version, time_us, actor, run_id, trace, head, data in columns
    ]


def shard_event(shard: int, row: asyncpg.Record) -> Event:
    """An event from a row of a shard's page."""
    head = row["head"]
    return Event(
        tenant=row["tenant"],
        thread_id=row["thread_id"],
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


def _changes(appends: Sequence[Append]) -> Iterator[tuple[int, HeadChange | None]]:
    """The head change of each event, with the number of its append; nothing where no event has one."""
    if any(event.head is not None for append in appends for event in append.events):
        for number, append in enumerate(appends, 1):
            for event in append.events:
                yield number, event.head


def _deletions(changes: Iterable[tuple[Hashable, HeadChange | None]]) -> Iterator[bool | None]:
    """What has been said so far of the deletion of that which each change is of."""
    said: dict[Hashable, bool] = {}
    for key, change in changes:
        if change is not None and change.deleted is not UNSET:
            said[key] = change.deleted
        yield said.get(key)


def _letter(value: bool | None) -> str | None:
    """A truth as Postgres writes it."""
    return None if value is None else "t" if value else "f"


def _places(counts: Sequence[int]) -> tuple[str, str]:
    """The number of each event's append, and its place in it; nothing where each append has one event."""
    if counts.count(1) == len(counts):
        return "", ""
    return (
        _array([number for number, count in enumerate(counts, 1) for _ in range(count)]),
        _array([place for count in counts for place in range(1, count + 1)]),
    )


def _head_columns(changes: Iterable[tuple[Key, HeadChange]]) -> tuple[list[Key], list[list[Any]]]:
    """The keys of head changes; and a mask of the fields that each changes, then field by field its value.

    Of several changes with one key, the later win.
    """
    merged: dict[Key, dict[str, Any]] = {}
    for key, change in changes:
        given = ((name, getattr(change, name)) for name in _FIELDS)
        merged.setdefault(key, {}).update((name, value) for name, value in given if value is not UNSET)
    rows = merged.values()
    masks = [sum(_FIELDS[name] for name in row) for row in rows]
    return list(merged), [masks, *([row.get(name) for row in rows] for name in _FIELDS)]


def _expected_number(expected: Expected) -> int:
    if expected is Expect.ANY:
        return -1
    if isinstance(expected, int):
        return expected
    return 0 if expected is Expect.NO_THREAD else -2


def _numbers(numbers: Sequence[int]) -> str:
    """A column of numbers; nothing where all are 1."""
    return "" if numbers.count(1) == len(numbers) else _array(numbers)


def _array(numbers: Sequence[int]) -> str:
    """Numbers as Postgres writes arrays; over a list the driver would take longer."""
    return "{" + str(numbers)[1:-1] + "}"


def _words(words: Sequence[str | None]) -> str:
    """A column of words, of which some are missing."""
    return _SEPARATOR.join([word or "" for word in words]) if any(words) else ""


def _split(words: str, count: int) -> Sequence[str | None]:
    """The words of a column of which some are missing."""
    if len(words) == count - 1:  # separators and nothing else
        return [None] * count
    return [word or None for word in words.split(_SEPARATOR)]
