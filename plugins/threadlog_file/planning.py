"""Deciding what becomes of each append of a call, before anything is written. Changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from zlib import crc32

from msgspec import Raw

from threadlog.log import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    Event,
    HeadChange,
    IdReused,
    Outcome,
    is_expected,
    same_append,
    uuid7s,
)
from threadlog_file.lines import Line, encode_lines
from threadlog_file.reading import ShardReader
from threadlog_file.scanning import StoredAppend
from threadlog_file.shard import Shard
from threadlog_file.threads import DELETED

_KNOWN_IDS = 200_000
"""Append ids (as numbers) kept for the threads that were written to last."""


class Plan:
    """What one call is to store, and what it will answer."""

    __slots__ = ("appends", "first", "outcomes", "parts", "position", "size")

    def __init__(self, position: int) -> None:
        self.first = position + 1
        """Position of the first event to store."""
        self.position = position
        """Position of the last one."""
        self.outcomes: list[Outcome] = []
        self.appends: list[StoredAppend] = []
        self.parts: list[bytes] = []
        self.size = 0

    @property
    def count(self) -> int:
        """How many events are to be stored."""
        return self.position - self.first + 1

    def add(self, events: Sequence[Event], lines: list[Line], heads: Sequence[HeadChange]) -> None:
        """Store the events of one append."""
        first = events[0]
        data = encode_lines(lines)
        self.appends.append(
            StoredAppend(
                first.tenant,
                first.thread_id,
                first.seq,
                len(events),
                crc32(first.append_id.encode()),
                first.time_us,
                self.size,
                len(data),
                crc32(data),
                heads,
            )
        )
        self.parts.append(data)
        self.size += len(data)
        self.position += len(events)


class Standing:
    """Where a thread stands in the middle of a call."""

    __slots__ = ("deleted", "last_seq", "row", "stored")

    def __init__(self, row: int | None, last_seq: int, *, deleted: bool) -> None:
        self.row = row
        self.last_seq = last_seq
        self.deleted = deleted
        self.stored: dict[str, tuple[Event, ...]] = {}
        """Appends of this same call."""


class Planner:
    """Decides for one shard."""

    def __init__(self, shard: Shard, reader: ShardReader) -> None:
        self._shard = shard
        self._reader = reader
        self._ids: OrderedDict[int, set[int]] = OrderedDict()
        self._ids_kept = 0

    def plan(self, appends: Sequence[Append], time_us: int) -> Plan:
        """What becomes of `appends`, taken at `time_us`."""
        plan = Plan(self._shard.last)
        standings: dict[tuple[str, str], Standing] = {}
        ids = iter(uuid7s(time_us, sum(len(append.events) for append in appends)))
        for append in appends:
            key = (append.tenant, append.thread_id)
            standing = standings.get(key)
            if standing is None:
                standing = standings[key] = self.standing(*key)
            plan.outcomes.append(self._decide(plan, standing, append, time_us, ids))
        return plan

    def standing(self, tenant: str, thread: str) -> Standing:
        """Where a thread stands now."""
        threads = self._shard.threads
        row = threads.find(tenant, thread)
        if row is None:
            return Standing(None, 0, deleted=False)
        return Standing(row, threads.last_seq[row], deleted=bool(threads.flags[row] & DELETED))

    def find(self, standing: Standing, append_id: str) -> tuple[Event, ...]:
        """The events that a thread has under this append id, those of the same call included; none if it is free."""
        found = standing.stored.get(append_id, ())
        if not found and standing.row is not None and crc32(append_id.encode()) in self._ids_of(standing.row):
            found = self._reader.find_append(standing.row, append_id)
        return found

    def committed(self, plan: Plan) -> None:
        """Remember the append ids of a plan that has been stored."""
        for append in plan.appends:
            row = self._shard.threads.find(append.tenant, append.thread)
            known = None if row is None else self._ids.get(row)
            if known is not None:
                known.add(append.id_crc)
                self._ids_kept += 1

    def prepare_heads(self, standing: Standing, heads: Sequence[HeadChange]) -> None:
        """Load the thread's head now, when failing to do so harms nothing."""
        for head in heads:
            if isinstance(head.deleted, bool):
                standing.deleted = head.deleted
        if heads and standing.row is not None:
            self._shard.heads.load(standing.row)

    def _decide(self, plan: Plan, standing: Standing, append: Append, time_us: int, ids: Iterator[str]) -> Outcome:
        earlier = self.find(standing, append.append_id)
        if earlier:
            return Duplicate(earlier) if same_append(append, earlier) else IdReused(earlier[0].seq)
        if not is_expected(append.expected, standing.last_seq, standing.deleted):
            return Conflict(standing.last_seq, standing.deleted)
        return Appended(self._store(plan, standing, append, time_us, ids))

    def _store(
        self, plan: Plan, standing: Standing, append: Append, time_us: int, ids: Iterator[str]
    ) -> tuple[Event, ...]:
        events, lines, heads = [], [], []
        seq, position = standing.last_seq, plan.position
        for new in append.events:
            seq += 1
            position += 1
            event_id = next(ids)
            events.append(
                Event(
                    tenant=append.tenant,
                    thread_id=append.thread_id,
                    seq=seq,
                    shard=self._shard.number,
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
            )
            lines.append(
                Line(
                    position=position,
                    tenant=append.tenant,
                    thread=append.thread_id,
                    seq=seq,
                    id=event_id,
                    append=append.append_id,
                    type=new.type,
                    version=new.version,
                    time_us=time_us,
                    actor=append.actor,
                    run=append.run_id,
                    trace=append.trace,
                    head=new.head,
                    data=Raw(new.data),
                )
            )
            if new.head is not None:
                heads.append(new.head)
        stored = tuple(events)
        self.prepare_heads(standing, heads)
        plan.add(stored, lines, heads)
        standing.last_seq = seq
        standing.stored[append.append_id] = stored
        return stored

    def _ids_of(self, row: int) -> set[int]:
        known = self._ids.get(row)
        if known is not None:
            self._ids.move_to_end(row)
            return known
        known = self._ids[row] = self._reader.append_ids(row)
        self._ids_kept += len(known)
        while self._ids_kept > _KNOWN_IDS and len(self._ids) > 1:
            self._ids_kept -= len(self._ids.popitem(last=False)[1])
        return known
