"""What a file is made of: its headings or definitions, and its first words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*$")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_DEFINITION = re.compile(
    r"(\s*)(?:export\s+)?(?:default\s+)?(?:pub(?:\([\w:]+\))?\s+)?(?:abstract\s+|public\s+|final\s+)*(?:async\s+)?"
    r"(class|def|function\*?|func|fn|struct|interface|enum|trait|type)\s+(?:\([^)]*\)\s*)?(\w+)"
)
_UNDERLINE = re.compile(r"(=+|-+)\s*$")
_NO_PROSE = ("#!", "```", "---", "===", "<", "[![", "|", "import ", "from ", "package ", "#include")
_MOST = 200
MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
TEXTUAL = MARKDOWN | {".rst", ".txt", ""}
FUNCTIONS = frozenset({"def", "function", "func", "fn"})


class Part(Struct, frozen=True):
    """A heading, or a definition in a program."""

    kind: str
    """``heading``, ``function``, ``method``, ``class`` or the language's own word."""
    name: str
    level: int
    """1 for the outermost."""
    line: int


class Outline(Struct, frozen=True):
    """What a file is made of."""

    path: str
    lines: int
    words: int
    parts: tuple[Part, ...]
    opening: str
    """Its first sentence or two, markup left out; empty if it has no prose."""
    partial: bool = False


def outline(path: str, suffix: str, lines: Iterable[str]) -> Outline:
    """Outline a file by its kind: headings of Markdown and reStructuredText, definitions of programs."""
    reader = _Headings() if suffix in TEXTUAL else _Definitions()
    count = words = 0
    opening = _Opening(prose=suffix in TEXTUAL)
    for count, line in enumerate(lines, 1):
        words += len(line.split())
        reader.take(line, count)
        opening.take(line)
    parts = tuple(reader.parts[:_MOST])
    return Outline(path, count, words, parts, opening.text, partial=len(reader.parts) > _MOST)


class _Headings:
    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._fence: str | None = None
        self._before = ""

    def take(self, line: str, number: int) -> None:
        fence = _FENCE.match(line)
        if fence is not None:
            mark = fence[1]
            if self._fence is None:
                self._fence = mark
            elif mark.startswith(self._fence):
                self._fence = None
        elif self._fence is None:
            self._take_prose(line, number)
        self._before = "" if fence else line

    def _take_prose(self, line: str, number: int) -> None:
        heading = _HEADING.match(line)
        if heading is not None:
            self.parts.append(Part("heading", heading[2], len(heading[1]), number))
        elif _UNDERLINE.match(line) and len(line.strip()) >= 3 and _is_title(self._before):
            level = 1 if line.startswith("=") else 2
            self.parts.append(Part("heading", self._before.strip(), level, number - 1))


class _Definitions:
    def __init__(self) -> None:
        self.parts: list[Part] = []

    def take(self, line: str, number: int) -> None:
        found = _DEFINITION.match(line)
        if found is None:
            return
        indent, word, name = found[1], found[2].rstrip("*"), found[3]
        kind = word if word not in FUNCTIONS else "method" if indent else "function"
        self.parts.append(Part(kind, name, 1 + len(indent.expandtabs(4)) // 4, number))


class _Opening:
    """Collects the first paragraph: of a document, or of the docstring or comment with which a program begins."""

    def __init__(self, *, prose: bool) -> None:
        self._found: list[str] = []
        self._is_prose = prose
        self._quote = ""
        self._over = False

    @property
    def text(self) -> str:
        words = " ".join(self._found)
        return words if len(words) <= 400 else words[:400].rsplit(" ", 1)[0] + " …"

    def take(self, line: str) -> None:
        if self._over:
            return
        if not self._is_prose and not self._speaks(line):
            self._over = bool(line.strip())
            return
        words = _prose(line, document=self._is_prose)
        if words:
            self._found.append(words)
            self._over = sum(map(len, self._found)) > 400
        elif self._found:
            self._over = True

    def _speaks(self, line: str) -> bool:
        """Whether a line of a program is a comment or within its docstring."""
        text = line.strip()
        if self._quote:
            self._quote = "" if self._quote in text else self._quote
            return True
        quoted = re.match(r'[rRuU]?("""|\'\'\'|/\*)', text)
        if quoted is not None:
            end = "*/" if quoted[1] == "/*" else quoted[1]
            self._quote = "" if end in text[quoted.end() :] else end
            return True
        return text.startswith(("#", "//", "--", ";"))


def _is_title(line: str) -> bool:
    return bool(line.strip()) and line[0].isalnum() and len(line) < 120 and "|" not in line


def _prose(line: str, *, document: bool) -> str:
    """A line without comment marks and quotes; empty if it is a heading, code or decoration."""
    text = line.strip()
    if (document and _HEADING.match(text)) or text.startswith(
        ("#!", "```", "---", "===", "<", "[![", "|", "import ", "from ", "package ")
    ):
        return ""
    text = re.sub(r'^(?:///?|/\*+|\*+/?|#+|--|;+|""+"|\'\'\'|>|r""")\s*', "", text)
    text = re.sub(r'\s*(?:"""|\'\'\'|\*/)$', "", text)
    return text if re.search(r"[^\W\d_]{2}", text) and " " in text else ""
