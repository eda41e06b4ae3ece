"""Files and folders that a phrase names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.names import Match, Names
from threadlog.agents.folder.patterns import FOLDER, IN, THE, any_of
from threadlog.agents.folder.phrase import Phrase

_MARK = " ▪ "
"""Left in a phrase where a name was."""
_PATHLIKE = re.compile(r"(?<![\w❲/~.\\])(?:~|\.{1,2}|/)?[\w.@+~\-\\/]*[\w~/](?![\w❳])|(?<!\S)\.\.(?=[\s?!]|$)")
_BARE = re.compile(r"(?<![\w❲.\-/▪])([A-Za-z_][\w\-]*)(?![\w❳.\-/])")
_EXTENSION = re.compile(r".\.[A-Za-z][A-Za-z0-9]{0,7}$")
_KIND_OF_NAME = r"\s+(?:file|folder|directory|dir|document|script)\b"
_LEADS_TO_TERM = re.compile(
    r"\b"
    + any_of(
        *(r"search(?:ing)?(?: \w+)? for", r"grep(?:ping)?(?: for)?", r"look(?:ing)? for", r"mention(?:s|ing|ed)?"),
        *(r"contain(?:s|ing)?", r"referenc(?:e|es|ed|ing)", r"refer(?:s|ring)? to", r"import(?:s|ing)?", r"use[sd]?"),
        *("using", r"call(?:s|ing)?", r"occurrences? of", r"mentions? of", r"match(?:es)? (?:of|for)", r"uses? of"),
        *(r"usages? of", "references to", r"the (?:word|text|string|phrase|term)", r"definition of"),
        r"how (?:many times|often) (?:does|do|is|are|was|were)",
    )
    + r"\s+(?:the (?:word|text|string|phrase|term|name|function|class) )?$",
    re.IGNORECASE,
)
_LEADS_FROM_TERM = re.compile(
    r"\s+(?:(?:is|are|was|were|gets?)\s+)?(?:being |ever |been )?"
    + any_of(
        "defined", "declared", "implemented", "used", "mentioned", "called", "imported", "referenced", "configured"
    )
    + r"\b|\s+(?:function|class|method|variable|constant)\b|\s+(?:appears?|occurs?|shows? up)\b",
    re.IGNORECASE,
)
_LEADS_TO_NAME = re.compile(
    r"(?:\b"
    + any_of(
        *(
            "the",
            "my",
            "our",
            "your",
            "this",
            "a",
            "an",
            "any",
            "file",
            "folder",
            "in",
            "of",
            "and",
            "to",
            "read",
            "open",
        ),
        *(
            "show",
            "me",
            "print",
            "cat",
            "display",
            "view",
            r"summari[sz]e",
            "vs",
            "versus",
            "with",
            "between",
            "does",
            "is",
        ),
        *("about", "describe", "outline", "tail", "head", "compare", "diff", "list", "ls", "under", "inside", "from"),
        *("are", "or", "wc", r"-\w+", "see", "grep", "count", "search", "than", "edit", "out", "two", "both"),
    )
    + r"|^|,)\s*$",
    re.IGNORECASE,
)
_NO_NAME = (
    "a about all an and any anything are as at author average be beginning between big biggest by byte bytes can "
    "case character characters class classes code comment comments contain contains content contents count counts "
    "date dates definition definitions difference differences different directories directory do document "
    "documentation documents does each eight email emails empty end entire every everything exact file files find "
    "first five folder folders for four from function functions get give go greatest has have heading headings "
    "help here hi hidden how i image images import imports in inside is it its kb kind kinds language languages "
    "large largest last latest letter letters level line lines link links list lists long longest look many match "
    "matches mb me mean mention mentions method methods module modules more most much my name named names new "
    "newest next nine no not number occurrence occurrences of old oldest on one ones open or order our outline "
    "over overview package packages paragraph part path phrase picture please point print project purpose read "
    "recent repo result results row rows run same script scripts search second section sections see sensitive "
    "sentence seven show six size sizes small smallest so some something sort sorted source sources start string "
    "structure subfolder subfolders summary table tell ten term text that the their them then there these they "
    "thing this those three time times to top total tree two type types under url urls us use used uses version "
    "was we what when where which who whole why will with word words write you your"
)
_NO_NAMES = frozenset(_NO_NAME.split())
"""Words of questions, which are names only where it is said so."""
_EVERYTHING = any_of(
    rf"{IN}\s+(?:here|there|(?:{THE}\s+)?(?:files|(?:this |the )?"
    r"(?:folder|directory|dir|project|repo|repository|codebase|code base|workspace|tree|root)))\b(?!\s*▪)",
    *("anywhere", "everywhere", "overall", "altogether", "in total", "in all"),
)


class Mentions:
    """Files and folders that a phrase names. Reading puts a mark (``▪``) in their place.

    Attributes:
        also: others of the same name.
        missing: names that are not there.
        outside: paths that are written so that they lead out.
        everything: whether the phrase says that the whole folder is meant.
    """

    def __init__(self, phrase: Phrase, names: Names) -> None:
        self._phrase, self._names = phrase, names
        self._named: list[Entry | None] = []
        self.also: list[str] = []
        self.missing: list[str] = []
        self.outside: list[str] = []
        self.everything = False

    @property
    def files(self) -> list[str]:
        """The files that are named, in the phrase's order."""
        return _paths(entry for entry in self._named if entry is not None and not entry.is_folder)

    @property
    def folders(self) -> list[str]:
        """The folders that are named, in the phrase's order."""
        return _paths(entry for entry in self._named if entry is not None and entry.is_folder)

    def read_quoted(self) -> None:
        """Quoted names: ``open "notes.txt"``; not those that are searched for."""
        for match in list(re.finditer(r"❲(\d+)❳", self._phrase.text)):
            quote = self._phrase.quotes[int(match[1])]
            start = self._phrase.text.find(match[0])
            end = start + len(match[0])
            if not self._is_term(start, end):
                self._take_quoted(quote, start, end)

    def read_paths(self) -> None:
        """Words with a slash or a dot inside, and names of several words."""
        at = 0
        while (match := _PATHLIKE.search(self._phrase.text, at)) is not None:
            at = match.end()
            word = match[0] if match[0] in (".", "..") else match[0].rstrip(".,;:!?")
            if re.search(r"[./\\~]", word) and not self._is_term(match.start(), match.end()):
                taken = self._take_path(word, match.start(), match.start() + len(word))
                at = match.start() + len(_MARK) if taken else at
        while (phrase := self._names.find_phrase(self._phrase.text)) is not None:
            start, end, entry = phrase
            if self._is_term(start, end):
                break
            self._cut(start, end, Match(entry))

    def read_scopes(self) -> None:
        """``in the docs folder``, ``under src``; and ``in this project`` for everything."""
        while self._phrase.take(rf"\b{_EVERYTHING}\b"):
            self.everything = True
        pattern = re.compile(
            rf"\b{IN}\s+(?:{THE}\s+)?(?:{FOLDER}\s+)?([\w\-.]+)(\s+(?:{FOLDER}|tree)\b)?", re.IGNORECASE
        )
        at = 0
        while (match := pattern.search(self._phrase.text, at)) is not None:
            at = match.end(1)
            found = self._names.find(match[1], folder=True) if match[1].lower() not in _NO_NAMES else None
            if found is not None and not self._is_term(match.start(1), match.end(1)):
                self._cut(match.start(), match.end(), found)
            elif match[2] and match[1].lower() not in _NO_NAMES:
                self.missing.append(match[1] + "/")
                self._cut(match.start(), match.end())
            else:
                continue
            at = match.start()

    def read_bare(self) -> None:
        """Single words that name a file or folder: ``the readme``, ``LICENSE``, ``notes``."""
        at = 0
        while (match := _BARE.search(self._phrase.text, at)) is not None:
            at = match.end()
            if match[1].lower() in _NO_NAMES or self._is_term(match.start(), match.end()):
                continue
            found = self._names.find(match[1])
            if found is not None and self._is_name(match, found.entry.name):
                self._cut(match.start(), match.end(), found)
                at = match.start() + len(_MARK)

    def read_asked(self) -> None:
        """``Is there a Dockerfile?``: what stands there is a name, though nothing is called so."""
        found = self._phrase.has(r"^\s*(?:is|are) there (?:a|an|any)\s+([\w.\-]+)(?: file)?\s*(?:here)?\W*$")
        if found is not None and found[1].lower() not in _NO_NAMES and "▪" not in self._phrase.text:
            self.missing.append(found[1])

    def _take_quoted(self, quote: str, start: int, end: int) -> None:
        found = self._names.find(quote, exact=" " in quote)
        if found is not None:
            self._cut(start, end, found)
        elif leads_out(quote):
            self.outside.append(quote)
            self._cut(start, end)
        elif _EXTENSION.search(quote) and not re.search(r"[\s*]", quote):
            self.missing.append(quote)
            self._cut(start, end)

    def _take_path(self, word: str, start: int, end: int) -> bool:
        if re.fullmatch(r"\d[\d.,]*|[A-Za-z]\.|e\.g|i\.e|etc\.?|\.|\./", word, re.IGNORECASE):
            return False
        found = self._names.find(word, exact=True)
        if found is None and leads_out(word):
            self.outside.append(word)
        elif found is None and re.fullmatch(r"\.\w+", word):
            return False
        elif found is None and ("/" in word or _EXTENSION.search(word)):
            self.missing.append(word)
        elif found is None:
            return False
        self._cut(start, end, found)
        return True

    def _is_name(self, match: re.Match[str], name: str) -> bool:
        """Whether a word that is also a name is meant as one: written just so, or where a name would stand."""
        before, after = self._phrase.text[: match.start()], self._phrase.text[match.end() :]
        written_so = match[1] in (name, name.rpartition(".")[0]) and (match[1] != match[1].lower() or "_" in match[1])
        return written_so or bool(re.match(_KIND_OF_NAME, after) or _LEADS_TO_NAME.search(before))

    def _is_term(self, start: int, end: int) -> bool:
        """Whether the words around a name say that it is looked for and not looked into."""
        text = self._phrase.text
        return bool(_LEADS_TO_TERM.search(text[:start]) or _LEADS_FROM_TERM.match(text[end:]))

    def _cut(self, start: int, end: int, found: Match | None = None) -> None:
        """Put a mark in the place of a name, and keep what it stands for in the order of the marks."""
        text = self._phrase.text
        self._named.insert(text[:start].count("▪"), None if found is None else found.entry)
        self._phrase.text = text[:start] + _MARK + re.sub("^" + _KIND_OF_NAME, "", text[end:], flags=re.IGNORECASE)
        if found is not None:
            self.also += found.also


def _paths(entries: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.path for entry in entries))


def leads_out(path: str) -> bool:
    """Whether a path is written so that it could only lie elsewhere; whether it does is for the root to say."""
    parts = re.split(r"[/\\]", path)
    return path.startswith(("/", "~", "\\")) or ".." in parts or re.match(r"[A-Za-z]:[\\/]", path) is not None
