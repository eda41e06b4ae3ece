"""The event streams that are open: how many there may be, and how they are all told to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from threadlog.store.access import Principal
from threadlog_server.errors import TooManyStreams


class Streams:
    """The open event streams of one server.

    Args:
        most: streams at once.
        most_of_one: streams of one user at once.
        heartbeat: seconds of silence after which a stream sends a comment.
    """

    def __init__(self, most: int, most_of_one: int, heartbeat: float) -> None:
        self._most, self._most_of_one, self.heartbeat = most, most_of_one, heartbeat
        self._open: set[anyio.CancelScope] = set()
        self._users: Counter[tuple[str, str]] = Counter()
        self._ended = False

    def __len__(self) -> int:
        return len(self._open)

    def end(self) -> None:
        """Let every stream, and every one that still comes, say that the server stops, and end."""
        self._ended = True
        for scope in self._open:
            scope.cancel()

    @contextmanager
    def taken(self, principal: Principal) -> Iterator[anyio.CancelScope]:
        """Count a stream of `principal` while it is open; the scope that is given is cancelled by `end`.

        Raises:
            TooManyStreams: there are as many as may be.
        """
        user = (principal.tenant, principal.user)
        self._check(user)
        scope = anyio.CancelScope()
        if self._ended:
            scope.cancel()
        self._open.add(scope)
        self._users[user] += 1
        try:
            yield scope
        finally:
            self._open.discard(scope)
            self._users[user] -= 1
            if not self._users[user]:
                del self._users[user]

    def _check(self, user: tuple[str, str]) -> None:
        if self._users[user] >= self._most_of_one:
            raise TooManyStreams(f"you have {self._most_of_one} event streams open; close one first.")
        if len(self._open) >= self._most:
            raise TooManyStreams(f"the server has {self._most} event streams open; try again later.")
