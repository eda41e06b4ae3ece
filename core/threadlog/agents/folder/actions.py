"""What a phrase wants done: rules in an order that tells similar questions apart."""

from __future__ import annotations

import re

from msgspec import Struct

from threadlog.agents.folder.patterns import any_of, any_word
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.refusals import refusal
from threadlog.agents.folder.request import Action, Request
from threadlog.agents.folder.slots import Slots
from threadlog.agents.folder.terms import Wanted

_READS = any_word(
    *("read", "open", "print", "display", "view", "cat", "type out", "dump", "quote", "contents?", "see", "look at"),
    *("what does", "what do", "says?", "what is written", "what's written", "full text", "excerpt", "text of"),
)
_SHOWS = any_word("show", "give", "get", "tell", "output")
_INSIDE = r"\bwhat(?:'s| is| does)\s+(?:in|inside|on|it|that|this)\b"
_COUNTS = any_word("how many", "count", "number of", "total", "how much", "tally", "average")
_COUNTS_FIRST = r"\W*(?:what(?:'s| is) the )?" + any_word("how many", "count", "(?:total )?number of", "tally")
_MEASURES = rf"{any_word('wc', '(?:line|word|character) counts?')}|\bhow long\b"
_LISTS = any_word(
    *("list", "ls", "dir", "enumerate", "files", "folders", "directories", "everything", "available", "name all"),
    *("what(?:'s|s| is| have)? (?:in|inside|here|there)", "what do (?:you|i|we) have", "what can you see"),
)
_COMPARES = any_word("compare", "diff")
_DIFFERS = any_word(
    "differences?", "differ", "differs", "identical", "the same", "changed between", "same content", "versus", "vs"
)
_KINDS = any_word("kinds?", "types?", "sorts of", "formats?", "extensions?", "languages?")
_TREE = any_word(
    *("tree", "hierarchy", "layout", "(?:folder|directory|project) structure"),
    r"structure of (?:the|this) (?:folder|directory|project|repo\w*)",
    r"how is (?:this|the) (?:folder|project|repo\w*|code) (?:structured|organi[sz]ed)",
)
_SIZES = any_of(
    any_word("how (?:big|large|heavy)", "sizes?", "disk usage", "disk space", "how many (?:bytes|kb|mb)"),
    r"\bhow much (?:disk |storage )?(?:space|room)\b",
    r"^\s*du\b",
)
_WHEN = any_of(
    r"\bwhen\b.*\b(?:modif|chang|edit|updat|creat|writ|touch|sav)\w*",
    any_word("(?:modification|change|last modified|edit) (?:date|time)", "how (?:old|recent|fresh)", "(?:date|age) of"),
    r"\blast (?:modified|changed|edited|updated)\b",
)
_OUTLINES = any_word(
    *("outline", "headings?", "headers?", "sections?", "chapters?", "table of contents", "toc", "structure"),
    *("functions?", "methods?", "class(?:es)?", "definitions?", "defines?"),
)
_OUTLINED = frozenset({"", "function", "method", "class", "heading", "section", "header"})
_SUMS_UP = (
    any_word(
        *("summari[sz]e", "summary", "overview", "gist", "tl;?dr", "describe", "purpose of", "explain", "about what"),
        r"what(?:'s|\s+is|\s+are|\s+can)\s+.*\babout",
        r"what does\s+.*\b(?:do|contain|cover)",
        r"what(?:'s| is) the (?:point|purpose)",
        r"tell\b.*\babout",
    )
    + r"|^\s*about\b"
)
_ASKS_WHICH_FILE = r"^\s*(?:what|which)(?:'s| is| are| was)?\s+(?:the\s+)?(?:name of\s+)?files?\b"
_SHOWS_A_FILE = (
    r"\s*(?:show|open|read|print|display|view)\b.*\b(?:file|module|script|one)\s+(?:that|which|where|with|containing)\b"
)
_EXISTS = any_of(
    any_word(
        "(?:is|are|was|were) there",
        "exists?",
        "have (?:a|an|any)",
        "any",
        "path (?:of|to)",
        "which (?:folder|directory)",
    ),
    r"\bdo(?:es)?\s+(?:you|we|i|it|this\s+\w+|the\s+\w+)\s+(?:have|exist|contain)\b",
    rf"^\s*{any_of('where', 'find', 'locate', 'look for', 'search', 'do you see')}\b",
)
_ONLY_NAMES = re.compile(r"(?:[\s▪,.?!:]|\b(?:and|please|file|the)\b)*", re.IGNORECASE)
_SHORT = 4
"""Words of a phrase that is a mere mention."""


class Sentence(Struct):
    """A phrase and what has been understood of it."""

    said: str
    """As it was."""
    phrase: Phrase
    """What is left of it."""
    slots: Slots
    wanted: Wanted
    request: Request
    """Without its action."""

    @property
    def names_something(self) -> bool:
        """Whether it names a file, or says that one is not there."""
        mentions = self.slots.mentions
        return bool(mentions.files or mentions.missing or mentions.outside)

    def says(self, *patterns: str) -> bool:
        """Whether what is left of it has one of some patterns."""
        return any(self.phrase.has(pattern) for pattern in patterns)


def action_of(sentence: Sentence) -> Action:
    """What a sentence wants done: the first rule that fits says it."""
    for rule in _RULES:
        action = rule(sentence)
        if action is not None:
            return action
    return "unknown"


