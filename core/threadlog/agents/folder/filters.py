"""Which files a phrase means by their kind, name, size, age and place."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection

import msgspec

from threadlog.agents.folder.patterns import FILE, NUMBER, THING, any_of, number_of
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.words import KIND_WORDS, KINDS

_KIND = "|".join(sorted(map(re.escape, KINDS), key=len, reverse=True))
_BYTES = {"byte": 1, "b": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 1000**2, "mb": 1000**2, "mib": 1024**2}
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400, "year": 365 * 86400}
_SIZE = r"(\d+(?:[.,]\d+)?)\s*(bytes?|kib|kb|k|mib|mb|m|b)\b"
_MORE = any_of("larger", "bigger", "greater", "more", "heavier", "over", "above", "at least", "exceeding", ">=?")
_LESS = any_of("smaller", "less", "lighter", "under", "below", "at most", "<=?")
_CHANGED = (
    r"(?:(?:that|which) (?:were|was|have been|has been) |i )?(?:last |recently )?"
    + any_of("modified", "changed", "edited", "updated", "touched", "written", "created", "added")
)  # fmt: skip


class Filters:
    """What a phrase says of the files it means. Reading takes the words out of the phrase.

    Attributes:
        selection: the files.
        words: the selection in words.
    """

    def __init__(self, phrase: Phrase) -> None:
        self._phrase = phrase
        self.selection = Selection()
        self.words: list[str] = []

    def read_names(self) -> None:
        """Names: ``whose name contains x``, ``called x``, ``-name "*.py"``, ``src/*.py``."""
        phrase = self._phrase
        contains = r"(?:that\s+|which\s+)?" + any_of(
            "contains?", "containing", "includes?", "including", "has", "with", "like"
        )
        if found := phrase.take(rf"(?:(?<=find )\S+\s+)?-i?name\s+{THING}", " files "):
            self._by_pattern(phrase.plain(found[1]))
            return
        self._quoted_patterns()
        if (
            (found := phrase.take(rf"\b(?:whose|with|their|the)?\s*(?:file)?names?\s+{contains}\s+{THING}"))
            or (found := phrase.take(rf"\bwith\s+{THING}\s+in\s+(?:its|their|the)\s+(?:file\s*)?names?\b"))
            or (
                found := phrase.take(
                    r"(?:(?<=files )|(?<=file ))(?:named|called)\s+(?:(?:something|like)\s+)*(❲\d+❳|[\w\-*]+)(?![\w.])"
                )
            )
        ):
            self._with(phrase.plain(found[1]))
        elif found := phrase.take(
            r"\b(?:whose |with |that |which )?(?:file)?(?:names? )?(?:that |which )?(start|begin|end)(?:s|ing)? "
            rf"(?:with|in) {THING}"
        ):
            word, ends = phrase.plain(found[2]), found[1].lower() == "end"
            how = "ends" if ends else "begins"
            self._by_name(f"*{word}" if ends else f"{word}*", f"files whose name {how} with “{word}”")
        elif found := phrase.take(r"(?<![\w❲])((?:[\w.\-]+/)*[\w.\-]*\*[\w.*\-]*)(?![\w❳])", " files "):
            self._by_pattern(found[1])

    def read_measures(self) -> None:
        """Sizes and dates: ``larger than 10 kB``, ``empty``, ``changed in the last 3 days``."""
        that = r"\b(?:(?:that|which) are |with |of )?"
        if found := self._phrase.take(rf"{that}{_MORE}\s*(?:than )?{_SIZE}"):
            self._narrow((), f"files over {found[1]} {found[2]}", min_bytes=_bytes(found) + 1)
        if found := self._phrase.take(rf"{that}{_LESS}\s*(?:than )?{_SIZE}"):
            self._narrow((), f"files under {found[1]} {found[2]}", max_bytes=_bytes(found) - 1)
        if self._phrase.take(r"\b(?:(?:that|which) (?:is|are) )?(?:non-?empty|not empty)\b"):
            self._narrow((), "files that are not empty", min_bytes=1)
        empty = any_of("empty", "zero[- ]byte", "blank")
        if self._phrase.take(rf"\b{empty}\s+(?=files?\b)|\bfiles? (?:(?:that|which) )?(?:is|are) {empty}\b", " files "):
            self._narrow((), "empty files", max_bytes=0)
        self._read_age()

    def read_flags(self) -> None:
        """``hidden files``, ``including hidden ones``, ``at the top level``."""
        also = any_of("including", "include", "incl\\.?", "with", "and", "even", "also", "plus")
        flag = self._phrase.take(
            rf",?\s*(?:\b({also})\s+)?(?:the |all |also )*\b(?:hidden|dot)[ -]?(?:files|ones|folders)?\b", " files "
        )
        if flag is not None:
            only = flag[1] is None
            self.selection = msgspec.structs.replace(self.selection, hidden=True, hidden_only=only)
            self.words.append("hidden files" if only else "files, hidden ones included")
        top = any_of(
            r"(?:at|on|in) the (?:top|root)(?:[- ]level)?(?: folder| directory| of (?:the |this )?\w+)?",
            r"top[- ]level",
            r"directly (?=in\b)",
            r"(?:not|without|excluding|no)(?: counting| including| in)? (?:the )?sub-?(?:folders|directories|dirs)",
            r"non-?recursive(?:ly)?",
        )
        if self._phrase.take(rf"\b{top}"):
            self.selection = msgspec.structs.replace(self.selection, top_only=True)
            self.words.append("files at the top level")

    def read_kinds(self, suffixes: Collection[str]) -> None:
        """Kinds: ``Python files``, ``.py files``, ``images``.

        Args:
            suffixes: the extensions that there are, so that ``dat files`` is understood where there are some.
        """
        noun = rf"(?:\s+{FILE}\b)"
        if found := self._phrase.take(rf"(?<![\w❲./])\*?\.([A-Za-z0-9_+]{{1,10}})(?![\w.]){noun}?", " files "):
            self._narrow((f"*.{found[1].lower()}",), f".{found[1].lower()} files")
        elif found := self._phrase.take(
            rf"(?<![\w.])({_KIND})(?:[ \-]+(?:source|code|script|program))?[ \-]+{FILE}\b", " files "
        ) or self._phrase.take(r"\b(images|pictures|photos|notebooks|pdfs|videos|archives)\b", " files "):
            kind = found[1].lower()
            kind = kind if kind in KINDS else kind.removesuffix("s")
            self._narrow(KINDS[kind], f"{KIND_WORDS.get(kind, kind)} files")
        elif (found := self._phrase.has(r"\b([a-z0-9]{1,6})\s+files?\b")) and f".{found[1].lower()}" in suffixes:
            self._phrase.replace(found, " files ")
            self._narrow((f"*.{found[1].lower()}",), f".{found[1].lower()} files")

    def _read_age(self) -> None:
        now = time.time()
        spans: list[tuple[str, Callable[[re.Match[str]], float]]] = [
            (r"(?:today|since this morning)", lambda _: _midnight(now)),
            (r"(?:since )?yesterday", lambda _: _midnight(now) - 86400),
            (
                (
                    r"(?:(?:in|within|during|over) )?(?:the )?(?:last|past|previous) "
                    rf"(?:{NUMBER} )?(minute|hour|day|week|month|year)s?"
                ),
                lambda found: now - number_of(found[1] or "1") * _SECONDS[found[2].lower()],
            ),
            (r"this (week|month|year)", lambda found: now - _SECONDS[found[1].lower()]),
            (r"(?:recently|lately)", lambda _: now - 7 * 86400),
        ]
        for pattern, since in spans:
            if found := self._phrase.take(rf"\b{_CHANGED} {pattern}\b"):
                said = re.sub(r"^(?:that|which) (?:were|was|have been|has been) ", "", found[0])
                self._narrow((), f"files {said}", modified_after=since(found))
                return

    def _quoted_patterns(self) -> None:
        for index, quote in enumerate(self._phrase.quotes):
            if "*" in quote and " " not in quote and quote.strip("*./") and self._phrase.take(rf"❲{index}❳", " files "):
                self._by_pattern(quote)

    def _by_pattern(self, pattern: str) -> None:
        self._by_name(pattern, f"files like {pattern}")

    def _by_name(self, pattern: str, words: str) -> None:
        self.selection = msgspec.structs.replace(self.selection, named=(*self.selection.named, pattern))
        self.words.append(words)

    def _with(self, word: str) -> None:
        self._by_name(word if "*" in word else f"*{word}*", f"files with “{word}” in their name")

    def _narrow(self, patterns: tuple[str, ...], words: str, **bounds: float) -> None:
        match = patterns or self.selection.match
        self.selection = msgspec.structs.replace(self.selection, match=match, **bounds)
        self.words.append(words)


def _bytes(found: re.Match[str]) -> int:
    unit = found[2].lower()
    return round(float(found[1].replace(",", ".")) * _BYTES[unit.removesuffix("s")])


def _midnight(now: float) -> float:
    local = time.localtime(now)
    return time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, -1))
