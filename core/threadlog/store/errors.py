"""What can go wrong between an application and the thread store.

::

    ThreadlogError
    ├── LogError …                              the log's own errors pass through (see `threadlog.log.errors`)
    └── StoreError
        ├── AccessDenied (PermissionError)      the principal sees the thread but may not do this
        ├── ThreadNotFound (LookupError)        no such thread, or none that the principal may know of
        ├── ThreadDeleted (LookupError)         it was there and its owner deleted it
        ├── ItemNotFound (LookupError)          the thread has no such item
        ├── AttachmentNotFound (LookupError)    no such attachment, or none that the principal may know of
        ├── SeqNotFound (LookupError)           the thread has no event of this seq
        ├── StoreConflict                       the thread is not as the writer expected
        │   ├── ThreadExists                    the thread was to be made and its id is taken
        │   └── ItemExists                      the item was to be added and its id is taken
        ├── AppendIdReused (ValueError)         the append id names an earlier append with other bytes
        └── InvalidRequest (ValueError)         the arguments can never be right
            ├── InvalidThread                   a thread's id or metadata
            ├── InvalidItem                     an item or an event as given
            └── InvalidPage                     a page's limit, order or `after`
"""

from __future__ import annotations

from threadlog.log.envelope import Event
from threadlog.model.errors import ThreadlogError


class StoreError(ThreadlogError):
    """Base of the errors of a thread store."""


class AccessDenied(StoreError, PermissionError):
    """The principal knows of the thread but may not do this with it."""


class ThreadNotFound(StoreError, LookupError):
    """There is no such thread, or none that the principal may know of: the two look the same.

    Attributes:
        thread_id: the id that was asked for.
    """

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"there is no thread {thread_id[:80]!r} that you can see; list your threads to find its id.")
        self.thread_id = thread_id


class ThreadDeleted(StoreError, LookupError):
    """The thread was deleted, and the principal was one of those who could see it.

    Attributes:
        thread_id: its id.
    """

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"thread {thread_id[:80]!r} was deleted; start a new one.")
        self.thread_id = thread_id


class ItemNotFound(StoreError, LookupError):
    """The thread has no such item (any more), or none that the principal may see.

    Attributes:
        item_id: the id that was asked for.
    """

    def __init__(self, thread_id: str, item_id: str) -> None:
        super().__init__(f"thread {thread_id!r} has no item {item_id[:80]!r}; list its items to find the id.")
        self.item_id = item_id


class AttachmentNotFound(StoreError, LookupError):
    """There is no such attachment, or none that the principal may know of.

    Attributes:
        attachment_id: the id that was asked for.
    """

    def __init__(self, attachment_id: str) -> None:
        super().__init__(f"there is no attachment {attachment_id[:80]!r} that you can see; upload it first.")
        self.attachment_id = attachment_id


class SeqNotFound(StoreError, LookupError):
    """The thread has no event of this seq.

    Attributes:
        last_seq: the thread's last seq.
    """

    def __init__(self, seq: int, last_seq: int) -> None:
        super().__init__(f"seq {seq} is not in the thread; it has 1 to {last_seq}.")
        self.last_seq = last_seq


class StoreConflict(StoreError):
    """The thread is not as the writer expected; nothing was written.

    Attributes:
        current_seq: the thread's last seq.
    """

    def __init__(self, message: str, current_seq: int) -> None:
        super().__init__(message)
        self.current_seq = current_seq


class ThreadExists(StoreConflict):
    """A thread was to be made under an id that is taken, be it by a thread that the principal may not know of."""

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"the id {thread_id[:80]!r} is taken; leave it out to be given a new one.", 0)


class ItemExists(StoreConflict):
    """An item was to be added under an id that another item has."""

    def __init__(self, item_id: str, current_seq: int) -> None:
        super().__init__(f"the thread has another item {item_id[:80]!r}; use save_item to replace it.", current_seq)


class AppendIdReused(StoreError, ValueError):
    """The append id names an earlier append of the thread with other bytes; nothing was written.

    Attributes:
        first_seq: where the earlier append begins.
        events: the earlier append's events, so that a caller can tell its own retry from a mix-up of ids.
    """

    def __init__(self, append_id: str, events: tuple[Event, ...]) -> None:
        super().__init__(f"append id {append_id!r} was used for something else at seq {events[0].seq}; use a new one.")
        self.first_seq = events[0].seq
        self.events = events


class InvalidRequest(StoreError, ValueError):
    """The arguments can never be right, whatever the thread."""


class InvalidThread(InvalidRequest):
    """A thread's id or metadata cannot be stored as given."""


class InvalidItem(InvalidRequest):
    """An item or event cannot be stored in this thread as given."""


class InvalidPage(InvalidRequest):
    """A page was asked for with a limit, order or `after` that names nothing."""
