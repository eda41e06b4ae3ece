"""Which files a request is about, once it meets the folder and the conversation."""

from __future__ import annotations

import os

from msgspec import Struct

from threadlog.agents.folder.desk import Desk
from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.names import Names
from threadlog.agents.folder.request import Focus, Pick, Request
from threadlog.agents.folder.root import FolderError, NoSuchPath
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.wording import code, codes, joined, moment, number, plural_of, size


class Targets(Struct):
    """The files that are meant."""

    files: list[Entry]
    words: str
    """In words: ``5 Python files under src``."""
    notes: list[str]
    """What the user should know about the choice."""
    lead: str = ""
    """A sentence on how they were chosen."""
    single: bool = False
    """One file was meant, not a set that happens to hold one."""


class Chooser:
    """Chooses files for requests."""

    def __init__(self, desk: Desk, names: Names, focus: Focus) -> None:
        self._desk, self._names, self._focus = desk, names, focus

    async def targets(self, request: Request, *, implicit: bool = True) -> Targets:
        """The files that a request is about.

        Args:
            implicit: whether a request that names nothing is about the file that was spoken of last.

        Raises:
            FolderError: what it names is not there, or outside.
        """
        chosen = await self._named(request)
        if chosen is None and request.ordinal is not None:
            chosen = self._by_ordinal(request.ordinal)
        if chosen is None and self._is_follow_up(request, implicit=implicit):
            chosen = self._from_focus(request)
        if chosen is None:
            chosen = await self._selected(request)
        if request.pick is not None and request.pick.by != "mentions" and not request.pick.folders:
            return await self.picked(request.pick, chosen)
        return chosen

    async def refuse_outside(self, request: Request) -> None:
        """Raise for a path that leads out of the folder.

        Raises:
            FolderError: see above.
        """
        for outside in request.outside:
            if self._inside(outside) is None:
                await self._desk.read(os.path.expanduser(outside))

    async def picked(self, pick: Pick, among: Targets) -> Targets:
        """The extreme ones of some files.

        Raises:
            NoSuchPath: there are none.
        """
        if not among.files:
            raise NoSuchPath(f"There is nothing to choose from: {among.words}.")
        measure = await self._measured(pick, among.files)
        ranked = sorted(among.files, key=lambda entry: (measure[entry.path], entry.path), reverse=pick.most)
        ranked.sort(key=lambda entry: measure[entry.path], reverse=pick.most)
        files = ranked[: pick.count]
        notes = [*among.notes, *_ties(ranked, measure, pick)]
        words = code(files[0].path) if len(files) == 1 else f"the {len(files)} {superlative(pick)} files"
        return Targets(files, words, notes, _lead(pick, files, among), single=True)

    async def _measured(self, pick: Pick, files: list[Entry]) -> dict[str, float]:
        if pick.by == "bytes":
            return {entry.path: entry.bytes for entry in files}
        if pick.by == "modified":
            return {entry.path: entry.modified for entry in files}
        sizes = await self._desk.measure(files, f"Count the {pick.by} of {number(len(files), 'file')}")
        by = "words" if pick.by == "words" else "characters" if pick.by == "characters" else "lines"
        return {size.path: getattr(size, by) if not size.binary else -1 if pick.most else 10**12 for size in sizes}

    async def _named(self, request: Request) -> Targets | None:
        paths, notes = list(request.paths), list[str]()
        for outside in request.outside:
            inside = self._inside(outside)
            if inside is not None and inside not in paths:
                paths.append(inside)
        paths += [self._guessed(missing, notes) for missing in request.missing]
        if not paths:
            return None
        if request.also:
            notes.append(f"There are also {codes(request.also)}; say the whole path to choose.")
        entries = {entry.path: entry for entry in self._names.entries}
        files = [entries[path] for path in dict.fromkeys(paths) if path in entries]
        return Targets(files, joined([code(path) for path in paths]), notes, single=len(files) == 1)

    def _inside(self, path: str) -> str | None:
        """A path that looks as if it led out, if it does not."""
        try:
            resolved = self._desk.tools.root.resolve(path)
        except FolderError:
            return None
        return resolved if any(entry.path == resolved for entry in self._names.entries) else None

    def _guessed(self, name: str, notes: list[str]) -> str:
        guesses = self._names.guess(name)
        if len(guesses) == 1:
            notes.append(f"There is no {code(name)} here; I took {code(guesses[0])}.")
            return guesses[0]
        if guesses:
            raise NoSuchPath(f"There is no {code(name)} here. Did you mean {joined([code(path) for path in guesses])}?")
        raise NoSuchPath(f"There is no {code(name)} in this folder. Ask me to list the files to see what there is.")

    def _is_follow_up(self, request: Request, *, implicit: bool) -> bool:
        if request.among and self._focus.files:
            return True
        if request.selection != Selection() or request.pick is not None:
            return False
        return request.refers or (implicit and not request.everything and bool(self._focus.file))

    def _by_ordinal(self, ordinal: int) -> Targets:
        files = self._focus.files
        place = ordinal - 1 if ordinal > 0 else ordinal
        if not files:
            raise NoSuchPath("I have not listed any files yet, so I do not know which one you mean.")
        if not -len(files) <= place < len(files):
            raise NoSuchPath(f"The last list had only {number(len(files), 'file')}.")
        return self._entries([files[place]])

    def _from_focus(self, request: Request) -> Targets | None:
        if (request.plural or request.among) and self._focus.files:
            return self._entries(self._focus.files)
        if self._focus.file:
            return self._entries([self._focus.file])
        return self._entries(self._focus.files) if self._focus.files else None

    def _entries(self, paths: list[str]) -> Targets:
        entries = {entry.path: entry for entry in self._names.entries}
        gone = [path for path in paths if path not in entries]
        if len(gone) == len(paths):
            raise NoSuchPath(f"{codes(gone)} is no longer there.")
        files = [entries[path] for path in paths if path in entries]
        words = code(files[0].path) if len(files) == 1 else f"{len(files)} files"
        return Targets(files, words, [], single=len(files) == 1)

    async def _selected(self, request: Request) -> Targets:
        found = await self._desk.list_files(request.selection, f"List {request.described}")
        notes = []
        if found.hidden:
            notes.append(f"{number(found.hidden, 'hidden file')} left out.")
        if found.partial:
            notes.append("The folder is so large that I have not seen all of it.")
        return Targets(list(found.files), plural_of(len(found.files), request.described), notes)


