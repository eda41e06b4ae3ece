"""The folder's tools: list, read, search, measure, outline, compare. Blocking, bounded, and inside the folder."""

from __future__ import annotations

import difflib
import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct

from threadlog.agents.folder.listing import Entry, Listing, walk
from threadlog.agents.folder.outline import Outline, outline
from threadlog.agents.folder.root import FolderError, Root
from threadlog.agents.folder.search import Found, Hit, Term, search
from threadlog.agents.folder.text import BinaryFile, Reader
from threadlog.agents.folder.work import FolderBounds, Stopped, Work

_COMPARED_LINES = 4_000
_BLOCK = 256 * 1024


class Selection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which files are meant."""

    folders: tuple[str, ...] = ()
    """Those below these; empty for all."""
    match: tuple[str, ...] = ()
    """Those whose name, or whose path, fits one of these patterns, such as ``*.py``."""
    named: tuple[str, ...] = ()
    """Those whose name, or whose path, fits all of these."""
    paths: tuple[str, ...] = ()
    """Exactly these."""
    min_bytes: int | None = None
    max_bytes: int | None = None
    modified_after: float | None = None
    """Seconds since 1970."""
    modified_before: float | None = None
    hidden: bool = False
    """Also those whose name, or whose folder's name, begins with a dot."""
    hidden_only: bool = False
    top_only: bool = False
    """Only those directly in the folder."""


class Files(Struct, frozen=True):
    """The files that a selection means."""

    files: tuple[Entry, ...]
    hidden: int = 0
    """Hidden files that would fit but are left out."""
    skipped: tuple[str, ...] = ()
    """Folders of tools that were not looked into."""
    partial: bool = False


class Size(Struct, frozen=True):
    """How large one file is."""

    path: str
    bytes: int
    lines: int = 0
    words: int = 0
    characters: int = 0
    binary: bool = False
    partial: bool = False
    error: str | None = None
    """Why it could not be read."""


class Excerpt(Struct, frozen=True):
    """Some lines of a file."""

    path: str
    first: int
    """Number of its first line, from 1."""
    last: int
    """Number of its last line; less than `first` where there is none."""
    total: int
    """Lines of the whole file."""
    text: str
    cut: bool = False
    """A bound was reached before the last line that was asked for."""


class Comparison(Struct, frozen=True):
    """How two files differ."""

    one: str
    other: str
    same: bool
    removed: int = 0
    """Lines that only the first has."""
    added: int = 0
    """Lines that only the second has."""
    diff: str = ""
    """As a unified diff, bounded."""
    binary: bool = False
    partial: bool = False


