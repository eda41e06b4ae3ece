"""What a ``file:`` URL says: the folder, and how to work in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from threadlog.log import LogURL

SyncMode: TypeAlias = Literal["auto", "inline", "thread"]

_SYNC: dict[str, SyncMode] = {"auto": "auto", "inline": "inline", "thread": "thread"}

MIB = 1024 * 1024


class FileOptions(Struct, frozen=True, kw_only=True):
    """How to work in the folder."""

    sync: SyncMode = "auto"
    """Where the flush is waited for: on the event loop (``inline``), in a thread, or as measured (``auto``)."""
    segment_bytes: int = 64 * MIB
    """A segment that has grown over this is closed and the next one begun."""
    reserve_bytes: int = 32 * MIB
    """Appends are refused when less than this would be left on the disk."""
    prefill_bytes: int = MIB // 4
    """How far the active segment is filled ahead with line breaks, so that a flush need not wait for the file's size
    to be stored as well; 0 fills nothing."""


def path_of(url: LogURL) -> str:
    """The folder's absolute path.

    Raises:
        ValueError: the URL names a host, or no path.
    """
    path = url.rest
    if path.startswith("//"):
        parts = urlsplit(f"file:{path}")
        if parts.netloc not in {"", "localhost"}:
            raise ValueError(f"{url} names the host {parts.netloc!r}: write file:PATH or file:///PATH.")
        path = unquote(parts.path)
    if not path:
        raise ValueError("the URL names no folder: write file:PATH.")
    return os.path.abspath(os.path.expanduser(path))


def options_of(given: Mapping[str, str]) -> FileOptions:
    """The options in a URL's query.

    Raises:
        ValueError: an option is unknown, or its value wrong.
    """
    known = FileOptions.__struct_fields__
    for name in given:
        if name not in known:
            raise ValueError(f"a file: URL has no option {name!r}; there are {', '.join(known)}.")
    sync = _SYNC.get(given.get("sync", "auto"))
    if sync is None:
        raise ValueError(f"sync={given['sync']} is none of {', '.join(_SYNC)}.")
    return FileOptions(
        sync=sync,
        segment_bytes=_number(given, "segment_bytes", 64 * MIB, least=4096, most=2048 * MIB),
        reserve_bytes=_number(given, "reserve_bytes", 32 * MIB, least=0, most=1 << 60),
        prefill_bytes=_number(given, "prefill_bytes", MIB // 4, least=0, most=64 * MIB),
    )


def _number(given: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ValueError(f"{name}={text} is no whole number from {least} to {most}.")
    return int(text)