def superlative(pick: Pick) -> str:
    """``largest``, ``oldest`` …"""
    return _SUPERLATIVES[pick.by, pick.most]


_SUPERLATIVES = {
    ("bytes", True): "largest",
    ("bytes", False): "smallest",
    ("lines", True): "longest",
    ("lines", False): "shortest",
    ("words", True): "wordiest",
    ("words", False): "least wordy",
    ("characters", True): "longest",
    ("characters", False): "shortest",
    ("modified", True): "most recently changed",
    ("modified", False): "longest unchanged",
}


def _lead(pick: Pick, files: list[Entry], among: Targets) -> str:
    if len(files) > 1:
        return ""
    return f"Of {among.words}, the {superlative(pick)} is {code(files[0].path)}."


def _ties(ranked: list[Entry], measure: dict[str, float], pick: Pick) -> list[str]:
    last = measure[ranked[min(pick.count, len(ranked)) - 1].path]
    others = [entry.path for entry in ranked[pick.count :] if measure[entry.path] == last]
    return (
        [f"{codes(others)} {'is' if len(others) == 1 else 'are'} level with it."] if others and pick.count == 1 else []
    )


def measured(entry: Entry, pick: Pick) -> str:
    """What makes a file the extreme one, where its entry says it."""
    return f"changed {moment(entry.modified)}" if pick.by == "modified" else size(entry.bytes)
