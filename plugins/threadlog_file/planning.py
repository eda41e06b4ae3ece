"""Deciding what becomes of each append of a call, before anything is written. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from msgspec import Raw, Struct

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
from threadlog_file.appendids import KnownIds
from threadlog_file.lines import Line, encode_lines
from threadlog_file.reading import ShardReader
from threadlog_file.scanning import StoredAppend
from threadlog_file.shard import Shard
from threadlog_file.threads import DELETED


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

    def add(self, events: Sequence[Event], lines: Sequence[Line], heads: Sequence[HeadChange], id_crc: int) -> None:
        """Store the events of one append."""
        first = events[0]
        data = encode_lines(lines)
        size = len(data)
        self.appends.append(
            StoredAppend(
                first.tenant,
                first.thread_id,
                first.seq,
                len(events),
                id_crc,
                first.time_us,
                self.size,
                size,
                crc32(data),
                heads,
            )
        )
        self.parts.append(data)
        self.size += size
        self.position += len(events)


class Standing(Struct, gc=False):
    """Where a thread stands in the middle of a call."""

    row: int
    """Its row, or -1 where there is no such thread yet."""
    last_seq: int
    deleted: bool
    stored: dict[str, tuple[Event, ...]]
    """Appends of this same call."""


class Planner:
    """Decides for one shard."""

    def __init__(self, shard: Shard, reader: ShardReader) -> None:
        self._shard = shard
        self._reader = reader
        self._ids = KnownIds(reader.append_ids)

    def plan(self, appends: Sequence[Append], time_us: int) -> Plan:
        """What becomes of `appends`, taken at `time_us`."""
        plan = Plan(self._shard.last)
        standings: dict[tuple[str, str], Standing] = {}
        ids = iter(uuid7s(time_us, sum([len(append.events) for append in appends])))
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
            return Standing(-1, 0, False, {})
        return Standing(row, threads.last_seq[row], bool(threads.flags[row] & DELETED), {})

    def find(self, standing: Standing, append_id: str, id_crc: int) -> tuple[Event, ...]:
        """The events that a thread has under this append id, those of the same call included; none if it is free."""
        found = standing.stored.get(append_id, ())
        if not found and standing.row >= 0 and self._ids.may_have(standing.row, id_crc):
            found = self._reader.find_append(standing.row, append_id, id_crc)
        return found

    def prepare_heads(self, standing: Standing, heads: Sequence[HeadChange]) -> None:
        """Load the thread's head now, when failing to do so harms nothing."""
        for head in heads:
            if isinstance(head.deleted, bool):
                standing.deleted = head.deleted
        if heads and standing.row >= 0:
            self._shard.heads.load(standing.row)

    def committed(self, plan: Plan) -> None:
        """Remember the append ids of a plan that has been stored."""
        find = self._shard.threads.find
        for append in plan.appends:
            row = find(append.tenant, append.thread)
            if row is not None:
                self._ids.add(row, append.id_crc)

    def _decide(self, plan: Plan, standing: Standing, append: Append, time_us: int, ids: Iterator[str]) -> Outcome:
        id_crc = crc32(append.append_id.encode())
        earlier = self.find(standing, append.append_id, id_crc)
        if earlier:
            return Duplicate(earlier) if same_append(append, earlier) else IdReused(earlier[0].seq)
        if not is_expected(append.expected, standing.last_seq, standing.deleted):
            return Conflict(standing.last_seq, standing.deleted)
        events, lines = self._number(append, standing.last_seq, plan.position, time_us, ids)
        heads = [new.head for new in append.events if new.head is not None]
        if heads:
            self.prepare_heads(standing, heads)
        plan.add(events, lines, heads, id_crc)
        standing.last_seq = events[-1].seq
        standing.stored[append.append_id] = events
        return Appended(events)

    def _number(
        self, append: Append, seq: int, position: int, time_us: int, ids: Iterator[str]
    ) -> tuple[tuple[Event, ...], list[Line]]:
        """The events of an append, after `seq` and `position`, and their lines."""
        shard, tenant, thread, append_id = self._shard.number, append.tenant, append.thread_id, append.append_id
        events, lines = [], []
        for new, event_id in zip(append.events, ids, strict=False):
            seq += 1
            position += 1
            events.append(
                Event(
                    tenant=tenant,
                    thread_id=thread,
                    seq=seq,
                    shard=shard,
                    position=position,
                    id=event_id,
                    append_id=append_id,
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
                    tenant=tenant,
                    thread=thread,
                    seq=seq,
                    id=event_id,
                    append=append_id,
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
        return tuple(events), lines
