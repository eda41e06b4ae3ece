"""What lies in the folder: one bounded walk, without following links to folders."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from threadlog.agents.folder.root import FolderError, Root
from threadlog.agents.folder.work import FolderBounds, Work

SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "node_modules", "site-packages", "venv", "env"}
    | {".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
"""Folders of tools and not of the user; they are named in listings and not looked into."""


class Entry(Struct, frozen=True):
    """A file or folder."""

    path: str
    """From the root, with ``/``."""
    bytes: int = 0
    modified: float = 0.0
    """Seconds since 1970."""
    is_folder: bool = False
    link: str | None = None
    """What it points to, if it is a link."""
    special: bool = False
    """A pipe, socket or device: named, never opened."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder it lies in; empty for the root."""
        return self.path.rpartition("/")[0]

    @property
    def suffix(self) -> str:
        """The extension in lower case with its dot; empty if there is none."""
        return os.path.splitext(self.name)[1].lower()

    @property
    def hidden(self) -> bool:
        """Whether a part of its path begins with a dot."""
        return any(part.startswith(".") for part in self.path.split("/"))


class Listing(Struct, frozen=True):
    """All entries below a folder, sorted by path."""

    entries: tuple[Entry, ...]
    skipped: tuple[str, ...] = ()
    """Folders of tools that were not looked into."""
    partial: bool = False
    """A bound was reached: there is more."""

    def files(self, *, hidden: bool = False) -> list[Entry]:
        """Regular files; links are left out, for what they point to counts where it lies."""
        return [
            entry
            for entry in self.entries
            if not (entry.is_folder or entry.link is not None or entry.special) and (hidden or not entry.hidden)
        ]

    def folders(self, *, hidden: bool = False) -> list[Entry]:
        """Folders that were looked into."""
        return [
            entry
            for entry in self.entries
            if entry.is_folder and entry.path not in self.skipped and (hidden or not entry.hidden)
        ]


def walk(root: Root, work: Work, bounds: FolderBounds) -> Listing:
    """List everything below the root, breadth first, up to the bounds.

    Raises:
        Stopped: the work was told to stop.
    """
    found: list[Entry] = []
    skipped: list[str] = []
    pending = deque([("", 0)])
    partial = False
    while pending:
        folder, depth = pending.popleft()
        if work.late or len(found) > bounds.files:
            partial = True
            break
        work.check()
        work.say(f"{len(found):,} entries so far")
        entries = list(islice(_entries(root, folder), bounds.files + 1 - len(found)))
        found += entries
        folders = [entry.path for entry in entries if entry.is_folder and entry.name not in SKIPPED_FOLDERS]
        skipped += [entry.path for entry in entries if entry.is_folder and entry.name in SKIPPED_FOLDERS]
        if depth < bounds.depth:
            pending.extend((path, depth + 1) for path in folders)
        else:
            partial = partial or bool(folders)
    partial = partial or len(found) > bounds.files
    kept = sorted(found[: bounds.files], key=lambda entry: entry.path)
    return Listing(tuple(kept), tuple(sorted(skipped)), partial)


def _entries(root: Root, folder: str) -> Iterator[Entry]:
    try:
        with root.directory(folder or ".") as fd, os.scandir(fd) as items:
            for item in items:
                if not _is_text(item.name):
                    continue
                yield _entry(folder, item, fd)
    except FolderError:
        return


def _entry(folder: str, item: os.DirEntry[str], fd: int) -> Entry:
    path = f"{folder}/{item.name}" if folder else item.name
    try:
        seen = item.stat(follow_symlinks=False)
        link = os.readlink(item.name, dir_fd=fd) if stat.S_ISLNK(seen.st_mode) else None
    except OSError:
        return Entry(path, special=True)
    return Entry(
        path,
        seen.st_size,
        seen.st_mtime,
        is_folder=stat.S_ISDIR(seen.st_mode),
        link=link,
        special=not (link is not None or stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode)),
    )


def _is_text(name: str) -> bool:
    """Names that are no UTF-8 (lone surrogates in Python) cannot be shown or asked for."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
