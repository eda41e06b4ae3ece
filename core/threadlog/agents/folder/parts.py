"""Which part of a file a phrase speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable

from threadlog.agents.folder.patterns import LINES, NUMBER, any_of, number_of
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.request import Part
from threadlog.agents.folder.words import ORDINALS

_A_FEW = 10
_OF = r"(?:\s+(?:of|from|in)\b)?"
_COUNTED = "|".join(word for word in ORDINALS if word not in ("first", "last"))


def take_part(phrase: Phrase) -> Part | None:
    """The part of a file that a phrase speaks of, taken out of the phrase; None for no part."""
    for pattern, make in _RULES:
        found = phrase.take(pattern)
        if found is not None:
            part = make(found)
            return Part("section", name=phrase.plain(part.name)) if part.kind == "section" else part
    return None


def _section(found: re.Match[str]) -> Part:
    return Part("section", name=found[1])


def _range(found: re.Match[str]) -> Part:
    first, last = sorted((int(found[1]), int(found[2])))
    return Part("range", max(1, first), max(1, last))


def _line(found: re.Match[str]) -> Part:
    return Part("range", max(1, int(found[1])), max(1, int(found[1])))


def _nth_line(found: re.Match[str]) -> Part:
    number = ORDINALS[found[1].lower()]
    return Part("range", number, number)


def _near(found: re.Match[str]) -> Part:
    return Part("range", max(1, int(found[1]) - 5), int(found[1]) + 5)


def _head(found: re.Match[str]) -> Part:
    return Part("head", max(1, number_of(found[1])))


def _tail(found: re.Match[str]) -> Part:
    return Part("tail", max(1, number_of(found[1])))


def _always(part: Part) -> Callable[[re.Match[str]], Part]:
    return lambda _: part


_NOT_A_HEADING = r"(?!(?:the|each|every|which|what|many|all|me|any|of|in|from|are|is|a|show|give|read|list|its)\b)"
_RULES: list[tuple[str, Callable[[re.Match[str]], Part]]] = [
    (r"(?<=\w\w):(\d+)-(\d+)\b", _range),
    (r"(?<=[a-z]\w):(\d+)\b", _line),
    (
        rf"\b(?:the\s+)?section\s+(?:(?:called|named|on|about|titled|headed)\s+)?(❲\d+❳|{_NOT_A_HEADING}[\w\-]+){_OF}",
        _section,
    ),
    (
        (
            rf"\b(?:the\s+)?((?:❲\d+❳|{_NOT_A_HEADING}[\w\-]+)(?:\s+{_NOT_A_HEADING}[\w\-]+){{0,2}}?)[\s\-]+"
            rf"(?:section|chapter)\b{_OF}"
        ),
        _section,
    ),
    (
        rf"\b(?:from\s+)?{LINES}\s+(?:number\s+)?(\d+)\s*(?:to|-|–|—|through|until|and|\.\.)\s*(?:{LINES}\s+)?(\d+)\b{_OF}",
        _range,
    ),
    (rf"\b{LINES}\s+between\s+(\d+)\s+and\s+(\d+)\b{_OF}", _range),
    (rf"\bbetween\s+{LINES}\s+(\d+)\s+and\s+(?:{LINES}\s+)?(\d+)\b{_OF}", _range),
    (rf"\b(?:the\s+)?{any_of('first', 'top', 'opening', 'initial')}\s+{NUMBER}\s+{LINES}\b{_OF}", _head),
    (rf"\b(?:the\s+)?{any_of('last', 'final', 'bottom', 'closing')}\s+{NUMBER}\s+{LINES}\b{_OF}", _tail),
    (r"^\s*head\s+-(?:n\s*)?(\d+)\b", _head),
    (r"^\s*tail\s+-(?:n\s*)?(\d+)\b", _tail),
    (
        rf"\b(?:the\s+)?{LINES}\s+(?:around|near|next to|surrounding)\s+(?:it|them|that|this|each)\b",
        _always(Part("around")),
    ),
    (r"\b(?:around|near|about)\s+line\s+(\d+)\b", _near),
    (rf"\b(?:the\s+)?first\s+(?:few\s+|couple\s+of\s+)?lines\b{_OF}", _always(Part("head", 5))),
    (rf"\b(?:the\s+)?last\s+(?:few\s+|couple\s+of\s+)?lines\b{_OF}", _always(Part("tail", 5))),
    (rf"\b(?:the\s+)?{any_of('first', 'opening', 'top')}\s+line\b{_OF}", _always(Part("head", 1))),
    (rf"\b(?:the\s+)?{any_of('last', 'final', 'bottom')}\s+line\b{_OF}", _always(Part("tail", 1))),
    (rf"\b(?:the\s+)?({_COUNTED})\s+line\b{_OF}", _nth_line),
    (rf"\b(?:the\s+)?(\d+)(?:st|nd|rd|th)\s+line\b{_OF}", _line),
    (rf"\bline\s+(?:number\s+|no\.?\s*|#)?(\d+)\b{_OF}", _line),
    (
        rf"\b(?:the\s+|its\s+)?{any_of('beginning', 'start', 'opening', 'top', 'head', 'first part')}\s*(?:of|from)\b",
        _always(Part("head", _A_FEW)),
    ),
    (r"\b(?:the\s+|its\s+|their\s+)(?:beginning|start|opening|head|first part)s?\b", _always(Part("head", _A_FEW))),
    (
        rf"\b(?:the\s+|its\s+)?{any_of('end', 'ending', 'bottom', 'tail', 'last part')}\s*(?:lines\s*)?(?:of|from)\b",
        _always(Part("tail", _A_FEW)),
    ),
    (r"\b(?:the\s+|its\s+|their\s+)(?:end|ending|tail|last part)s?\b", _always(Part("tail", _A_FEW))),
    (r"^\s*head\b(?:\s+of\b)?", _always(Part("head", _A_FEW))),
    (r"^\s*tail\b(?:\s+of\b)?", _always(Part("tail", _A_FEW))),
    (
        (
            r"\b(?:the\s+)?(?:whole|entire|full|complete)\s+(?=(?:contents?|text|file|thing|document)\b)"
            r"(?:(?:contents?|text)\s+of\b)?"
        ),
        _always(Part("whole")),
    ),
    (r"\b(?:how|where)\s+does\s+(?=.*\b(?:start|begin)s?\b)", _always(Part("head", _A_FEW))),
    (r"\b(?:how|where)\s+does\s+(?=.*\bends?\b)", _always(Part("tail", _A_FEW))),
    (r"\bhow\s+(?=\S+\s+(?:starts|begins)\b)", _always(Part("head", _A_FEW))),
]
"""Patterns in the order in which they are tried; where a rule has groups, they are what its part is made from."""
