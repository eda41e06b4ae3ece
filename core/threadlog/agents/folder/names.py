"""Finding files and folders by what people call them."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from threadlog.agents.folder.listing import Entry, Listing

_SEPARATORS = re.compile(r"[\s_\-.]+")
_WORD = re.compile(r"[^\s❲❳▪]+?(?=[,;:!?]*(?:\s|$))")
_WORDS_OF_NAME = 10
"""Names of more words are to be quoted."""
_SAME = {"licence": "license", "requirement": "requirements", "change log": "changelog"}


class Match(Struct, frozen=True):
    """What a name stands for."""

    entry: Entry
    also: tuple[str, ...] = ()
    """Others that it could stand for."""
    guessed: bool = False
    """It is written otherwise; this is the only one that is nearly so."""


class Names:
    """The names in a folder. Case, extension and the folders above may be left out; the shortest path comes first."""

    def __init__(self, listing: Listing) -> None:
        self.entries = listing.entries
        self._by: dict[str, list[Entry]] = defaultdict(list)
        for entry in sorted(self.entries, key=_rank):
            for name in _names_of(entry):
                self._by[name].append(entry)
        self._phrases: dict[str, Entry] = {}
        for entry in sorted(self.entries, key=_rank):
            for phrase in _phrases_of(entry):
                self._phrases.setdefault(phrase, entry)

    def find(self, name: str, *, folder: bool | None = None, exact: bool = False) -> Match | None:
        """What a name stands for, if anything.

        Args:
            folder: only folders, only files, or (None) both.
            exact: only whole names or paths, extensions included.
        """
        plain = _plain_path(name)
        found = self._by.get(plain, [])
        if not found and not exact:
            key = _key(plain)
            found = self._by.get("~" + _SAME.get(key, key), [])
        chosen = [entry for entry in found if folder is None or entry.is_folder is folder]
        if not chosen:
            return None
        return Match(chosen[0], tuple(entry.path for entry in chosen[1:] if _as_good(entry, chosen[0])))

    def guess(self, name: str) -> list[str]:
        """Names that are written nearly so, the nearest first."""
        plain = _plain_path(name).rpartition("/")[2]
        candidates = {entry.name.lower(): entry.path for entry in reversed(self.entries) if not entry.special}
        near = difflib.get_close_matches(plain, candidates, n=3, cutoff=0.75)
        stems = {_key(entry.name.rpartition(".")[0] or entry.name): entry.path for entry in reversed(self.entries)}
        near_stems = difflib.get_close_matches(_key(plain.rpartition(".")[0] or plain), stems, n=3, cutoff=0.85)
        return list(dict.fromkeys([candidates[name] for name in near] + [stems[name] for name in near_stems]))

    def find_phrase(self, text: str) -> tuple[int, int, Entry] | None:
        """The first name of several words in a text, the longest one there: where it begins and ends, and the file."""
        words = list(_WORD.finditer(text))
        for at, first in enumerate(words):
            for last in reversed(words[at + 1 : at + _WORDS_OF_NAME]):
                entry = self._phrases.get(text[first.start() : last.end()].lower())
                if entry is not None:
                    return first.start(), last.end(), entry
        return None


def _rank(entry: Entry) -> tuple[bool, bool, int, str]:
    return entry.hidden, entry.link is not None, entry.path.count("/"), entry.path


def _as_good(entry: Entry, chosen: Entry) -> bool:
    return entry.path.count("/") == chosen.path.count("/") or entry.name.lower() == chosen.name.lower()


def _names_of(entry: Entry) -> Iterable[str]:
    path = entry.path.lower()
    parts = path.split("/")
    names = ["/".join(parts[at:]) for at in range(len(parts))]
    stem = parts[-1].rpartition(".")[0] or parts[-1]
    return dict.fromkeys([*names, "~" + _key(stem), "~" + _key(parts[-1])])


def _phrases_of(entry: Entry) -> Iterable[str]:
    """The names of an entry that are several words, as people write them."""
    stem = entry.name.rpartition(".")[0] or entry.name
    return (phrase for phrase in (entry.name.lower(), stem.lower(), _key(stem)) if " " in phrase)


def _plain_path(name: str) -> str:
    plain = name.strip().replace("\\", "/").lower().rstrip("/")
    while plain.startswith("./"):
        plain = plain[2:]
    return plain or "."


def _key(name: str) -> str:
    return _SEPARATORS.sub(" ", name.lower()).strip()
