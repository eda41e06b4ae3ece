"""Pages of a view that are read once for all subscribers who need them at the same time."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from threadlog.log.errors import LogError, fresh
from threadlog.log.feeds.batch import Stretch
from threadlog.log.feeds.tasks import Tasks
from threadlog.log.feeds.views import View

_Read: TypeAlias = "asyncio.Task[tuple[Stretch, int]]"


class Pages:
    """Reads a view's pages from the log.

    Viewers often come in crowds, after a restart of their server above all. Of those that stand at the same place one
    read serves all, and as long as one of them holds a page, it is there for the others.
    """

    def __init__(self, view: View[Any], limit: int, tasks: Tasks) -> None:
        self._view, self._limit, self._tasks = view, limit, tasks
        self._kept: WeakValueDictionary[int, Stretch] = WeakValueDictionary()
        self._reading: dict[int, _Read] = {}

    async def read(self, at: int) -> tuple[Stretch, int] | None:
        """What follows on the number `at`, and the last number that is known; None after `cancel`.

        Raises:
            LogError: the log cannot be read; each reader gets an exception of its own.
        """
        kept = self._kept.get(at)
        if kept is not None:
            return kept, kept.upto
        reading = self._reading.get(at) or self._begin(at)
        await asyncio.wait([reading])  # a reader that is cancelled does not take the others' page along
        if reading.cancelled():
            return None
        error = reading.exception()
        if isinstance(error, LogError):
            raise fresh(error)
        return reading.result()

    def cancel(self) -> None:
        """Stop reading."""
        for reading in self._reading.values():
            reading.cancel()

    def _begin(self, at: int) -> _Read:
        reading = self._reading[at] = self._tasks.start(self._view.read(at, self._limit), "feed page")
        reading.add_done_callback(lambda done: self._finish(at, done))
        return reading

    def _finish(self, at: int, reading: _Read) -> None:
        del self._reading[at]
        if not reading.cancelled() and reading.exception() is None:
            self._kept[at] = reading.result()[0]
