"""Deciding what becomes of each append of a call, before anything is written. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from msgspec import Struct

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
from threadlog_file.appendids import Ids, KnownIds
from threadlog_file.lines import encode_lines, line_of
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

    def add(self, events: Sequence[Event], heads: Sequence[HeadChange], id_crc: int, row: int | None) -> None:
        """Store the events of one append; `row` is its thread's, if that has begun."""
        first = events[0]
        data = encode_lines([line_of(event) for event in events])
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
                row,
            )
        )
        self.parts.append(data)
        self.size += size
        self.position += len(events)


class Standing(Struct, gc=False):
    """Where a thread stands in the middle of a call."""

    row: int | None = None
    """Its row; None where there is no such thread yet."""
    last_seq: int = 0
    deleted: bool = False
    ids: Ids | None = None
    """The append ids that it had before this call."""
    stored: dict[str, Sequence[Event]] | None = None
    """Appends of this same call."""

    def store(self, append_id: str, events: Sequence[Event]) -> None:
        """Let the rest of the call see an append."""
        if self.stored is None:
            self.stored = {}
        self.stored[append_id] = events
        self.last_seq = events[-1].seq


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
        ids = uuid7s(time_us, sum([len(append.events) for append in appends]))
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
            return Standing()
        return Standing(row, threads.last_seq[row], threads.flags[row] & DELETED > 0, self._ids.of(row))

    def find(self, standing: Standing, append_id: str, id_crc: int) -> Sequence[Event]:
        """The events that a thread has under this append id, those of the same call included; none if it is free."""
        if standing.stored is not None and (found := standing.stored.get(append_id)) is not None:
            return found
        if standing.row is not None and standing.ids is not None and id_crc in standing.ids:
            return self._reader.find_append(standing.row, append_id, id_crc)
        return ()

    def prepare_heads(self, standing: Standing, heads: Sequence[HeadChange]) -> None:
        """Load the thread's head now, when failing to do so harms nothing."""
        for head in heads:
            if isinstance(head.deleted, bool):
                standing.deleted = head.deleted
        if heads and standing.row is not None:
            self._shard.heads.load(standing.row)

    def committed(self, plan: Plan) -> None:
        """Remember the append ids of a plan that has been stored. Those of new threads are loaded when asked for."""
        for append in plan.appends:
            if append.row is not None:
                self._ids.add(append.row, append.id_crc)

    def _decide(self, plan: Plan, standing: Standing, append: Append, time_us: int, ids: list[str]) -> Outcome:
        append_id = append.append_id
        id_crc = crc32(append_id.encode())
        earlier = self.find(standing, append_id, id_crc)
        if earlier:
            return Duplicate(tuple(earlier)) if same_append(append, earlier) else IdReused(earlier[0].seq)
        if not is_expected(append.expected, standing.last_seq, standing.deleted):
            return Conflict(standing.last_seq, standing.deleted)
        events = self._number(append, standing.last_seq, plan.position, time_us, ids)
        heads = [event.head for event in events if event.head is not None]
        if heads:
            self.prepare_heads(standing, heads)
        plan.add(events, heads, id_crc, standing.row)
        standing.store(append_id, events)
        return Appended(events)

    def _number(self, append: Append, seq: int, position: int, time_us: int, ids: list[str]) -> tuple[Event, ...]:
        """The events of an append, after `seq` and `position`; uses up ids from the end of the list."""
        events = []
        for new in append.events:  # without zip and enumerate, which cost more than the event where there is just one
            seq += 1
            position += 1
            events.append(
                Event(
                    tenant=append.tenant,
                    thread_id=append.thread_id,
                    seq=seq,
                    shard=self._shard.number,
                    position=position,
                    id=ids.pop(),
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
        return tuple(events)
