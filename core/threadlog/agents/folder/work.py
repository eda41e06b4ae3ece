"""What one piece of file work may cost, and how it is told to stop."""

from __future__ import annotations

import threading
import time

from msgspec import Struct

from threadlog.agents.folder.root import FolderError


class FolderBounds(Struct, frozen=True, kw_only=True):
    """The most that one tool call looks at, holds or gives back."""

    files: int = 20_000
    """Files of one listing."""
    depth: int = 40
    """Folders below each other."""
    file_bytes: int = 64 * 1024 * 1024
    """Of one file, when counting and searching."""
    seconds: float = 10.0
    """Of one tool call."""
    shown_lines: int = 120
    """Lines of a file in one answer."""
    shown_bytes: int = 16 * 1024
    """Bytes of a file in one answer."""
    line_bytes: int = 400
    """Of one line in an answer; the rest is cut."""
    hits: int = 1_000
    """Matches of a search that are kept with their lines."""
    hits_of_file: int = 25
    """… of one file."""
    listed: int = 500
    """Entries of a listing that are given back."""


class Stopped(FolderError):
    """The work was told to stop."""


class Work:
    """One piece of work in a thread: it calls `check` often, which raises once it should stop.

    Args:
        seconds: how long it may take.

    Attributes:
        words: how far the work is; read from other threads.
    """

    def __init__(self, seconds: float) -> None:
        self._stop = threading.Event()
        self._ends = time.monotonic() + seconds
        self.words = ""

    def stop(self) -> None:
        """Make the next `check` raise; from any thread."""
        self._stop.set()

    @property
    def late(self) -> bool:
        """Whether the time is over; what has been found so far should be given back."""
        return time.monotonic() > self._ends

    def check(self) -> None:
        """Raise if the work should stop.

        Raises:
            Stopped: `stop` was called.
        """
        if self._stop.is_set():
            raise Stopped("stopped.")

    def say(self, words: str) -> None:
        """Tell how far the work is."""
        self.words = words
