"""What every answer works with."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from threadlog.agents.folder.desk import Desk
from threadlog.agents.folder.listing import Entry, Listing
from threadlog.agents.folder.names import Names
from threadlog.agents.folder.request import Focus
from threadlog.agents.folder.targets import Chooser, Targets


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
    said = [note for note in dict.fromkeys(notes) if note]
    return f"{text}\n\n{' '.join(said)}" if said else text


def about(targets: Targets, text: str) -> str:
    """An answer about some files, with how they were chosen."""
    lead = f"{targets.lead}\n\n" if targets.lead else ""
    return with_notes(lead + text, targets.notes)


def the(targets: Targets) -> str:
    """Some files at the beginning of a sentence."""
    return targets.words if targets.words.startswith("`") else f"The {targets.words}"
