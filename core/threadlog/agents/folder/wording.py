"""Numbers, names and excerpts in the words of an answer (Markdown)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.words import FENCE_NAMES

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def code(text: str) -> str:
    """A name or a line as it is, on one line, in backticks."""
    text = clean(text).replace("\n", " ")
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def codes(texts: Sequence[str], most: int = 5) -> str:
    """Some names, joined by commas."""
    shown = ", ".join(map(code, texts[:most]))
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most:,} more"


def clean(text: str) -> str:
    """Text without control characters, which could drive a terminal or turn the line around."""
    return _CONTROL.sub("\ufffd", text)


def fenced(text: str, suffix: str = "") -> str:
    """Lines of a file in a fenced block that nothing in them can end."""
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks}{FENCE_NAMES.get(suffix, '')}\n{clean(text)}\n{ticks}"


def number(count: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``1,200 files``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def times(count: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def size(count: int) -> str:
    """Bytes, and in a rounder unit where there are many."""
    if count < 1000:
        return number(count, "byte")
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return number(count, "byte")


def exact_size(count: int) -> str:
    """Bytes, with the rounder unit beside them."""
    return size(count) if count < 1000 else f"{number(count, 'byte')} ({size(count)})"


def moment(seconds: float) -> str:
    """A time in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "an impossible time"


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def joined(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def with_size(entry: Entry) -> str:
    """A file with its size; a link with what it points to."""
    if entry.link is not None:
        return f"{code(entry.path)}, a link to {code(entry.link)}"
    if entry.special:
        return f"{code(entry.path)}, no regular file"
    return f"{code(entry.path)} ({size(entry.bytes)})"


def plural_of(count: int, described: str) -> str:
    """``1 Python file under src``, ``5 Python files under src``."""
    words = re.sub(r"\bfiles\b", "file", described, count=1) if count == 1 else described
    return f"{count:,} {words}" if "file" in words else f"{number(count, 'file')} ({words})"