def _refused(sentence: Sentence) -> Action | None:
    return "refuse" if refusal(sentence.said) else None


def _compared(sentence: Sentence) -> Action | None:
    compares = re.search(_COMPARES, sentence.said, re.IGNORECASE) is not None
    differs = re.search(_DIFFERS, sentence.said, re.IGNORECASE) is not None
    mentions = sentence.slots.mentions
    two = len(mentions.files) + sentence.request.refers >= 2 or (differs and bool(mentions.folders))
    if (compares or differs) and two:
        return "compare"
    return "compare" if compares and not sentence.wanted.how else None


def _drawn(sentence: Sentence) -> Action | None:
    if sentence.wanted.term is None and sentence.says(_KINDS):
        return "kinds"
    if not sentence.slots.mentions.files and sentence.says(_TREE):
        return "tree"
    return "longest" if sentence.says(r"\blongest (?:line|row)\b") else None


def _counted(sentence: Sentence) -> Action | None:
    """Occurrences of a term, lines, words, bytes, files: by what is counted."""
    wanted, pick = sentence.wanted, sentence.slots.pick
    if wanted.term is not None:
        by_mentions = pick is not None and pick.by == "mentions"
        counts = wanted.how == "count" or re.match(_COUNTS_FIRST, sentence.said, re.IGNORECASE)
        return "occurrences" if counts and not by_mentions and wanted.how != "without" else None
    if sentence.says(r"\b(?:each|every|per)\s+(?:sub-?)?(?:folder|directory)\b"):
        return "list"
    if len(sentence.slots.mentions.folders) > 1 and sentence.says(r"\b(?:more|fewer|less|most)\b"):
        return "count"
    if not (sentence.says(_COUNTS) or re.search(_MEASURES, sentence.said, re.IGNORECASE)):
        return None
    units = set(sentence.request.units)
    if units & {"lines", "words", "characters"}:
        return "measure"
    if "bytes" in units:
        return "size"
    if units & {"files", "folders", "entries"} or sentence.slots.words or sentence.slots.mentions.folders:
        return "count"
    return "measure" if sentence.slots.mentions.files else None


def _sized(sentence: Sentence) -> Action | None:
    if sentence.request.sort or sentence.wanted.term is not None or not sentence.says(_SIZES):
        return None
    pick = sentence.slots.pick
    return "size" if pick is None or pick.by != "bytes" or sentence.says(r"\bhow\b", r"\bsize of\b") else None


def _described(sentence: Sentence) -> Action | None:
    """Dates, outlines and summaries of files that are named."""
    slots, request, wanted = sentence.slots, sentence.request, sentence.wanted
    named = bool(slots.mentions.files) or request.refers or slots.pick is not None or request.ordinal is not None
    if named and slots.part is None and sentence.says(_WHEN):
        return "modified"
    if named and slots.part is None and sentence.says(_OUTLINES) and (wanted.concept or wanted.term is None):
        return "outline" if wanted.concept in _OUTLINED and wanted.how != "definition" else None
    return "summary" if wanted.term is None and sentence.says(_SUMS_UP) else None


def _picked(sentence: Sentence) -> Action | None:
    """The largest, the newest …: either its name is asked for, or it is to be shown."""
    pick = sentence.slots.pick
    if pick is None:
        return None
    shows = pick.count == 1 and re.match(r"\s*(?:show|give|get)\b", sentence.said, re.IGNORECASE)
    reads = sentence.slots.part is not None or shows or sentence.says(_READS, r"\bwhat(?:'s| is)\s+(?:inside|in)\b")
    return "read" if reads and not pick.folders and not sentence.says(_ASKS_WHICH_FILE) else "pick"


def _found(sentence: Sentence) -> Action | None:
    slots = sentence.slots
    if sentence.wanted.term is not None:
        shows = re.match(_SHOWS_A_FILE, sentence.said, re.IGNORECASE) and sentence.wanted.how in (
            "search",
            "definition",
        )
        return "read" if shows else "search"
    about_files = slots.mentions.files or slots.mentions.missing or slots.mentions.folders or slots.words
    if slots.part is not None or not about_files or not sentence.says(_EXISTS):
        return None
    if sentence.says(any_word("show", "read", "open", "print")):
        return None
    asks = slots.mentions.files or slots.mentions.missing or sentence.request.asks
    return "exists" if asks else "list"


def _shown(sentence: Sentence) -> Action | None:
    request = sentence.request
    if sentence.slots.part is not None or (request.refers and sentence.says(_INSIDE)):
        return "read"
    short = len(sentence.phrase.text.replace("▪", "").split()) <= _SHORT
    shows = sentence.says(_READS, _SHOWS)
    if sentence.names_something:
        only_names = _ONLY_NAMES.fullmatch(sentence.phrase.text)
        return (
            "read"
            if shows or only_names or short or sentence.says(any_word("what", "contain", "inside", "in"))
            else None
        )
    if request.ordinal is not None and (shows or short):
        return "read"
    return "read" if request.refers and shows and not sentence.says(r"\b(?:files|folders)\b") else None


def _listed(sentence: Sentence) -> Action | None:
    mentions = sentence.slots.mentions
    if sentence.says(_LISTS) or mentions.folders or sentence.slots.words:
        return "list"
    return "list" if mentions.everything and sentence.says(any_word("what", "show")) else None


_RULES = (_refused, _compared, _drawn, _counted, _sized, _described, _picked, _found, _shown, _listed)
