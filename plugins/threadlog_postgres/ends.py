"""Where a shard and its threads ended when this process wrote to it last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from threadlog.log import Append, Event, Expect, is_expected

_THREADS_KEPT = 10_000
_STREAK = 8
"""Answers in a row after which a process counts as a shard's only writer; two that take turns hardly ever reach it."""

Thread: TypeAlias = "tuple[str, str]"
"""Tenant and thread."""


class Ends:
    """The end of one shard, as its last position and that event's time, and where threads stood by then.

    It is never asked whether this still holds, nor told by others. The server is given it with the next append, and
    where the shard still ends so, nothing was written to it since, and it need not look where each thread ends.
    """

    __slots__ = ("_here", "_last_seqs", "_streak", "position", "time_us")

    def __init__(self) -> None:
        self.position = 0
        self.time_us = 0
        self._here = 0
        """Names the server and the table that told of it."""
        self._streak = 0
        """How many answers in a row show that nobody else writes to the shard."""
        self._last_seqs: dict[Thread, int] = {}
        """The last seq of threads that are not deleted."""

    @property
    def untouched(self) -> tuple[int, int] | tuple[None, None]:
        """The position and the server, where it is likely that the shard still ends so.

        Where it does not, the server has begun a row in vain.
        """
        return (self.position, self._here) if self.position and self._streak >= _STREAK else (None, None)

    def last_seqs(self, appends: Sequence[Append]) -> list[int] | None:
        """The last seq of each append's thread before it, 0 for a new thread.

        None where that is not known, where an append would be refused, and where two are for the same thread.
        """
        threads = [(append.tenant, append.thread_id) for append in appends]
        if not self.position or len(set(threads)) < len(threads):
            return None
        seqs = []
        for thread, append in zip(threads, appends, strict=True):
            seq = self._last_seqs.get(thread)
            if seq is None and append.expected in (0, Expect.NO_THREAD):
                # If it is here all the same, it has an event 1, so that a second one is refused by the index.
                seq = 0
            elif seq is None or not is_expected(append.expected, seq, deleted=False):
                return None
            seqs.append(seq)
        return seqs

    def note(self, stored: Sequence[tuple[Sequence[Event], bool]], here: int) -> None:
        """Learn from the answer to a call.

        The shard ended with these events, be it before or after what is known here by another answer.

        Args:
            stored: the events of each append that it stored (one at least), and whether its thread is deleted.
            here: names the server and the table.
        """
        first, last = stored[0][0][0], stored[-1][0][-1]
        if here != self._here:  # another history, which may be shorter
            self.position, self._streak, self._here = 0, 0, here
            self._last_seqs.clear()
        if first.position <= self.position:
            return
        self._streak += 1
        if first.position != self.position + 1:
            self._streak = 0
            self._last_seqs.clear()
        elif len(self._last_seqs) > _THREADS_KEPT:
            self._last_seqs.clear()
        self.position, self.time_us = last.position, last.time_us
        for events, deleted in stored:
            thread = (events[0].tenant, events[0].thread_id)
            if deleted:
                self._last_seqs.pop(thread, None)
            else:
                self._last_seqs[thread] = events[-1].seq
