"""One sentence on its way to being understood: what is recognised is taken out of it."""

from __future__ import annotations

import re

_QUOTES = re.compile(
    r'"([^"\n]{1,400})"|“([^”\n]{1,400})”|„([^“”\n]{1,400})[“”]|«\s?([^»\n]{1,400}?)\s?»|`([^`\n]{1,400})`'
    r"|‘([^’\n]{1,400})’|(?<![\w])'([^'\n]{1,400}?)'(?![\w])"
)
_MARK = re.compile(r"❲(\d+)❳")


class Phrase:
    """A text in which quoted parts are marks (``❲0❳``) until they are needed.

    Attributes:
        text: what is left of it.
        quotes: the quoted parts.
    """

    def __init__(self, text: str, quotes: list[str] | None = None) -> None:
        self.quotes: list[str] = quotes if quotes is not None else []
        self.text = _QUOTES.sub(self._mark, text) if quotes is None else text

    def _mark(self, match: re.Match[str]) -> str:
        self.quotes.append(next(group for group in match.groups() if group is not None))
        return f"❲{len(self.quotes) - 1}❳"

    def sentences(self, pattern: re.Pattern[str]) -> list[Phrase]:
        """The parts between what a pattern matches, sharing the quotes."""
        return [Phrase(part, self.quotes) for part in pattern.split(self.text) if part and part.strip()]

    def has(self, pattern: str) -> re.Match[str] | None:
        """Where a pattern (case ignored) occurs first."""
        return re.search(pattern, self.text, re.IGNORECASE)

    def take(self, pattern: str, put: str = " ") -> re.Match[str] | None:
        """Take the first match of a pattern out of the text, leaving `put` in its place."""
        found = self.has(pattern)
        if found is not None:
            self.replace(found, put)
        return found

    def replace(self, found: re.Match[str], put: str) -> None:
        """Put something in the place of a match in the text as it is."""
        self.text = self.text[: found.start()] + put + self.text[found.end() :]

    def plain(self, text: str) -> str:
        """A piece of the text with its quotes put back, without their quotation marks."""
        return _MARK.sub(lambda match: self.quotes[int(match[1])], text).strip()

    def quote_of(self, text: str) -> str | None:
        """The quoted part, if a piece of the text is nothing but its mark."""
        found = _MARK.fullmatch(text.strip())
        return None if found is None else self.quotes[int(found[1])]
