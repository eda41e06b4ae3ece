"""Which file a phrase picks out: the largest, the newest, the one that mentions something most."""

from __future__ import annotations

import re

from threadlog.agents.folder.patterns import NUMBER, any_of, number_of
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.request import Measure, Pick
from threadlog.agents.folder.words import KINDS

_MOST_PICKED = 50
_KIND = "|".join(sorted(map(re.escape, KINDS), key=len, reverse=True))
_NOUN = (
    rf"(?:(?:{_KIND}|\.?[a-z0-9]{{1,5}})[ \-]+)?(?:files?|documents?|scripts?|modules?|ones?|folders?|director(?:y|ies)"
    r"|dirs?|subfolders?|notebooks?|images?|pictures?)"
)
_CHANGED = any_of("modified", "changed", "edited", "updated", "touched", "created", "added", "written")
_SUPERLATIVES: list[tuple[str, Measure, bool]] = [
    (rf"(?:(?:most\s+)?recent(?:ly)?|last|latest)\s+{_CHANGED}", "modified", True),
    (rf"least\s+recent(?:ly)?(?:\s+{_CHANGED})?", "modified", False),
    (any_of("newest", "latest", r"most\s+recent", "freshest", "youngest"), "modified", True),
    (any_of("oldest", "earliest", "stalest"), "modified", False),
    (any_of("largest", "biggest", "heaviest", "hugest", "greatest"), "bytes", True),
    (any_of("smallest", "tiniest", "littlest", "lightest"), "bytes", False),
    ("longest", "lines", True),
    ("shortest", "lines", False),
]
_BY: dict[str, str] = {"bytes": "size", "lines": any_of("lines", "length"), "modified": any_of("date", "time", "age")}
_HAS = any_of("has", "have", "had", "with", "contains?", "containing", "holds?", "got")
_THE_MOST = rf"(?:the\s+)?{any_of('most', *(f'{word} number of' for word in ('highest', 'largest', 'greatest')))}"
_THE_FEWEST = rf"(?:the\s+)?{any_of('fewest', 'least', *(f'{word} number of' for word in ('lowest', 'smallest')))}"
_CODE = r"(?:\s+of code)?"
_MOST: list[tuple[str, Measure, bool]] = [
    (rf"\b{_HAS}\s+{_THE_MOST}\s+lines{_CODE}\b", "lines", True),
    (rf"\b{_HAS}\s+{_THE_FEWEST}\s+lines{_CODE}\b", "lines", False),
    (rf"\b{_HAS}\s+{_THE_MOST}\s+words\b", "words", True),
    (rf"\b{_HAS}\s+{_THE_FEWEST}\s+words\b", "words", False),
    (rf"\b{_HAS}\s+{_THE_MOST}\s+characters\b", "characters", True),
    (rf"\b{_HAS}\s+{_THE_MOST}\s+files(?:\s+in it)?\b", "files", True),
    (rf"\b{_HAS}\s+{_THE_FEWEST}\s+files(?:\s+in it)?\b", "files", False),
    (r"\b(?:takes?|uses?|taking|using)\s+(?:up\s+)?(?:the\s+)?most\s+(?:disk\s+)?(?:space|room)\b", "bytes", True),
    (rf"\b(?:was|were|has been|have been|is)\s+(?:most recently|last|most lately)\s+{_CHANGED}\b", "modified", True),
    (rf"\b(?:{_CHANGED}|did (?:i|we) \w+)\s+(?:most recently|last|most lately)\b", "modified", True),
    (r"\b(?:the\s+)?most\s+(?:often|frequently|times)\b", "mentions", True),
    (r"\b(?:the\s+)?least\s+(?:often|frequently)\b", "mentions", False),
    (r"(?<=[\w❳])\s+(?:the\s+)?most\b(?=\s*(?:$|[?.!,▪]|(?:and|in|of|among|by)\b))", "mentions", True),
    (
        (
            rf"\b{_THE_MOST}\s+{any_of('mentions', 'occurrences', 'instances', 'matches', 'references', 'uses')}"
            r"\s+(?=(?:of|to|for)\b)"
        ),
        "mentions",
        True,
    ),
    (rf"\b{_THE_MOST}\s+(?=❲|[A-Za-z_])", "mentions", True),
    (rf"\b{_THE_FEWEST}\s+(?=❲|[A-Za-z_])", "mentions", False),
]


