"""Searching files for a text or a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.root import FolderError, Root
from threadlog.agents.folder.text import BinaryFile, Reader
from threadlog.agents.folder.work import FolderBounds, Stopped, Work

_MAX_TERM = 500


class BadPattern(FolderError, ValueError):
    """The pattern cannot be searched for."""


class Term(Struct, frozen=True):
    """What is searched for."""

    text: str
    exact_case: bool = False
    whole_word: bool = False
    regex: bool = False
    """Whether the text is a regular expression. Only for this package's own: a stranger's could run for ever."""

    def pattern(self) -> re.Pattern[str]:
        """What finds it in any case, also inside longer words; `fits` then tells which matches count.

        Raises:
            BadPattern: it is empty or too long.
        """
        if not self.text.strip() or len(self.text) > _MAX_TERM:
            raise BadPattern(f"a search needs a text of 1 to {_MAX_TERM} characters.")
        if self.regex:
            return re.compile(self.text, re.NOFLAG if self.exact_case else re.IGNORECASE)
        return re.compile(re.escape(self.text), re.IGNORECASE)

    def is_as_written(self, match: re.Match[str]) -> bool:
        """Whether a match has the term's own case."""
        return self.regex or match.group() == self.text

    def is_word(self, match: re.Match[str]) -> bool:
        """Whether a match is no part of a longer word."""
        before, after = match.string[: match.start()][-1:], match.string[match.end() : match.end() + 1]
        return self.regex or not (_is_letter(before) or _is_letter(after))


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"


class Hit(Struct, frozen=True):
    """A line with a match."""

    path: str
    line: int
    """Number of the line, from 1."""
    text: str
    """The line, cut where it is very long."""


class FileHits(Struct, frozen=True):
    """How often a file holds the term."""

    path: str
    occurrences: int
    lines: int


class Found(Struct, frozen=True, kw_only=True):
    """What a search found."""

    files: tuple[FileHits, ...] = ()
    """Those with a match, the one with the most first."""
    hits: tuple[Hit, ...] = ()
    """The first matches, in order of path and line."""
    searched: int = 0
    """Files looked into."""
    binary: int = 0
    """Files passed over because they are no text."""
    partial: bool = False
    """A bound was reached: there may be more."""
    in_any_case: int = 0
    """Matches if case did not count."""
    as_written: int = 0
    """Matches if case counted."""
    as_word: int = 0
    """Matches that are no part of a longer word."""

    @property
    def occurrences(self) -> int:
        """Matches in all files."""
        return sum(file.occurrences for file in self.files)

    @property
    def lines(self) -> int:
        """Lines with a match in all files."""
        return sum(file.lines for file in self.files)


def search(root: Root, work: Work, bounds: FolderBounds, files: Sequence[Entry], term: Term) -> Found:
    """Search files, in order of their paths.

    Raises:
        BadPattern: the term cannot be searched for.
        Stopped: the work was told to stop.
    """
    run = _Search(Reader(root, work, bounds), bounds, term)
    for index, entry in enumerate(files):
        work.check()
        if work.late:
            run.partial = True
            break
        work.say(f"{index:,} of {len(files):,} files searched")
        run.look_into(entry.path)
    return run.found()


class _Search:
    def __init__(self, reader: Reader, bounds: FolderBounds, term: Term) -> None:
        self._reader, self._bounds, self._term, self._pattern = reader, bounds, term, term.pattern()
        self._files: list[FileHits] = []
        self._hits: list[Hit] = []
        self._searched = self._binary = 0
        self._in_any_case = self._as_written = self._as_word = 0
        self.partial = False

    def look_into(self, path: str) -> None:
        try:
            occurrences, lines = self._count(path)
        except BinaryFile:
            self._binary += 1
            return
        except Stopped:
            raise
        except FolderError:
            self.partial = True
            return
        self._searched += 1
        self.partial |= self._reader.partial
        if occurrences:
            self._files.append(FileHits(path, occurrences, lines))

    def _count(self, path: str) -> tuple[int, int]:
        occurrences = lines = 0
        for number, line in enumerate(self._reader.lines(path), 1):
            here = sum(map(self._counts, self._pattern.finditer(line)))
            if not here:
                continue
            occurrences += here
            lines += 1
            if lines <= self._bounds.hits_of_file and len(self._hits) < self._bounds.hits:
                self._hits.append(Hit(path, number, line[: self._bounds.line_bytes]))
        return occurrences, lines

    def _counts(self, match: re.Match[str]) -> bool:
        if not match.group() and match.string:
            return False
        written, word = self._term.is_as_written(match), self._term.is_word(match)
        fits_case, fits_word = written or not self._term.exact_case, word or not self._term.whole_word
        self._in_any_case += fits_word
        self._as_written += written and fits_word
        self._as_word += word and fits_case
        return fits_case and fits_word

    def found(self) -> Found:
        self._files.sort(key=lambda file: (-file.occurrences, file.path))
        return Found(
            files=tuple(self._files),
            hits=tuple(self._hits),
            searched=self._searched,
            binary=self._binary,
            partial=self.partial,
            in_any_case=self._in_any_case,
            as_written=self._as_written,
            as_word=self._as_word,
        )
