"""All that a phrase says of files, read in the order in which the words can be told apart."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from threadlog.agents.folder.filters import Filters
from threadlog.agents.folder.mentions import Mentions
from threadlog.agents.folder.names import Names
from threadlog.agents.folder.parts import take_part
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.picks import take_comparison, take_pick
from threadlog.agents.folder.request import Part, Pick
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.wording import joined
from threadlog.agents.folder.words import ORDINALS


class Slots(Struct, kw_only=True):
    """What a phrase says of files."""

    selection: Selection
    words: list[str]
    """The selection in words."""
    mentions: Mentions
    pick: Pick | None
    part: Part | None
    ordinal: int | None

    @property
    def described(self) -> str:
        """The selection in words, folder included."""
        nouns = [word.removesuffix("files").strip() for word in self.words if word.endswith("files")]
        rest = [word.removeprefix("files") for word in self.words if not word.endswith("files")]
        words = " ".join(filter(None, [*dict.fromkeys(nouns), "files"])) + "".join(dict.fromkeys(rest))
        return f"{words} under {joined(self.mentions.folders)}" if self.mentions.folders else words

    @property
    def narrows(self) -> bool:
        """Whether it says anything of which files are meant."""
        return self.selection != Selection()


def take_slots(phrase: Phrase, names: Names) -> Slots:
    """Read a phrase; what was understood is taken out of it."""
    filters, mentions = Filters(phrase), Mentions(phrase, names)
    mentions.read_quoted()
    part = take_part(phrase)
    filters.read_names()
    filters.read_measures()
    filters.read_flags()
    mentions.read_paths()
    pick = take_pick(phrase)
    filters.read_kinds({entry.suffix for entry in names.entries})
    mentions.read_scopes()
    mentions.read_bare()
    if not filters.words:
        mentions.read_asked()
    if pick is None and (len(mentions.files) > 1 or phrase.has(r"^\s*(?:which|what)\b[^?]*\b(?:file|files|one)\b")):
        pick = take_comparison(phrase)
    return Slots(
        selection=msgspec.structs.replace(filters.selection, folders=tuple(mentions.folders)),
        words=filters.words,
        mentions=mentions,
        pick=pick,
        part=part,
        ordinal=_ordinal(phrase),
    )


def _ordinal(phrase: Phrase) -> int | None:
    """Which one of a list is meant: ``the second one``, ``number 3``."""
    noun = r"(?:one|file|result|match|hit|entry|of (?:them|those|these))"
    found = phrase.has(rf"\b(?:the\s+)?({'|'.join(ORDINALS)})\s+{noun}\b")
    if found is not None:
        return ORDINALS[found[1].lower()]
    found = phrase.has(r"^\s*(?:(?:show|open|read)\s+)?(?:me\s+)?(?:number|nr\.?|no\.?|#)\s*(\d{1,3})\s*$")
    return None if found is None else int(found[1])
