"""Where a shard and its threads ended when this process wrote to it last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from threadlog.log import Append, Event, Expect, is_expected

_THREADS_KEPT = 10_000

Thread: TypeAlias = "tuple[str, str]"
"""Tenant and thread."""


class Ends:
    """The end of one shard, as its last position and that event's time, and where threads stood by then.

    It is never asked whether this still holds, nor told by others. The server is given both with the next append, and
    where the shard still ends so, nothing was written to it since, and it need not look where each thread ends.
    """

    __slots__ = ("_last_seqs", "position", "time_us")

    def __init__(self) -> None:
        self.position = 0
        self.time_us = 0
        self._last_seqs: dict[Thread, int] = {}
        """The last seq of threads that are not deleted."""

    def last_seqs(self, appends: Sequence[Append]) -> list[int] | None:
        """The last seq of each append's thread before it, 0 for a new thread.

        None where that is not known, where an append would be refused, and where two are for the same thread.
        """
        found = {(append.tenant, append.thread_id): self._before(append) for append in appends}
        seqs = [seq for seq in found.values() if seq is not None]
        return seqs if self.position and len(seqs) == len(appends) else None

    def note(self, stored: Iterable[tuple[Sequence[Event], bool]]) -> None:
        """Learn from the answer to a call: the events of each append that it stored, and whether its thread is deleted.

        The shard ended with these events, be it before or after what is known here by another answer.
        """
        noted = list(stored)
        if not noted:
            return
        first, last = noted[0][0][0], noted[-1][0][-1]
        if first.position <= self.position:
            return
        if first.position != self.position + 1 or len(self._last_seqs) > _THREADS_KEPT:
            self._last_seqs.clear()
        self.position, self.time_us = last.position, last.time_us
        for events, deleted in noted:
            thread = (events[0].tenant, events[0].thread_id)
            if deleted:
                self._last_seqs.pop(thread, None)
            else:
                self._last_seqs[thread] = events[-1].seq

    def _before(self, append: Append) -> int | None:
        seq = self._last_seqs.get((append.tenant, append.thread_id))
        if seq is None:
            # A thread that is here all the same has an event 1, so that a second one is refused by the index.
            return 0 if append.expected in (0, Expect.NO_THREAD) else None
        return seq if is_expected(append.expected, seq, deleted=False) else None
