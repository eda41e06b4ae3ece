"""Which files a phrase speaks of, which part of them, and which of them is the most: read from its words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import msgspec

from threadlog.agents.folder.names import Names
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.request import Measure, Part, Pick
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.words import KINDS, NUMBERS, ORDINALS

_IN = (
    r"(?:in|inside|inside of|within|under|underneath|below|beneath|from|of|at|across|through|throughout|for|on|to|into)"
)
_THE = r"(?:the|my|your|our|this|that|a|an|all|all the|any|any of the|each|each of the|every|these|those|whole)"
_NUMBER = r"(\d{1,6}|" + "|".join(NUMBERS) + r")"
_UNIT = {"b": 1, "byte": 1, "kb": 1000, "kib": 1024, "k": 1024, "mb": 1000**2, "mib": 1024**2, "m": 1024**2}
_FILE = r"(?:files?|documents?|docs|scripts?|sources?|modules?|programs?|ones?)"
_KIND = "|".join(sorted((re.escape(kind) for kind in KINDS), key=len, reverse=True))
_PATHLIKE = re.compile(r"(?<![\w❲/~.\\])(?:~|\.{1,2}|/)?[\w.@+~\-\\/]*[\w~/](?![\w❳])")
_LEADS_TO_TERM = re.compile(
    r"(?:\bsearch(?:ing)?(?: \w+)? for|\bgrep(?:ping)?(?: for)?|\blook(?:ing)? for|\bmention(?:s|ing|ed)?|\bcontain(?:s|ing)?"
    r"|\breferenc(?:e|es|ed|ing)|\brefer(?:s|ring)? to|\bimport(?:s|ing)?|\buse[sd]?|\busing|\bcall(?:s|ing)?|\boccurrences? of"
    r"|\bmentions? of|\bmatch(?:es)? (?:of|for)|\buses? of|\busages? of|\breferences to|\bthe (?:word|text|string|phrase|term)"
    r"|\bhow (?:many times|often) (?:does|do|is|are|was|were))\s+(?:the (?:word|text|string|phrase|term|name|function|class) )?$",
    re.IGNORECASE,
)
_LEADS_FROM_TERM = re.compile(
    r"\s+(?:being |ever |been )?(?:defined|declared|implemented|used|mentioned|called|imported|referenced|configured|documented|appears?\b|occurs?\b|show up)",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r".\.[A-Za-z][A-Za-z0-9]{0,7}$")


class Slots:
    """What a phrase says of files. Reading takes the words out of the phrase, so that the rest can be understood."""

    def __init__(self, phrase: Phrase, names: Names) -> None:
        self.phrase, self._names = phrase, names
        self.selection = Selection()
        self.words: list[str] = []
        """The selection in words."""
        self.paths: list[str] = []
        self.folders: list[str] = []
        self.also: list[str] = []
        self.missing: list[str] = []
        self.outside: list[str] = []
        self.kind = ""
        self.pick: Pick | None = None
        self.part: Part | None = None
        self.ordinal: int | None = None
        self.whole_scope = False
        """It says that everything is meant."""

    def read(self) -> None:
        """Read all slots, those first whose words could be mistaken for others."""
        self._quoted_files()
        self._parts()
        self._name_filters()
        self._size_filters()
        self._time_filters()
        self._flags()
        self._paths()
        self._phrased_names()
        self._picks()
        self._kinds()
        self._scopes()
        self._bare_names()
        self._ordinals()

    # Names

    def _quoted_files(self) -> None:
        for match in list(re.finditer(r"❲(\d+)❳", self.phrase.text)):
            before = self.phrase.text[: match.start()]
            quote = self.phrase.quotes[int(match[1])]
            if _LEADS_TO_TERM.search(before):
                continue
            if _leads_out(quote):
                self.outside.append(quote)
            elif found := self._names.find(quote, exact=" " in quote):
                self._add(found.entry.path, found.also, found.entry.is_folder)
            elif _EXTENSION.search(quote) and " " not in quote:
                self.missing.append(quote)
            else:
                continue
            self.phrase.text = self.phrase.text.replace(match[0], " ", 1)

    def _paths(self) -> None:
        """Words that look like paths: with a slash, or with a dot inside."""
        for match in list(_PATHLIKE.finditer(self.phrase.text)):
            word = match[0].rstrip(".,;:!?") if match[0] not in (".", "..") else match[0]
            if (
                not re.search(r"[./\\~]", word)
                or re.fullmatch(r"[\d.,]+|[A-Za-z]\.", word)
                or self._is_term(match.start(), match.end())
            ):
                continue
            if re.fullmatch(r"\.\w+|\*\.\w+|e\.g|i\.e|etc\.", word, re.IGNORECASE):
                continue
            self._path(word)

    def _path(self, word: str) -> None:
        if _leads_out(word):
            self.outside.append(word)
        elif found := self._names.find(word, exact=True) or self._names.find(word.rstrip("/"), exact=True):
            self._add(found.entry.path, found.also, found.entry.is_folder)
        elif word.endswith("/") or "/" in word or _EXTENSION.search(word):
            self.missing.append(word)
        else:
            return
        self.phrase.text = re.sub(
            rf"(?<![\w/.]){re.escape(word)}(?![\w/])(?:\s+(?:file|folder|directory|dir)\b)?",
            " ▪ ",
            self.phrase.text,
            count=1,
        )

    def _is_term(self, start: int, end: int) -> bool:
        """Whether the words around a name say that it is looked for and not looked into."""
        text = self.phrase.text
        return _LEADS_TO_TERM.search(text[:start]) is not None or _LEADS_FROM_TERM.match(text[end:]) is not None

    def _phrased_names(self) -> None:
        """Names of several words: ``the meeting notes``."""
        for words, entry in self._names.phrases():
            found = self.phrase.has(rf"(?<!\w){re.escape(words)}(?!\w)")
            if found is not None and not self._is_term(found.start(), found.end()):
                self.phrase.text = self.phrase.text[: found.start()] + " ▪ " + self.phrase.text[found.end() :]
                self._add(entry.path, (), entry.is_folder)

    def _bare_names(self) -> None:
        """Single words that name a file or folder: ``the readme``, ``LICENSE``, ``notes``."""
        for match in list(re.finditer(r"(?<![\w❲.\-/▪])([A-Za-z_][\w\-]*)(?![\w❳.\-/])", self.phrase.text)):
            word = match[1]
            if word.lower() in _NO_NAMES or self._is_term(match.start(), match.end()):
                continue
            found = self._names.find(word)
            if found is None or not self._is_name(match, found.entry.name):
                continue
            self._add(found.entry.path, found.also, found.entry.is_folder)
            self.phrase.take(
                rf"(?<![\w.\-/]){re.escape(word)}(?![\w.\-/])(?:\s+(?:file|folder|directory|dir|document|script)\b)?",
                " ▪ ",
            )

    def _is_name(self, match: re.Match[str], name: str) -> bool:
        """Whether a word that is also a name is meant as one: written as it is, or where a name would stand."""
        before, after = self.phrase.text[: match.start()], self.phrase.text[match.end() :]
        if re.match(r"\s+(?:file|folder|directory|dir|document|script)\b", after, re.IGNORECASE):
            return True
        if name.rpartition(".")[0] == match[1] and (match[1] != match[1].lower() or "_" in match[1]):
            return True
        leads = r"(?:\b(?:the|my|our|your|this|a|an|any|file|folder|in|of|and|to|read|open|show|me|print|cat|display|view|summari[sz]e|vs|versus|with|between|does|is|about|describe|outline|tail|head|compare|list|ls|under|inside|from)|^|,)\s*$"
        return re.search(leads, before, re.IGNORECASE) is not None

    def _add(self, path: str, also: tuple[str, ...], is_folder: bool) -> None:
        target = self.folders if is_folder else self.paths
        if path not in target:
            target.append(path)
        self.also += also

    # Which files

    def _scopes(self) -> None:
        """``in the docs folder``, ``under src``; and ``in this project`` for everything."""
        here = rf"\b{_IN}\s+(?:here|there|(?:{_THE}\s+)?(?:files|(?:this |the )?(?:folder|directory|dir|project|repo|repository|codebase|code base|workspace|tree|root)))\b(?!\s*▪)"
        while self.phrase.take(here) or self.phrase.take(
            r"\b(?:anywhere|everywhere|overall|altogether|in total|in all)\b"
        ):
            self.whole_scope = True
        pattern = rf"\b{_IN}\s+(?:{_THE}\s+)?(?:(?:folder|directory|dir|subfolder|subdirectory)\s+)?([\w\-.]+)(?:\s+(?:folder|directory|dir|subfolder|subdirectory|tree))?"
        for match in list(re.finditer(pattern, self.phrase.text, re.IGNORECASE)):
            found = self._names.find(match[1], folder=True)
            if found is not None and not self._is_term(match.start(1), match.end(1)):
                self._add(found.entry.path, found.also, True)
                self.phrase.text = self.phrase.text.replace(match[0], " ▪ ", 1)
            elif (
                re.search(r"\b(?:folder|directory|dir|subfolder)\b", match[0], re.IGNORECASE)
                and match[1].lower() not in _NO_NAMES
            ):
                self.missing.append(match[1] + "/")
                self.phrase.text = self.phrase.text.replace(match[0], " ", 1)

    def _kinds(self) -> None:
        found = self.phrase.take(
            r"(?<![\w❲])(?:\*?\.([A-Za-z0-9_+]{1,10}))(?![\w.])(?:\s+" + _FILE + r"\b)?", " files "
        )
        if found is not None:
            self._narrow((f"*.{found[1].lower()}",), f".{found[1].lower()} files")
            return
        found = self.phrase.take(
            rf"(?<![\w.]){'(' + _KIND + ')'}(?:[ \-]+(?:source|code|script|program))?[ \-]+{_FILE}\b", " files "
        ) or self.phrase.take(r"\b(images|pictures|photos|notebooks|pdfs|videos|archives)\b", " files ")
        if found is not None:
            kind = found[1].lower()
            patterns = KINDS.get(kind) or KINDS[kind.removesuffix("s")]
            self.kind = kind
            self._narrow(patterns, f"{_KIND_WORDS.get(kind, kind)} files")
            return
        found = self.phrase.has(r"\b([a-z0-9]{1,6})\s+files?\b")
        if found is not None and any(entry.suffix == "." + found[1].lower() for entry in self._names.entries):
            self.phrase.take(re.escape(found[0]), " files ")
            self._narrow((f"*.{found[1].lower()}",), f".{found[1].lower()} files")

    def _name_filters(self) -> None:
        has = r"(?:names?\s+(?:that\s+|which\s+)?(?:contains?|containing|includes?|including|has|with|like)|(?:named|called)\s+(?:like|something like))\s+"
        thing = r"(?:the (?:word|text) )?(❲\d+❳|[\w.\-*]+)"
        if found := self.phrase.take(rf"\b(?:whose|with|their|the)?\s*{has}{thing}") or self.phrase.take(
            rf"\bwith\s+{thing}\s+in\s+(?:its|their|the)\s+(?:file\s*)?names?\b"
        ):
            word = self.phrase.plain(found[1])
            self._narrow((f"*{word}*",), f"files with “{word}” in their name")
        elif found := self.phrase.take(
            rf"\b(?:whose |with |their |that |which )?(?:file)?(?:names?)?\s*(start|begin|end)(?:s|ing)?\s+(?:with|in)\s+{thing}"
        ):
            word = self.phrase.plain(found[2])
            starts = found[1].lower() != "end"
            self._narrow(
                (f"{word}*" if starts else f"*{word}",),
                f"files whose name {'begins' if starts else 'ends'} with “{word}”",
            )
        elif found := self.phrase.take(r"(?<![\w❲])([\w./\-]*\*[\w.*/\-]*)(?![\w❳])", " files "):
            if found[1].strip("*./") or "." in found[1]:
                self._narrow((found[1],), f"{found[1]} files")

    def _size_filters(self) -> None:
        size = r"(\d+(?:[.,]\d+)?)\s*(bytes?|kb|kib|k|mb|mib|m|b)\b"
        more = r"(?:larger|bigger|greater|more|heavier|over|above|at least|exceeding|>=?)\s*(?:than)?\s*"
        less = r"(?:smaller|less|lighter|under|below|at most|<=?)\s*(?:than)?\s*"
        if found := self.phrase.take(rf"\b(?:that are |which are |with )?(?:{more}){size}"):
            self._narrow((), f"files over {found[1]} {found[2]}", min_bytes=_bytes(found) + 1)
        if found := self.phrase.take(rf"\b(?:that are |which are |with )?(?:{less}){size}"):
            self._narrow((), f"files under {found[1]} {found[2]}", max_bytes=_bytes(found) - 1)
        if self.phrase.take(r"\b(?:empty|zero[- ]byte|blank)\s+(?=files?\b)"):
            self._narrow((), "empty files", max_bytes=0)

    def _time_filters(self) -> None:
        verb = r"(?:that (?:were|was|have been|has been) |which were |i )?(?:last )?(?:modified|changed|edited|updated|touched|written|created|added)"
        now = time.time()
        spans: list[tuple[str, Callable[[re.Match[str]], float], str]] = [
            (rf"\b{verb}\s+(?:today|since this morning)\b", lambda _: _midnight(now), "changed today"),
            (rf"\b{verb}\s+(?:since )?yesterday\b", lambda _: _midnight(now) - 86400, "changed since yesterday"),
            (
                rf"\b{verb}\s+(?:in|within|during|over)?\s*(?:the\s+)?(?:last|past|previous)\s+(?:{_NUMBER}\s+)?(minute|hour|day|week|month|year)s?\b",
                lambda match: now - _number(match[1] or "1") * _SECONDS[match[2].lower()],
                "changed lately",
            ),
            (
                rf"\b{verb}\s+this\s+(week|month|year)\b",
                lambda match: now - _SECONDS[match[1].lower()],
                "changed lately",
            ),
            (rf"\b{verb}\s+recently\b", lambda _: now - 7 * 86400, "changed in the last 7 days"),
        ]
        for pattern, since, words in spans:
            if found := self.phrase.take(pattern):
                said = words if words != "changed lately" else " ".join(found[0].split())
                self._narrow((), f"files {said}", modified_after=since(found))
                return

    def _flags(self) -> None:
        if self.phrase.take(
            r",?\s*\b(?:including|include|with|and|even|also)?\s*(?:the |all )?(?:hidden|dot)[ -]?(?:files|ones|folders)?\b",
            " files ",
        ):
            self.selection = msgspec.structs.replace(self.selection, hidden=True)
            self.words.append("hidden ones too")
        if self.phrase.take(
            r"\b(?:at|on|in) the (?:top|root)[- ]?(?:level)?(?: folder| directory| of (?:the |this )?\w+)?\b|\btop[- ]level\b|\bdirectly (?=in\b)"
            r"|\b(?:not|without|excluding|no)(?: counting| including| in)? (?:the )?sub-?(?:folders|directories|dirs)\b|\bnon-?recursive(?:ly)?\b"
        ):
            self.selection = msgspec.structs.replace(self.selection, top_only=True)
            self.words.append("at the top level")

    def _narrow(self, patterns: tuple[str, ...], words: str, **bounds: float) -> None:
        match = patterns or self.selection.match
        self.selection = msgspec.structs.replace(self.selection, match=match, **bounds)
        self.words.append(words)

    # The most of them

    def _picks(self) -> None:
        noun = rf"(?:(?:{_KIND}|[a-z0-9]{{1,5}})[ \-]+)?(?:files?|documents?|scripts?|modules?|ones?|folders?|director(?:y|ies)|notebooks?|images?|pictures?|one)"
        count = rf"(?:(?:top\s+)?{_NUMBER}\s+)?"
        for pattern, by, most in _SUPERLATIVES:
            found = self.phrase.has(rf"\b(?:the\s+)?{count}{pattern}\s+(?:{_NUMBER}\s+)?(?P<noun>{noun})\b")
            found = found or self.phrase.has(rf"\b(?:top\s+{_NUMBER}\s+)(?P<noun>{noun})\s+(?:by|in)\s+{_BY[by]}\b")
            found = found or self.phrase.has(
                rf"\b(?P<noun>{noun})\s+(?:here\s+|there\s+|▪\s+)?(?:is|are|was|were|in\b[^?]*?\b(?:is|are))\s+(?:the\s+)?(?:{_NUMBER}\s+)?{pattern}\b(?!\s+(?:line|word))"
            )
            found = found or self.phrase.has(
                rf"\b(?:the\s+){count}{pattern}(?=\s*(?:$|[?.!,▪]|of\b|in\b|one\b|by\b|here\b))(?P<noun>)"
            )
            if found is not None:
                self._picked(found, by, most)
                return
        for pattern, by, most in _MOST:
            found = self.phrase.has(pattern)
            if found is not None:
                self.pick = Pick(by=by, most=most, folders=bool(self.phrase.has(r"\b(?:folder|director)")))
                self.phrase.text = self.phrase.text[: found.start()] + " " + self.phrase.text[found.end() :]
                return

    def _picked(self, found: re.Match[str], by: Measure, most: bool) -> None:
        noun = found["noun"] or "file"
        numbers = [group for group in found.groups() if (group and group.lower() in NUMBERS) or (group or "").isdigit()]
        plural = noun.endswith("s")
        count = (
            _number(numbers[0])
            if numbers
            else 5
            if plural and re.search(r"\blist|\bshow", found.string[: found.start()], re.IGNORECASE)
            else 1
        )
        folders = noun.startswith(("folder", "director"))
        self.pick = Pick(
            by="bytes" if by == "lines" and folders else by, most=most, count=max(1, min(count, 50)), folders=folders
        )
        self.phrase.text = self.phrase.text[: found.start()] + f" {found['noun']} " + self.phrase.text[found.end() :]

    # Which part of a file

    def _parts(self) -> None:
        lines = r"(?:lines?|rows?)"
        rules: list[tuple[str, Callable[[re.Match[str]], Part]]] = [
            (r"\b(?:the\s+)?section\s+(?:called\s+|named\s+|on\s+|about\s+|titled\s+)?(❲\d+❳|(?!of\b|in\b|from\b)[\w\-]+)(?:\s+(?:of|in|from)\b)?", self._section),
            (r"\b(?:the\s+)?((?:❲\d+❳|(?!the\b|each\b|every\b|which\b|what\b|many\b|all\b|me\b)[\w\-]+)(?:\s+(?!the\b)[\w\-]+){0,2}?)[\s\-]+(?:section|chapter)\b(?:\s+(?:of|in|from)\b)?", self._section),
            (rf"\b(?:from\s+)?{lines}\s+(?:number\s+)?(\d+)\s*(?:to|-|–|—|through|until|and|\.\.)\s*(?:{lines}\s+)?(\d+)\b(?:\s+of\b)?", _range),
            (rf"\b{lines}\s+between\s+(\d+)\s+and\s+(\d+)\b", _range),
            (rf"\bbetween\s+{lines}\s+(\d+)\s+and\s+(?:{lines}\s+)?(\d+)\b", _range),
            (r"(?<=▪)\s*:\s*(\d+)-(\d+)\b", _range),
            (rf"\b(?:the\s+)?first\s+{_NUMBER}\s+{lines}\b(?:\s+of\b)?", lambda match: Part("head", _number(match[1]))),
            (rf"\b(?:the\s+)?(?:last|final)\s+{_NUMBER}\s+{lines}\b(?:\s+of\b)?", lambda match: Part("tail", _number(match[1]))),
            (rf"\b(?:the\s+)?top\s+{_NUMBER}\s+{lines}\b(?:\s+of\b)?", lambda match: Part("head", _number(match[1]))),
            (rf"\b(?:the\s+)?bottom\s+{_NUMBER}\s+{lines}\b(?:\s+of\b)?", lambda match: Part("tail", _number(match[1]))),
            (r"^\s*head\s+-(?:n\s*)?(\d+)\b", lambda match: Part("head", _number(match[1]))),
            (r"^\s*tail\s+-(?:n\s*)?(\d+)\b", lambda match: Part("tail", _number(match[1]))),
            (r"\b(?:around|near|about)\s+line\s+(\d+)\b", lambda match: Part("range", max(1, int(match[1]) - 5), int(match[1]) + 5)),
            (r"\b(?:the\s+)?first\s+lines\b(?:\s+of\b)?", lambda _: Part("head", 5)),
            (r"\b(?:the\s+)?last\s+lines\b(?:\s+of\b)?", lambda _: Part("tail", 5)),
            (r"\b(?:the\s+)?(?:first|opening|top)\s+line\b(?:\s+of\b)?", lambda _: Part("head", 1)),
            (r"\b(?:the\s+)?(?:last|final|bottom)\s+line\b(?:\s+of\b)?", lambda _: Part("tail", 1)),
            (r"\b(?:the\s+)?(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\s+line\b(?:\s+of\b)?", _ordinal_line),
            (r"\b(?:the\s+)?(\d+)(?:st|nd|rd|th)\s+line\b(?:\s+of\b)?", _line),
            (r"\bline\s+(?:number\s+|no\.?\s*|#)?(\d+)\b(?:\s+of\b)?", _line),
            (r"\b(?:the\s+|its\s+)?(?:beginning|start|opening|top|head|first (?:few|couple of|part))\s*(?:lines)?\s*(?:of|from)\b", lambda _: Part("head", 10)),
            (r"\b(?:the\s+|its\s+)(?:beginning|start|opening|head|first (?:few lines|part))\b", lambda _: Part("head", 10)),
            (r"\b(?:the\s+|its\s+)?(?:end|ending|bottom|tail|last (?:few|part))\s*(?:lines)?\s*(?:of|from)\b", lambda _: Part("tail", 10)),
            (r"\b(?:the\s+|its\s+)(?:end|ending|tail|last (?:few lines|part))\b(?!\s+of\b)", lambda _: Part("tail", 10)),
            (r"^\s*(?:please\s+)?head\b(?:\s+of\b)?", lambda _: Part("head", 10)),
            (r"^\s*(?:please\s+)?tail\b(?:\s+of\b)?", lambda _: Part("tail", 10)),
            (r"\b(?:the\s+)?(?:whole|entire|full|complete)\s+(?=(?:content|contents|text|file|thing|document)\b)(?:contents?\s+of\b|text\s+of\b)?", lambda _: Part("whole")),
            (r"\b(?:how does|where does)\s+(?=.*\b(?:start|begin)\b)", lambda _: Part("head", 10)),
            (r"\bhow does\s+(?=.*\bend\b)", lambda _: Part("tail", 10)),
        ]  # fmt: skip
        for pattern, make in rules:
            if found := self.phrase.take(pattern):
                self.part = make(found)
                return

    def _section(self, found: re.Match[str]) -> Part:
        return Part("section", name=self.phrase.plain(found[1]))

    def _ordinals(self) -> None:
        found = self.phrase.has(
            r"\b(?:the\s+)?("
            + "|".join(ORDINALS)
            + r")\s+(?:one|file|result|match|hit|entry|of (?:them|those|these))\b"
        )
        if found is not None:
            self.ordinal = ORDINALS[found[1].lower()]
        elif found := self.phrase.has(r"^\s*(?:show|open|read)?\s*(?:me\s+)?(?:number|nr\.?|no\.?|#)\s*(\d{1,3})\s*$"):
            self.ordinal = int(found[1])


_NO_NAMES = frozenset(
    [
        "a",
        "about",
        "all",
        "an",
        "and",
        "any",
        "anything",
        "are",
        "as",
        "at",
        "be",
        "beginning",
        "between",
        "big",
        "biggest",
        "by",
        "bytes",
        "can",
        "characters",
        "code",
        "contain",
        "contains",
        "content",
        "contents",
        "count",
        "different",
        "do",
        "docs",
        "does",
        "each",
        "empty",
        "end",
        "entire",
        "every",
        "everything",
        "file",
        "files",
        "find",
        "first",
        "folder",
        "folders",
        "for",
        "from",
        "get",
        "give",
        "go",
        "greatest",
        "has",
        "have",
        "help",
        "here",
        "hi",
        "how",
        "i",
        "in",
        "inside",
        "is",
        "it",
        "its",
        "kind",
        "kinds",
        "large",
        "largest",
        "last",
        "latest",
        "line",
        "lines",
        "list",
        "long",
        "longest",
        "look",
        "many",
        "me",
        "mention",
        "mentions",
        "more",
        "most",
        "much",
        "my",
        "name",
        "named",
        "names",
        "new",
        "newest",
        "next",
        "no",
        "not",
        "number",
        "of",
        "old",
        "oldest",
        "on",
        "one",
        "ones",
        "open",
        "or",
        "our",
        "over",
        "part",
        "path",
        "please",
        "print",
        "project",
        "read",
        "recent",
        "repo",
        "run",
        "search",
        "second",
        "see",
        "show",
        "size",
        "small",
        "smallest",
        "so",
        "some",
        "something",
        "start",
        "subfolder",
        "tell",
        "text",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "this",
        "those",
        "times",
        "to",
        "top",
        "total",
        "tree",
        "type",
        "types",
        "under",
        "us",
        "use",
        "used",
        "uses",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whole",
        "why",
        "will",
        "with",
        "word",
        "words",
        "write",
        "you",
        "your",
    ]
) - {"docs"}

_KIND_WORDS = {
    kind: kind.upper() if kind in {"json", "yaml", "toml", "xml", "html", "css", "csv", "pdf", "sql", "ini", "php"} else kind
    for kind in KINDS
} | {"python": "Python", "py": "Python", "markdown": "Markdown", "md": "Markdown", "javascript": "JavaScript",
     "js": "JavaScript", "typescript": "TypeScript", "ts": "TypeScript", "rust": "Rust", "go": "Go", "java": "Java",
     "c": "C", "ruby": "Ruby", "pdfs": "PDF", "images": "image", "pictures": "picture", "photos": "photo",
     "notebooks": "notebook", "videos": "video", "archives": "archive"}  # fmt: skip

_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400, "year": 365 * 86400}

_RECENT = (
    r"(?:(?:most\s+)?recent(?:ly)?|last|latest)\s+(?:modified|changed|edited|updated|touched|created|added|written)"
)
_SUPERLATIVES: list[tuple[str, Measure, bool]] = [
    (_RECENT, "modified", True),
    (r"least\s+recent(?:ly)?\s*(?:modified|changed|edited|updated)?", "modified", False),
    (r"(?:newest|latest|most\s+recent|freshest|youngest)", "modified", True),
    (r"(?:oldest|earliest|stalest)", "modified", False),
    (r"(?:largest|biggest|heaviest|hugest|greatest)", "bytes", True),
    (r"(?:smallest|tiniest|littlest|lightest)", "bytes", False),
    (r"longest", "lines", True),
    (r"shortest", "lines", False),
]
_BY = {"bytes": "size", "lines": "(?:lines|length)", "modified": "(?:date|time|age)", "words": "words"}
_MOST: list[tuple[str, Measure, bool]] = [
    (r"\b(?:has|have|had|with|contains?|containing|got)\s+(?:the\s+)?(?:most|highest number of|largest number of|greatest number of)\s+lines(?:\s+of code)?\b", "lines", True),
    (r"\b(?:has|have|with|contains?|containing|got)\s+(?:the\s+)?(?:fewest|least|lowest number of|smallest number of)\s+lines(?:\s+of code)?\b", "lines", False),
    (r"\b(?:has|have|with|contains?|containing|got)\s+(?:the\s+)?(?:most|highest number of|largest number of)\s+words\b", "words", True),
    (r"\b(?:has|have|with|contains?|containing|got)\s+(?:the\s+)?(?:fewest|least|lowest number of)\s+words\b", "words", False),
    (r"\b(?:has|have|with|contains?|containing|holds?|got)\s+(?:the\s+)?(?:most|highest number of|largest number of)\s+files\b", "files", True),
    (r"\b(?:has|have|with|contains?|containing|holds?)\s+(?:the\s+)?(?:fewest|least)\s+files\b", "files", False),
    (r"\b(?:takes?|uses?|taking|using)\s+(?:up\s+)?(?:the\s+)?most\s+(?:disk\s+)?space\b", "bytes", True),
    (r"\b(?:was|were|has been|have been|is)\s+(?:most recently|last|most lately)\s*(?:modified|changed|edited|updated|touched)\b", "modified", True),
    (r"\b(?:modified|changed|edited|updated|touched)\s+(?:most recently|last|most lately)\b", "modified", True),
    (r"\b(?:the\s+)?most\s+often\b|\b(?:the\s+)?most\s+frequently\b|\b(?:the\s+)?most\s+times\b", "mentions", True),
    (r"(?<=[\w❳])\s+the\s+most\b(?=\s*(?:$|[?.!,▪]|and\b|in\b|of\b|among\b))", "mentions", True),
    (r"(?<=[\w❳])\s+most\b(?=\s*(?:$|[?.!,▪]|in\b|among\b))", "mentions", True),
    (r"\b(?:the\s+)?(?:most|highest number of|largest number of|greatest number of)\s+(?:mentions|occurrences|instances|matches|references|uses|usages|hits)\s+(?=of|to|for)", "mentions", True),
    (r"\b(?:the\s+)?(?:most|highest number of|largest number of|greatest number of)\s+(?=❲|[A-Za-z_])", "mentions", True),
]  # fmt: skip


def _bytes(found: re.Match[str]) -> int:
    return round(
        float(found[1].replace(",", "."))
        * _UNIT[found[2].lower().removesuffix("s") if found[2].lower() != "bytes" else "byte"]
    )


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS.get(word.lower(), 1)


def _midnight(now: float) -> float:
    local = time.localtime(now)
    return time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, -1))


def _range(found: re.Match[str]) -> Part:
    first, last = sorted((int(found[1]), int(found[2])))
    return Part("range", max(1, first), max(1, last))


def _line(found: re.Match[str]) -> Part:
    return Part("range", max(1, int(found[1])), max(1, int(found[1])))


def _ordinal_line(found: re.Match[str]) -> Part:
    number = ORDINALS[found[1].lower()]
    return Part("range", number, number)


def _leads_out(path: str) -> bool:
    """Whether a path is written so that it could only lie elsewhere; whether it does is for the root to say."""
    parts = re.split(r"[/\\]", path)
    return path.startswith(("/", "~", "\\")) or ".." in parts or re.match(r"[A-Za-z]:[\\/]", path) is not None
