"""Ids of threads, items, runs and appends: a readable prefix and 100 random bits."""

from __future__ import annotations

import hashlib
import os
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "thread",
    "message",
    "tool_call",
    "workflow",
    "task",
    "attachment",
    "run",
    "step",
    "checkpoint",
    "hidden_context",
    "sdk_hidden_context",
    "widget",
    "generated_image",
    "structured_input",
    "end_of_turn",
    "append",
]
"""What an id can name."""

PREFIXES: dict[Kind, str] = {
    "thread": "thr",
    "message": "msg",
    "tool_call": "tc",
    "workflow": "wf",
    "task": "tsk",
    "attachment": "atc",
    "run": "run",
    "step": "stp",
    "checkpoint": "chk",
    "hidden_context": "hcx",
    "sdk_hidden_context": "shcx",
    "widget": "wdg",
    "generated_image": "img",
    "structured_input": "inp",
    "end_of_turn": "eot",
    "append": "apd",
}
"""The prefix of each kind of id, without its underscore."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LETTERS = 20
_PAIRS = [_ALPHABET[number & 31] + _ALPHABET[number >> 5] for number in range(1024)]
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))


def new_id(kind: Kind) -> str:
    """Make a fresh id, such as ``msg_`` and 20 letters of base32: 100 bits from the system's random source."""
    return f"{PREFIXES[kind]}_{os.urandom(_LETTERS).translate(_LETTER_OF_BYTE).decode()}"


def derived_id(kind: Kind, *names: str) -> str:
    """Make the id that these names always give: 100 bits of the SHA-256 of the names and of where each one ends."""
    digest = hashlib.sha256()
    for name in names:
        encoded = name.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(encoded), encoded))
    return f"{PREFIXES[kind]}_{_letters(int.from_bytes(digest.digest()) >> 256 - 5 * _LETTERS)}"


def _letters(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(0, 5 * _LETTERS, 10)])
