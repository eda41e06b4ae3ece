"""From a message to requests: what a user wants, sentence by sentence."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from threadlog.agents.folder.actions import Sentence, action_of
from threadlog.agents.folder.followups import is_plural, refers, with_what_was_left_out
from threadlog.agents.folder.names import Names
from threadlog.agents.folder.patterns import any_of, any_word
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.refusals import foreign, refusal
from threadlog.agents.folder.request import Focus, Request
from threadlog.agents.folder.slots import Slots, take_slots
from threadlog.agents.folder.smalltalk import talk, tidy
from threadlog.agents.folder.terms import Wanted, wanted_term

LONGEST = 2_000
"""Characters of a message that are looked at."""

_SENTENCES = 8
"""Of a message; what comes after them is left out."""
_VERB = any_of(
    *("show", "open", "read", "print", "display", "view", "cat", "head", "tail", "count", "list", "ls", "tell", "give"),
    *(
        "search",
        "find",
        "grep",
        "look",
        "summari[sz]e",
        "compare",
        "diff",
        "outline",
        "describe",
        "check",
        "quote",
        "get",
    ),
    *(r"how\s+(?:many|much|big|large|long|often|does)", r"(?:in|on)\s+which", "what", "what's", "whats", "which"),
    *("where", "when", "is", "are", "does", "do", "who", "delete", "remove"),
)
_NEXT = rf"(?=(?:please\s+)?(?:also\s+)?{_VERB}\b)"
_BREAK = re.compile(
    any_of(
        r"[?!;]+\s+",
        r"\.\s+(?=[A-Z❲])",
        r"\n+",
        rf"\s*,?\s+(?:and\s+then|and\s+after\s+that|and\s+also|then|and|plus|but\s+also)\s+{_NEXT}",
        rf",\s+(?:then\s+)?{_NEXT}",
    ),
    re.IGNORECASE,
)
_EVERYTHING = any_word(
    *("files", "all", "total", "overall", "project", "folder", "repo", "codebase", "there", "here", "everything"),
    "altogether",
)
_EACH_FOLDER = r"\b(?:each|every|per)\s+(?:sub-?)?(?:folder|directory)\b"
_EACH = any_word("each", "every", "per file", "respectively", "individually", "by file")
_UNITS = {
    "lines": rf"{any_word('lines', 'rows', 'loc', 'line count')}|\bhow long\b",
    "words": any_word("words", "word count"),
    "characters": any_word("characters", "chars", "letters"),
    "bytes": any_word("bytes", "kilobytes", "megabytes", "kb", "mb", "sizes?", "space", "how (?:big|large|heavy)"),
    "files": any_word("files", "documents", "scripts", "modules", "images", "notebooks"),
    "folders": any_word("folders", "directories", "sub-?folders", "sub-?directories", "dirs"),
    "entries": any_word("entries", "items", "things"),
}
_SORTS = {
    "bytes": any_of("size", "bytes", "largest", "biggest", "smallest"),
    "lines": any_of("lines", "length", "longest", "shortest"),
    "words": "words",
    "modified": any_of("date", "time", "age", "modification", "modified", "newest", "oldest", "most recent"),
    "name": any_of("name", "alphabetical(?:ly)?"),
}
_UPWARD = any_word("ascending", "increasing", "(?:smallest|oldest|shortest)(?: ones?)? first", "reverse")


def understand(text: str, names: Names, focus: Focus) -> list[Request]:
    """What a message asks for, in order; never empty.

    Args:
        text: the message.
        names: what is in the folder.
        focus: what the conversation is about.
    """
    text = tidy(text, LONGEST)
    if not text:
        return [Request(action="empty")]
    if action := talk(text):
        return [Request(action=action)]
    if other := foreign(text):
        return [other]
    requests: list[Request] = []
    for phrase in Phrase(text).sentences(_BREAK)[:_SENTENCES]:
        last = requests[-1] if requests else focus.request
        requests.append(_understood(phrase, names, last, first=not requests))
    useful = [request for request in requests if request.action != "unknown"]
    return useful or requests[:1]


def _understood(phrase: Phrase, names: Names, last: Request | None, *, first: bool) -> Request:
    said = phrase.text
    slots = take_slots(phrase, names)
    wanted = wanted_term(phrase, slots)
    request = _request(said, phrase, slots, wanted)
    action = action_of(Sentence(said, phrase, slots, wanted, request))
    request = msgspec.structs.replace(request, action=action, reason=_reason(said) if action == "refuse" else "")
    return with_what_was_left_out(said, request, last, first=first)


_CALLABLE = "(?:functions?|methods?)"
_BOTH = rf"\b(?:class(?:es)?(?: and|,| or) {_CALLABLE}|{_CALLABLE}(?: and|,| or) class(?:es)?)\b"
"""Asks for all that a program defines, and not for one kind of it."""


def _request(said: str, phrase: Phrase, slots: Slots, wanted: Wanted) -> Request:
    mentions = slots.mentions
    units = tuple(unit for unit, pattern in _UNITS.items() if phrase.has(pattern))
    return Request(
        action="unknown",
        selection=slots.selection,
        described=slots.described,
        paths=tuple(mentions.files),
        also=tuple(mentions.also),
        missing=tuple(mentions.missing),
        outside=tuple(mentions.outside),
        pick=slots.pick,
        part=slots.part,
        ordinal=slots.ordinal,
        term=wanted.term,
        named=wanted.words,
        how=wanted.how,
        concept="" if re.search(_BOTH, said, re.IGNORECASE) else wanted.concept,
        units=units,
        refers=refers(said) and not slots.narrows,
        plural=is_plural(said),
        among=phrase.has(r"\b(?:of|among)\s+(?:them|those|these)\b|\bwhich one\b") is not None,
        everything=mentions.everything or phrase.has(_EVERYTHING) is not None,
        asks=phrase.has(r"^\s*(?:is|are|does|do|did|has|have|was|were|any)\b") is not None,
        average=phrase.has(any_word("average", "mean")) is not None,
        each=phrase.has(_EACH) is not None,
        folders=("folders" in units and "files" not in units) or phrase.has(_EACH_FOLDER) is not None,
        **_sorting(phrase),
    )


def _reason(said: str) -> str:
    refused = refusal(said)
    return "" if refused is None else refused


def _sorting(phrase: Phrase) -> dict[str, Any]:
    """``sorted by size``, ``largest first``, ``alphabetically``."""
    for by, words in _SORTS.items():
        found = phrase.has(
            rf"\b(?:sort|order|rank|arrange|group)(?:ed)?\b[^.?!]*?\b({words})\b|\bby (?:file ?)?({words})\b"
            rf"|\b({words})(?: ones?)? first\b"
        )
        if found is not None or (by == "name" and phrase.has(r"\balphabetical(?:ly)?\b")):
            upward = phrase.has(_UPWARD) is not None
            return {"sort": by, "ascending": not upward if by == "name" else upward}
    return {}
