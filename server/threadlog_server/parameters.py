"""Parts of requests that several routes take, with what is accepted there."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Header, Path, Query

_CURSOR = r"0|[1-9][0-9]{0,17}(-[0-9a-f]{8})?"
THREAD_ID = r"^[A-Za-z0-9][A-Za-z0-9_.:~@-]{0,127}$"
"""What the store takes as the id of a new thread or attachment."""
_ID = r"^[A-Za-z0-9_-][A-Za-z0-9_.:~@-]{0,199}$"
"""Other ids as they can stand in a path: what threadlog makes, and most of what applications make."""

MAX_SEQ = 10**18 - 1
"""The largest seq that a cursor can carry."""

ThreadId = Annotated[str, Path(pattern=THREAD_ID, description="The thread.")]
ItemId = Annotated[str, Path(pattern=_ID, description="The item.")]
RunId = Annotated[str, Path(pattern=_ID, description="The run.")]

Limit = Annotated[
    int, Query(ge=1, le=1000, description="At most so many; the server may give fewer and say that there are more.")
]
AfterId = Annotated[str | None, Query(pattern=_ID, description="The id after which the page begins.")]
Order = Annotated[Literal["asc", "desc"], Query(description="Oldest first (`asc`), or newest first (`desc`).")]

AfterCursor = Annotated[
    str | None,
    Query(
        pattern=f"^(now|{_CURSOR})$",
        description="Where the reader stands: a cursor as events carry it, a bare seq, or `now`. Left out: the start.",
    ),
]
LastEventId = Annotated[
    str | None,
    Header(
        pattern=f"^({_CURSOR})$",
        description="The cursor of the last event seen; an `EventSource` sends it when it comes back. Comes before "
        "`after`.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern="^[!-~]{1,200}$",
        description="Names this request: sent again with the same key and the same body, it is done once.",
    ),
]
