"""Pieces of regular expressions that several rules share."""

from __future__ import annotations

from threadlog.agents.folder.words import NUMBERS


def any_of(*alternatives: str) -> str:
    """One of some patterns."""
    return f"(?:{'|'.join(alternatives)})"


def any_word(*alternatives: str) -> str:
    """One of some patterns, as whole words."""
    return rf"\b{any_of(*alternatives)}\b"


IN = any_of(
    *("in", "inside", "inside of", "within", "under", "underneath", "below", "beneath", "from", "of", "at", "across"),
    *("through", "throughout", "for", "on", "to", "into"),
)
THE = any_of(
    *("the", "my", "your", "our", "this", "that", "a", "an", "all", "all the", "any", "any of the", "each"),
    *("each of the", "every", "these", "those", "whole"),
)
NUMBER = rf"(\d{{1,6}}|{'|'.join(NUMBERS)})"
LINES = any_of("lines?", "rows?")
FOLDER = any_of("folder", "directory", "dir", "subfolder", "subdirectory")
FILE = any_of("files?", "documents?", "docs", "scripts?", "sources?", "modules?", "programs?", "ones?")
THING = r"(?:the (?:word|text) )?(❲\d+❳|[\w.\-*]+)"
"""A quoted text or a word."""


def number_of(word: str) -> int:
    """The value of what `NUMBER` matches."""
    return int(word) if word.isdigit() else NUMBERS.get(word.lower(), 1)
