"""What every answer works with."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from threadlog.agents.folder.desk import Desk
from threadlog.agents.folder.listing import Entry, Listing
from threadlog.agents.folder.names import Names
from threadlog.agents.folder.request import Focus
from threadlog.agents.folder.targets import Chooser


class Case(Struct):
    """One message being answered."""

    desk: Desk
    listing: Listing
    names: Names
    focus: Focus

    @property
    def chooser(self) -> Chooser:
        """Chooses the files of requests."""
        return Chooser(self.desk, self.names, self.focus)

    def spoke_of(self, files: Sequence[Entry]) -> None:
        """Remember which files the answer is about, for the next question."""
        self.focus.files = [entry.path for entry in files[:50]]
        self.focus.file = files[0].path if len(files) == 1 else ""
        self.focus.next_line = 0


def with_notes(text: str, notes: Sequence[str]) -> str:
    """An answer with what the user should know besides."""
    return "\n\n".join([text, *dict.fromkeys(notes)])
