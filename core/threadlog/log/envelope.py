"""What goes into an event log and what comes out of it. Plain values, no I/O.

These are `msgspec` structs and not pydantic models because they are made for every event on the
hot path (0.1 µs against 2 µs), and the garbage collector passes over them, since values cannot form
cycles; everything with meaning to an application is a pydantic model in
`threadlog.model`, and is carried here as exact bytes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from threadlog.log.errors import InvalidAppend

MAX_ID_BYTES = 200
"""Longest tenant, thread id, append id, owner, actor or run id, in UTF-8 bytes."""

MAX_HEAD_BYTES = 64 * 1024
"""Longest title, status or info of a head, in UTF-8 bytes."""

_MAX_NUMBER = 2**63 - 1

_LF, _CR = b"\n\r"

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

_any_json = msgspec.json.Decoder(msgspec.Raw)


class Expect(enum.Enum):
    """What a writer may expect of a thread without naming an exact seq."""

    NO_THREAD = "no thread"
    """No event of the thread exists, not even of a deleted one. The same as the exact seq 0."""
    THREAD_EXISTS = "thread exists"
    """The thread has events and is not deleted."""
    ANY = "any"
    """Whatever there is, short of a deleted thread."""


Expected: TypeAlias = "int | Expect"
"""An exact seq (the thread's last one; 0 is "no thread"), or one of `Expect`.

The answers, on every backend:

================  =========  ============  ===============
expected          no thread  live, last n  deleted, last n
================  =========  ============  ===============
`NO_THREAD`, 0    append     conflict      conflict
`THREAD_EXISTS`   conflict   append        conflict
`ANY`             append     append        conflict
exact k ≥ 1       conflict   iff k = n     iff k = n
================  =========  ============  ===============
"""


class HeadChange(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an event changes in its thread's head; fields that are left out stay as they are.

    A thread appears in listings from its first head change on.
    """

    owner: str | UnsetType = UNSET
    """The user who owns the thread."""
    title: str | None | UnsetType = UNSET
    """None takes the title away."""
    status: str | UnsetType = UNSET
    """``active``, ``locked``, ``closed`` or a word of the application's own."""
    info: str | UnsetType = UNSET
    """Further JSON that listings show; opaque to the log."""
    deleted: bool | UnsetType = UNSET
    """True makes the thread deleted (see `Expected`); False brings it back."""


class NewEvent(Struct, frozen=True, gc=False):
    """An event as its writer gives it.

    Raises:
        InvalidAppend: the type is no valid id (see `Append`); the version is under 1 or over 2³¹ - 1; `data` is not
            exactly one JSON value in UTF-8 without raw line breaks and halves of surrogate pairs; or a text of the
            head is over `MAX_HEAD_BYTES` or holds NUL or a lone surrogate.
    """

    type: str
    data: bytes
    """The payload: one JSON value, kept byte for byte."""
    version: int = 1
    """Version of the payload's schema."""
    head: HeadChange | None = None

    def __post_init__(self) -> None:
        check_id("type", self.type)
        if not 1 <= self.version < 2**31:
            raise InvalidAppend(f"version is {self.version}; payload versions go from 1 to 2³¹ - 1.")
        _check_json(self.data)
        if self.head is not None:
            _check_head(self.head)


class Append(Struct, frozen=True, kw_only=True, gc=False):
    """Events for one thread, to be stored all or none of them.

    Raises:
        InvalidAppend: an id is empty, over `MAX_ID_BYTES`, or holds a control character or a lone
            surrogate; there is no event; or an exact `expected` is negative or over 2⁶³ - 1.
    """

    tenant: str
    thread_id: str
    append_id: str
    """The writer's name for this append, unique in its thread for ever."""
    expected: Expected
    events: tuple[NewEvent, ...]
    actor: str | None = None
    """Who acts, such as ``user:alice`` or ``agent:folder``."""
    run_id: str | None = None
    trace: str | None = None
    """W3C ``traceparent`` of the span that wrote it."""

    def __post_init__(self) -> None:
        if not self._has_usual_ids():
            self._check_ids()
        if not self.events:
            raise InvalidAppend("an append needs at least one event.")
        if isinstance(self.expected, int) and not 0 <= self.expected <= _MAX_NUMBER:
            raise InvalidAppend(f"expected is {self.expected}; an exact seq is 0 or more and fits 63 bits.")

    @property
    def size(self) -> int:
        """Bytes of all payloads together."""
        return sum([len(event.data) for event in self.events])

    def _has_usual_ids(self) -> bool:
        """Whether the ids are so plain and short that one look at all together shows that each is valid."""
        if not (self.tenant and self.thread_id and self.append_id) or "" in (self.actor, self.run_id, self.trace):
            return False
        ids = f"{self.tenant}{self.thread_id}{self.append_id}{self.actor}{self.run_id}{self.trace}"
        return len(ids) <= MAX_ID_BYTES and ids.isascii() and ids.isprintable()

    def _check_ids(self) -> None:
        check_id("tenant", self.tenant)
        check_id("thread_id", self.thread_id)
        check_id("append_id", self.append_id)
        for name, value in (("actor", self.actor), ("run_id", self.run_id), ("trace", self.trace)):
            if value is not None:
                check_id(name, value)


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One immutable fact of a thread, as the log holds it."""

    tenant: str
    thread_id: str
    seq: int
    """Number within the thread: 1, 2, 3 … without gaps."""
    shard: int
    position: int
    """Number within the shard, in commit order: 1, 2, 3 … without gaps. For operators only."""
    id: str
    """UUIDv7, given by the log."""
    append_id: str
    type: str
    version: int
    time_us: int
    """When the log took it: UTC, microseconds since 1970. Clocks jump: order is by `seq`."""
    data: bytes
    """The payload, byte for byte as the writer gave it."""
    actor: str | None = None
    run_id: str | None = None
    trace: str | None = None
    head: HeadChange | None = None

    @property
    def time(self) -> datetime:
        """`time_us` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.time_us // 1_000_000, UTC).replace(microsecond=self.time_us % 1_000_000)

    @property
    def check(self) -> str:
        """The part of `id` that a cursor carries: 8 hexadecimal digits, all of them random."""
        return self.id[-8:]


class Appended(Struct, frozen=True, gc=False):
    """The append is stored; `events` are its events with their numbers, in order."""

    events: tuple[Event, ...]

    @property
    def next_expected(self) -> int:
        """The exact `expected` for the writer's next append."""
        return self.events[-1].seq


class Duplicate(Struct, frozen=True, gc=False):
    """The same append was stored before; `events` are the ones stored then."""

    events: tuple[Event, ...]

    @property
    def next_expected(self) -> int:
        """Seq of the last event of the original append (others may have come after it)."""
        return self.events[-1].seq


class Conflict(Struct, frozen=True, gc=False):
    """The thread is not as expected; nothing was written."""

    current_seq: int
    """The thread's last seq after earlier appends of the same call; 0 where there is no thread."""
    deleted: bool = False
    """Whether the thread is deleted, as of the same moment."""


class IdReused(Struct, frozen=True, gc=False):
    """The append id names another append of this thread, with other bytes; nothing was written."""

    first_seq: int
    """Where the append that owns the id begins."""


Outcome: TypeAlias = "Appended | Duplicate | Conflict | IdReused"


class ThreadPage(Struct, frozen=True, gc=False):
    """Some events of one thread, in the order that was asked for."""

    events: tuple[Event, ...]
    last_seq: int
    """Last seq of the thread as of this read; 0 where the tenant has no such thread."""


class ShardPage(Struct, frozen=True, gc=False):
    """Some events of one shard in position order; whole appends only."""

    events: tuple[Event, ...]
    looked_to: int
    """The position up to which this page has looked (events filtered out included): read on after it."""
    last_position: int
    """Last position of the shard as of this read."""


class Head(Struct, frozen=True, kw_only=True, gc=False):
    """What listings show of a thread: all its head changes, applied in order to the defaults below."""

    tenant: str
    thread_id: str
    created_us: int
    """Time of the thread's first event: UTC, microseconds since 1970."""
    owner: str | None = None
    title: str | None = None
    status: str = "active"
    info: str | None = None


class HeadPage(Struct, frozen=True, gc=False):
    """Some heads in order of creation."""

    heads: tuple[Head, ...]
    has_more: bool
    """Whether at least one more head would be listed after these."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """Stored state of a projection: a cache, never the truth."""

    tenant: str
    thread_id: str
    projection: str
    """Name of the projection."""
    version: int
    """Version of the projection."""
    seq: int
    """The thread's last event that the state includes."""
    check: str
    """`Event.check` of the event at `seq`, so that a snapshot of a lost history is not used."""
    state: bytes
    """Opaque to the log, and kept byte for byte."""


def same_append(append: Append, stored: Sequence[Event]) -> bool:
    """Whether `stored`, all events of one append id, hold the bytes of `append`.

    Compared are the number of events and the type, version, payload and head change of each. Actor, run and trace
    are not: a retry may come from elsewhere.
    """
    return len(stored) == len(append.events) and all(
        old.data == new.data and old.type == new.type and old.version == new.version and old.head == new.head
        for old, new in zip(stored, append.events, strict=True)
    )


def is_expected(expected: Expected, last_seq: int, deleted: bool) -> bool:
    """The table of `Expected`, for every backend that decides in Python."""
    if isinstance(expected, int):
        return expected == last_seq
    if expected is Expect.NO_THREAD:
        return last_seq == 0
    if deleted:
        return False
    return expected is Expect.ANY or last_seq > 0


def check_id(name: str, value: str) -> None:
    """Refuse what can be no id: `name` says in the message which one it was to be.

    Raises:
        InvalidAppend: it is empty, over `MAX_ID_BYTES`, or holds a control character or a lone surrogate.
    """
    if value.isascii() and value.isprintable() and 0 < len(value) <= MAX_ID_BYTES:
        return
    if not value:
        raise InvalidAppend(f"{name} is empty.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidAppend(f"{name} holds a lone surrogate, which UTF-8 cannot carry.") from None
    if size > MAX_ID_BYTES:
        raise InvalidAppend(f"{name} is {size} bytes long; {MAX_ID_BYTES} is the most.")
    if any(char < " " or char == "\x7f" for char in value):
        raise InvalidAppend(f"{name} holds a control character.")


def _check_json(data: bytes) -> None:
    try:
        _any_json.decode(data)
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        raise InvalidAppend("data is not valid UTF-8.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        if _SURROGATE.search(data):
            raise InvalidAppend("data escapes half a surrogate pair, which is no text: write \\ufffd for it.") from None
        raise InvalidAppend(f"data is not exactly one JSON value: {error}.") from None
    if _LF in data or _CR in data:
        raise InvalidAppend("data holds a raw line break; write the JSON on one line.")


def _check_head(head: HeadChange) -> None:
    if head.owner is not UNSET:
        check_id("head.owner", head.owner)
    for name, value in (("title", head.title), ("status", head.status), ("info", head.info)):
        if isinstance(value, str):
            _check_text(f"head.{name}", value)


def _check_text(name: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidAppend(f"{name} holds a lone surrogate, which UTF-8 cannot carry.") from None
    if size > MAX_HEAD_BYTES:
        raise InvalidAppend(f"{name} is {size} bytes long; {MAX_HEAD_BYTES} is the most.")
    if "\0" in value:
        raise InvalidAppend(f"{name} holds NUL, which not every storage can keep.")
