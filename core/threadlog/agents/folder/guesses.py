"""What to do with a question that no rule understands: see whether the folder speaks of its words."""

from __future__ import annotations

import re

from threadlog.agents.folder.case import Case
from threadlog.agents.folder.finding_answers import hit_lines
from threadlog.agents.folder.search import Term
from threadlog.agents.folder.showing_answers import show_head, show_section
from threadlog.agents.folder.wording import bullets, joined

_COMMON = (
    "about after again also answer anything because before being between could does doing done each else every "
    "files folder from give going have here into just know like look made make many mean more most much need only "
    "other over please project question really same should show some something still such take tell than that "
    "their them then there these they thing think this those time understand very want were what when where which "
    "while will with without work would your"
)
_NOT_ASKED_FOR = frozenset(_COMMON.split())
_MEANS = {"wrote": "author", "written": "author", "created": "author", "made": "author", "licensed": "license"}
_DOCUMENTS = (".md", ".markdown", ".rst", ".txt", "")


async def guess(case: Case, text: str) -> str | None:
    """A section whose heading, or lines which, hold the words of a question; None if nothing does."""
    words = [
        _MEANS.get(word, word) for word in re.findall(r"[A-Za-z][A-Za-z\-]{3,}", text.lower()) if word not in _COMMON
    ][:5]
    if not words or ("?" not in text and len(text.split()) < 3):
        return None
    for entry in sorted(case.listing.files(), key=lambda entry: (entry.path.count("/"), entry.path)):
        if entry.suffix in _DOCUMENTS and entry.name.lower().startswith("readme"):
            section = await show_section(case, entry.path, " ".join(words))
            if section is not None:
                return f"I cannot answer that in words of my own, but this may:\n\n{section}"
    for word in words:
        named = case.names.find(word, folder=False)
        if named is not None and "license" in named.entry.name.lower():
            return f"I cannot answer that in words of my own, but this may:\n\n{await show_head(case, named.entry)}"
    return await _lines_with(case, words)


async def _lines_with(case: Case, words: list[str]) -> str:
    for word in sorted(words, key=len, reverse=True)[:3]:
        found = await case.desk.search(case.listing.files(), Term(word, whole_word=True), f"Search for “{word}”")
        if found.files:
            case.focus.files = [file.path for file in found.files[:50]]
            return (
                f"I cannot answer that in words of my own, but “{word}” occurs in the files:\n\n"
                f"{bullets(hit_lines(found)[:10])}\n\nSay “help” for what I can do."
            )
    return f"I cannot answer that: I found nothing about {joined([f'“{word}”' for word in words[:3]])} in the files."