def take_pick(phrase: Phrase) -> Pick | None:
    """The pick that a phrase makes, taken out of the phrase; None if it makes none."""
    for word, by, most in _SUPERLATIVES:
        for pattern in _around(word, by):
            found = phrase.has(pattern)
            if found is not None:
                return _picked(phrase, found, by, most)
    for pattern, by, most in _MOST:
        found = phrase.has(pattern)
        if found is not None:
            folders = phrase.has(r"\b(?:sub)?(?:folder|director)|\bdir\b") is not None
            phrase.replace(found, " ")
            return Pick(by=by, most=most, folders=folders)
    return None


def take_comparison(phrase: Phrase) -> Pick | None:
    """The pick among the files of a phrase that a comparative makes: ``which is larger, a or b?``."""
    for word, by, most in _COMPARATIVES:
        found = phrase.has(rf"\b{word}\b(?!\s+than\s+\d)")
        if found is not None:
            phrase.replace(found, " ")
            return Pick(by=by, most=most)
    return None


_COMPARATIVES: list[tuple[str, Measure, bool]] = [
    (any_of("larger", "bigger", "heavier"), "bytes", True),
    (any_of("smaller", "lighter"), "bytes", False),
    (any_of("longer", "more lines"), "lines", True),
    (any_of("shorter", "fewer lines", "less lines"), "lines", False),
    ("more words", "words", True),
    (any_of("fewer words", "less words"), "words", False),
    (any_of("newer", "younger", "more recent", "changed later"), "modified", True),
    (any_of("older", "less recent"), "modified", False),
]


def _around(word: str, by: Measure) -> list[str]:
    """The ways in which a superlative is put: ``the 3 largest files``, ``which file is largest``, ``the largest``."""
    number = rf"(?:(?:top\s+)?{NUMBER}\s+)?"
    ways = [
        rf"\b(?:the\s+)?{number}{word}\s+(?:{NUMBER}\s+)?(?P<noun>{_NOUN})\b",
        rf"\b(?:{NUMBER}\s+)?(?P<noun>{_NOUN})\s+(?:here\s+|there\s+|▪\s+)?(?:is|are|was|were)\s+(?:the\s+)?{number}{word}\b(?!\s+(?:line|word))",
        rf"\b(?P<noun>{_NOUN})\s+in\b[^?]*?\b(?:is|are)\s+(?:the\s+)?{word}\b(?!\s+(?:line|word))",
        rf"^\W*(?:the\s+)?{number}{word}(?P<noun>)\W*$",
        rf"\b(?:the\s+){number}{word}(?=\s*(?:$|[?.!,▪]|(?:of|in|by|here|and)\b))(?P<noun>)",
    ]
    if by in _BY:
        ways.insert(1, rf"\btop\s+{NUMBER}\s+(?P<noun>{_NOUN})\s+(?:by|in)\s+{_BY[by]}\b")
    return ways


def _picked(phrase: Phrase, found: re.Match[str], by: Measure, most: bool) -> Pick:
    noun = (found["noun"] or "file").lower()
    numbers = [group for group in found.groups() if group and re.fullmatch(NUMBER, group, re.IGNORECASE)]
    lists = re.search(r"\b(?:list|show|give|name)\b", found.string[: found.start()], re.IGNORECASE)
    many = 5 if noun.endswith("s") and lists else 1
    count = number_of(numbers[0]) if numbers else many
    folders = re.search(r"folder|director|\bdir", noun) is not None
    phrase.replace(found, f" {found['noun']} ")
    by = "bytes" if by == "lines" and folders else by
    return Pick(by=by, most=most, count=max(1, min(count, _MOST_PICKED)), folders=folders)
