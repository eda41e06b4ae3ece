"""What a user wants, once their message is understood."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from threadlog.agents.folder.search import Term
from threadlog.agents.folder.tools import Selection

Action: TypeAlias = Literal[
    "list",  # name files or folders
    "tree",  # draw the folders
    "kinds",  # what kinds of files there are
    "count",  # how many files, folders or both
    "measure",  # how many lines, words, characters
    "size",  # how many bytes
    "modified",  # when a file was changed
    "occurrences",  # how often a text occurs
    "search",  # where a text occurs
    "read",  # show a file or a part of it
    "longest",  # the longest line
    "outline",  # headings or definitions
    "summary",  # what a file or the folder is about
    "compare",  # how two files differ
    "exists",  # whether there is such a file
    "pick",  # which file is the largest, newest, …
    "more",  # go on where the last answer stopped
    "help",
    "greeting",
    "thanks",
    "bye",
    "empty",
    "refuse",  # something that this agent never does
    "foreign",  # another language
    "unknown",
]

Measure: TypeAlias = Literal["bytes", "lines", "words", "characters", "modified", "mentions", "files"]


class Pick(Struct, frozen=True):
    """The extreme ones among the files that are meant."""

    by: Measure
    most: bool = True
    """The largest, newest, …; or the smallest, oldest."""
    count: int = 1
    folders: bool = False
    """Among folders and not files."""


class Part(Struct, frozen=True):
    """A part of a file."""

    kind: Literal["head", "tail", "range", "whole", "section", "around"]
    first: int = 1
    """First line of a range; number of lines of a head or tail."""
    last: int = 0
    name: str = ""
    """Of a section."""


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do."""

    action: Action
    selection: Selection = Selection()
    """Which files, apart from those that are named."""
    described: str = ""
    """The selection in words: ``Python files under src``."""
    paths: tuple[str, ...] = ()
    """Files and folders that are named, as they are in the folder."""
    also: tuple[str, ...] = ()
    """Other files of the same name, which were not chosen."""
    missing: tuple[str, ...] = ()
    """What is named and is not there."""
    outside: tuple[str, ...] = ()
    """Paths that lead out of the folder."""
    pick: Pick | None = None
    term: Term | None = None
    named: str = ""
    """The term in words: ``“TODO”``, ``functions``."""
    units: tuple[str, ...] = ()
    part: Part | None = None
    refers: bool = False
    """It speaks of what the last answer was about."""
    plural: bool = False
    """… of all that it was about."""
    among: bool = False
    """It picks among the files that the last answer listed."""
    ordinal: int | None = None
    """… of one in its list: 1 for the first, -1 for the last."""
    asks: bool = False
    """A question to be answered by yes or no."""
    everything: bool = False
    """It says that the whole folder is meant."""
    how: str = ""
    """What is wanted of the term: ``count``, ``search``, ``definition``, ``topic`` or ``without``."""
    concept: str = ""
    """The plain name of what is looked for where files are made of it: ``function``."""
    average: bool = False
    each: bool = False
    """For each file apart."""
    sort: Measure | Literal["name", ""] = ""
    ascending: bool = False
    folders: bool = False
    """Folders are meant, not files."""
    reason: str = ""
    """Why it is refused."""


class Focus(Struct, omit_defaults=True):
    """What a conversation is about; kept in the thread as hidden context between messages."""

    file: str = ""
    """The file that was spoken of last."""
    files: list[str] = []
    """The files that were listed last."""
    line: int = 0
    """The line of the first match that was shown; 0 for none."""
    next_line: int = 0
    """Where reading on begins; 0 if the file was read to its end."""
    request: Request | None = None
    """What was asked last."""
