"""Event lines: one event as one line of JSON, its payload last and byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw, Struct

from threadlog.log import Event, HeadChange
from threadlog_file.frames import SHORTEST

_DATA = b',"data":'
"""Stands before the payload; inside of JSON strings the quotes would be escaped, so its first place is the place."""


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for a line that is no event, whatever its check says."""


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event as it is stored. The payload is the last field: it ends one byte before the line does."""

    position: int
    tenant: str
    thread: str
    seq: int
    id: str
    append: str
    type: str
    version: int
    time_us: int
    actor: str | None = None
    run: str | None = None
    trace: str | None = None
    head: HeadChange | None = None
    data: Raw


class Envelope(Struct, frozen=True, kw_only=True, gc=False):
    """A stored event without its payload."""

    position: int
    tenant: str
    thread: str
    seq: int
    id: str
    append: str
    type: str
    version: int
    time_us: int
    actor: str | None = None
    run: str | None = None
    trace: str | None = None
    head: HeadChange | None = None


class Key(Struct, frozen=True, gc=False):
    """What an index needs of a stored event."""

    tenant: str
    thread: str
    seq: int
    append: str
    time_us: int
    position: int
    head: HeadChange | None = None


encode_lines: Callable[[Sequence[Line]], bytes] = msgspec.json.Encoder().encode_lines
"""The bytes of some lines, each with its line break."""

decode_key: Callable[[bytes], Key] = msgspec.json.Decoder(Key).decode
"""What an index needs of a line."""

_decode = msgspec.json.Decoder(Envelope).decode


def line_of(event: Event) -> Line:
    """The line that stores `event`."""
    return Line(
        position=event.position,
        tenant=event.tenant,
        thread=event.thread_id,
        seq=event.seq,
        id=event.id,
        append=event.append_id,
        type=event.type,
        version=event.version,
        time_us=event.time_us,
        actor=event.actor,
        run=event.run_id,
        trace=event.trace,
        head=event.head,
        data=Raw(event.data),
    )


def event_of(line: bytes, shard: int) -> Event:
    """The event that a line (without its line break) stores."""
    stored = _decode(line)
    return Event(
        tenant=stored.tenant,
        thread_id=stored.thread,
        seq=stored.seq,
        shard=shard,
        position=stored.position,
        id=stored.id,
        append_id=stored.append,
        type=stored.type,
        version=stored.version,
        time_us=stored.time_us,
        data=line[line.find(_DATA, SHORTEST) + len(_DATA) : -1],
        actor=stored.actor,
        run_id=stored.run,
        trace=stored.trace,
        head=stored.head,
    )


def split_lines(body: bytes) -> list[bytes]:
    """The lines of a frame's body, without their line breaks."""
    lines = body.split(b"\n")
    lines.pop()
    return lines