class FolderTools:
    """The tools over one folder. Every method may be called from any thread, and stops when its work is told to."""

    def __init__(self, root: Root, bounds: FolderBounds | None = None) -> None:
        self.root = root
        self.bounds = bounds or FolderBounds()

    def listing(self, work: Work) -> Listing:
        """Everything in the folder."""
        return walk(self.root, work, self.bounds)

    def select(self, listing: Listing, selection: Selection) -> Files:
        """The files of a listing that a selection means, by path."""
        chosen = set(selection.paths)
        named = selection.hidden or any(map(_is_hidden, selection.folders))
        fits = [
            entry
            for entry in listing.files(hidden=True)
            if (entry.path in chosen if chosen else _fits(entry, selection))
        ]
        seen = [entry for entry in fits if named or chosen or not entry.hidden]
        return Files(tuple(seen), len(fits) - len(seen), listing.skipped, listing.partial)

    def search(self, work: Work, files: Sequence[Entry], term: Term) -> Found:
        """Search files for a text."""
        return search(self.root, work, self.bounds, files, term)

    def measure(self, work: Work, files: Sequence[Entry]) -> list[Size]:
        """Count lines, words and characters."""
        reader = Reader(self.root, work, self.bounds)
        sizes = []
        for index, entry in enumerate(files):
            if work.late:
                sizes.append(Size(entry.path, entry.bytes, partial=True, error="there was no time left for it"))
                continue
            work.say(f"{index:,} of {len(files):,} files counted")
            sizes.append(_measured(reader, entry))
        return sizes

    def read(self, work: Work, path: str, first: int = 1, last: int | None = None) -> Excerpt:
        """Read lines `first` to `last` (to the end if None); a negative `first` counts from the end.

        Raises:
            FolderError: the file cannot be read, or is no text.
        """
        reader = Reader(self.root, work, self.bounds)
        total = reader.measure(path).lines
        begin = max(1, total + 1 + first if first < 0 else first)
        end = total if last is None else min(last, total)
        lines = islice(reader.lines(path), begin - 1, max(begin - 1, end))
        kept, cut = self._bounded(lines)
        return Excerpt(path, begin, begin - 1 + len(kept), total, "\n".join(kept), cut)

    def outline(self, work: Work, path: str) -> Outline:
        """What a file is made of.

        Raises:
            FolderError: the file cannot be read, or is no text.
        """
        suffix = Entry(path).suffix
        return outline(path, suffix, Reader(self.root, work, self.bounds).lines(path))

    def longest_line(self, work: Work, files: Sequence[Entry]) -> Hit | None:
        """The longest line of some text files; None where there is no line."""
        reader = Reader(self.root, work, self.bounds)
        longest: Hit | None = None
        size = -1
        for entry in files:
            for number, line in enumerate(_lines_or_none(reader, entry), 1):
                if len(line) > size:
                    size, longest = len(line), Hit(entry.path, number, line)
        return longest

    def compare(self, work: Work, one: str, other: str) -> Comparison:
        """Compare two files line by line.

        Raises:
            FolderError: one of them cannot be read.
        """
        try:
            before, after = self._some_lines(work, one), self._some_lines(work, other)
        except BinaryFile:
            return Comparison(one, other, same=self._same_bytes(work, one, other), binary=True)
        partial = _COMPARED_LINES in (len(before), len(after))
        if before == after:
            return Comparison(one, other, same=not partial or self._same_bytes(work, one, other), partial=partial)
        changes = list(difflib.unified_diff(before, after, one, other, n=1, lineterm=""))
        removed = sum(line.startswith("-") for line in changes[2:])
        added = sum(line.startswith("+") for line in changes[2:])
        kept, cut = self._bounded(iter(changes))
        return Comparison(one, other, False, removed, added, "\n".join(kept), partial=partial or cut)

    def _some_lines(self, work: Work, path: str) -> list[str]:
        return list(islice(Reader(self.root, work, self.bounds).lines(path), _COMPARED_LINES))

    def _same_bytes(self, work: Work, one: str, other: str) -> bool:
        with self.root.file(one) as first, self.root.file(other) as second:
            if os.fstat(first).st_size != os.fstat(second).st_size:
                return False
            while block := os.read(first, _BLOCK):
                work.check()
                if block != os.read(second, len(block)):
                    return False
            return True

    def _bounded(self, lines: Iterable[str]) -> tuple[list[str], bool]:
        kept: list[str] = []
        size = 0
        for line in lines:
            shown = line if len(line) <= self.bounds.line_bytes else line[: self.bounds.line_bytes] + " …"
            size += len(shown) + 1
            if len(kept) >= self.bounds.shown_lines or size > self.bounds.shown_bytes:
                return kept, True
            kept.append(shown)
        return kept, False


def _fits(entry: Entry, selection: Selection) -> bool:
    if selection.folders and not any(entry.path.startswith(folder + "/") for folder in selection.folders):
        return False
    if selection.hidden_only and not entry.hidden:
        return False
    if selection.top_only and entry.folder not in (selection.folders or ("",)):
        return False
    if selection.match and not any(_matches(entry, pattern) for pattern in selection.match):
        return False
    if not all(_matches(entry, pattern) for pattern in selection.named):
        return False
    return _within(entry.bytes, selection.min_bytes, selection.max_bytes) and _within(
        entry.modified, selection.modified_after, selection.modified_before
    )


def _matches(entry: Entry, pattern: str) -> bool:
    subject = entry.path if "/" in pattern else entry.name
    return fnmatch.fnmatchcase(subject.lower(), pattern.lower())


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _is_hidden(folder: str) -> bool:
    return any(part.startswith(".") for part in folder.split("/") if part)


def _measured(reader: Reader, entry: Entry) -> Size:
    try:
        found = reader.measure(entry.path)
    except BinaryFile:
        return Size(entry.path, entry.bytes, binary=True)
    except Stopped:
        raise
    except FolderError as error:
        return Size(entry.path, entry.bytes, error=str(error))
    return Size(entry.path, entry.bytes, found.lines, found.words, found.characters, partial=found.partial)


def _lines_or_none(reader: Reader, entry: Entry) -> Iterator[str]:
    """The lines of a file; none if it cannot be read."""
    try:
        yield from reader.lines(entry.path)
    except Stopped:
        raise
    except FolderError:
        return
