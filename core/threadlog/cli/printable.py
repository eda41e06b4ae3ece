"""Making stored text safe to print: what a thread holds must not steer the terminal that shows it."""

from __future__ import annotations

import re

_STEERING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1: among them ESC and the one-character CSI
    "\u2028\u2029"  # line and paragraph separators
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates: they reorder what follows
    "\ud800-\udfff"  # lone surrogates, which no encoding carries
)
_UNSAFE = re.compile(f"[{_STEERING}]")
_UNSAFE_ON_A_LINE = re.compile(f"[\t\n{_STEERING}]")
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printable(text: str) -> str:
    r"""`text` with every character that could steer a terminal shown as its escape, such as ``\x1b``.

    Newlines and tabs stay, and a carriage return before a newline is dropped.
    """
    return _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str, width: int | None = None) -> str:
    """`printable` on a single line, cut to `width` characters with an ellipsis."""
    if width is not None and len(text) > width:
        text = text[: max(width - 1, 0)] + "…"
    return _UNSAFE_ON_A_LINE.sub(_escape, text)


def printable_json(text: str) -> str:
    """JSON text on one line with the same value, in which nothing can steer a terminal."""
    return _UNSAFE_ON_A_LINE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def counted(count: int, noun: str) -> str:
    """A count of things: ``1 event``, ``2 events``."""
    return f"{count} {noun if count == 1 else noun + 's'}"


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
