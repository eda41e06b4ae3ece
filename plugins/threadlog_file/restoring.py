"""Taking over events of another log as they are (C1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from zlib import crc32

from threadlog.log import Append, Diverged, Event, Expect, NewEvent, shard_of
from threadlog_file.planning import Plan, Planner, Standing
from threadlog_file.reading import ShardReader
from threadlog_file.shard import Shard


class Restorer:
    """Plans what to take over into one shard."""

    def __init__(self, shard: Shard, reader: ShardReader, planner: Planner, shards: int) -> None:
        self._shard = shard
        self._reader = reader
        self._planner = planner
        self._shards = shards

    def plan(self, events: Sequence[Event]) -> Plan:
        """What of `events` is to be stored.

        Raises:
            Diverged: they are not the history that is here, or leave a gap.
            InvalidAppend: an event is none that could have been appended.
        """
        self._check_dense(events)
        known = [event for event in events if event.position <= self._shard.last]
        self._check_same(known)
        plan = Plan(self._shard.last)
        standings: dict[tuple[str, str], Standing] = {}
        for append in appends_in(events[len(known) :]):
            key = (append[0].tenant, append[0].thread_id)
            standing = standings.get(key) or standings.setdefault(key, self._planner.standing(*key))
            self._add(plan, standing, append)
        return plan

    def _add(self, plan: Plan, standing: Standing, append: list[Event]) -> None:
        first = append[0]
        id_crc = crc32(first.append_id.encode())
        self._check_place(first)
        _check_values(append)
        if self._planner.find(standing, first.append_id, id_crc):
            raise Diverged(f"position {first.position} goes on with an append that is stored already.")
        if [event.seq for event in append] != list(range(standing.last_seq + 1, standing.last_seq + 1 + len(append))):
            raise Diverged(f"seq is {first.seq} at position {first.position}, where {standing.last_seq + 1} follows.")
        heads = [event.head for event in append if event.head is not None]
        self._planner.prepare_heads(standing, heads)
        plan.add(append, heads, id_crc, standing.row)
        standing.store(first.append_id, append)

    def _check_dense(self, events: Sequence[Event]) -> None:
        expected = min(events[0].position, self._shard.last + 1) if events else 0
        for place, event in enumerate(events, expected):
            if event.position != place or place < 1:
                raise Diverged(f"position {event.position} does not follow; restore a shard's events without gaps.")

    def _check_same(self, known: Sequence[Event]) -> None:
        at = 0
        while at < len(known):
            held = self._reader.shard_page(known[at].position - 1, len(known) - at, None).events
            for ours, theirs in zip(held, known[at:], strict=False):
                if ours.id != theirs.id:
                    raise Diverged(
                        f"position {theirs.position} holds event {ours.id}, not {theirs.id}: another history."
                    )
            at += len(held)

    def _check_place(self, event: Event) -> None:
        if event.shard != self._shard.number or shard_of(event.tenant, self._shards) != self._shard.number:
            raise Diverged(
                f"the event at position {event.position} belongs to another shard; restore into a log with the same "
                "number of shards."
            )


def appends_in(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Events in position order, append by append."""
    for _, append in groupby(events, lambda event: (event.tenant, event.thread_id, event.append_id)):
        yield list(append)


def _check_values(append: list[Event]) -> None:
    """What `Append` and `NewEvent` refuse must not come in by this door."""
    first = append[0]
    Append(
        tenant=first.tenant,
        thread_id=first.thread_id,
        append_id=first.append_id,
        expected=Expect.ANY,
        events=tuple(NewEvent(event.type, event.data, event.version, event.head) for event in append),
        actor=first.actor,
        run_id=first.run_id,
        trace=first.trace,
    )
