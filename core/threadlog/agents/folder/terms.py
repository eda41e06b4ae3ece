"""What a phrase wants looked for: a quoted text, a word, or something that files are made of, such as functions."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from threadlog.agents.folder.patterns import any_of, any_word
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.search import Term
from threadlog.agents.folder.slots import Slots
from threadlog.agents.folder.words import CONCEPTS

How: TypeAlias = Literal["search", "count", "definition", "topic", "without"]


class Wanted(Struct, frozen=True):
    """What is looked for."""

    term: Term | None = None
    words: str = ""
    """It in words, for the answer."""
    how: How | Literal[""] = ""
    """What the phrase does with it."""
    concept: str = ""
    """The plain name of what files are made of: ``function``."""


_T = r"(?P<t>.+?)"
_THEM = any_of(
    "it", "there", "them", "those", "these", "that", "this", "any", "all", "each", "every", "which", "files?"
)
_ALL_THE = r"(?:(?:the|any|all|each|every|all the|my|these|those|this|that|any of the|each of the) )*"
_END = (
    r"(?=\s*"
    + any_of(
        r"[?.!,]*\s*$",
        "▪",
        rf"\bin {_THEM}\b",
        rf"\b(?:in|from|within|across|of|under|inside|per|for|through) {_ALL_THE}(?:▪|files?\b|folders?\b|director)",
        r"\bfiles?\b\s*$",
        r"\bthe most\b",
        r"\bmost\b\s*$",
        any_word("please", "are there", "is there", "there (?:are|is)", "are in", "appears?", "occurs?", "at all"),
        r"\bdo(?:es)?\b.*\b(?:have|has|contain|define|declare|use|import|include|mention)\b",
        r"\band (?:its|their|the) (?:line|path|file)",
    )
    + ")"
)
"""Where a term ends."""
_NOISE = re.compile(
    r"^(?:"
    + any_of(
        *(
            "the",
            "a",
            "an",
            "any",
            "all",
            "every",
            "some",
            "each",
            "its",
            "their",
            "exact",
            "literal",
            "string",
            "words?",
        ),
        *("text", "phrase", "term", "keyword", "expression", "pattern", "name", "identifier", "symbol", "variable"),
        *("constant", "lines?", "places?", "occurrences?", "mentions?", "instances?", "usages?", "uses", "references?"),
        *("matches", "with", "of", "to", "for", "that", "which", "where", "containing", "mentioning", "contain"),
        *("mention", "say", "saying", "says", "called", "named"),
    )
    + r"\s+)+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s+"
    + any_of(
        *(
            "please",
            "at all",
            "anywhere",
            "somewhere",
            "for me",
            "exactly",
            "there",
            "in",
            "on",
            "of",
            "from",
            "the",
            "is",
        ),
        *(
            "are",
            "and",
            "word",
            "string",
            "text",
            "files?",
            "mentioned",
            "used",
            "defined",
            "found",
            "located",
            "written",
        ),
        *(
            "occurring",
            "appearing",
            "comments?",
            "statements?",
            "calls?",
            "markers?",
            "keywords?",
            "lines?",
            "messages?",
        ),
    )
    + r")+$|[\s?.!,;:]+$",
    re.IGNORECASE,
)
_PLAIN = (
    *("all", "the", "of", "these", "those", "hidden", "empty", "are", "is", "there", "in", "do", "does", "have", "has"),
    *("been", "and", "or", "it", "them", "this", "that", "out", "more", "files?", "folders?", "director(?:y|ies)"),
    *("subfolders?", "subdirectories", "dirs?", "lines?", "rows?", "words?", "characters?", "chars?", "letters?"),
    *("documents?", "scripts?", "items?", "things?", "entries", "times?", "kinds?", "types?", "extensions?", "stuff"),
    *("everything", "anything", "something", "ones?", "here"),
)
_PLAIN_THINGS = re.compile(rf"(?:{any_word(*_PLAIN)}|[\s,▪])*", re.IGNORECASE)
"""What nobody looks for."""
_COUNTED = (
    *_PLAIN,
    "code",
    "text",
    "total",
    "different",
    "bytes?",
    "kilobytes?",
    "kb",
    "mb",
    "loc",
    "new",
    "space",
    "disk",
)
_COUNTED_THINGS = re.compile(rf"(?:{any_word(*_COUNTED)}|[\s,▪])*", re.IGNORECASE)
"""What is counted by other means than by looking for it."""
_DEFINITION = (
    r"(?:\b(?:def|class|function\*?|func|fn|struct|interface|enum|trait|type|const|let|var|module|package|message)\s+"
    r"(?:\([^)]*\)\s*)?{0}\b"
    r"|^\s*(?:export\s+|self\.|this\.)?{0}\s*(?::[^=\n]+)?=(?!=)|^#\s*define\s+{0}\b)"
)

_ALL = r"(?:all\s+|the\s+|all\s+the\s+|every\s+|different\s+)*"
_HOW_MANY = rf"\b(?:how\s+many|number\s+of|count(?:\s+of|\s+up)?|total(?:\s+number)?\s+of|tally)\s+{_ALL}"
_HOW_OFTEN = r"\bhow\s+(?:many\s+times|often|frequently)"
_HOLD = any_of(
    *(
        "contain(?:s|ing)?",
        "mention(?:s|ing|ed)?",
        "referenc(?:e|es|ing)",
        r"refer(?:s|ring)?\s+to",
        "includ(?:e|es|ing)",
    ),
    *(r"talk(?:s|ing)?\s+about", "import(?:s|ing)?", "discuss(?:es|ing)?", "describ(?:e|es|ing)", "us(?:e|es|ing)"),
    *(r"speaks?\s+(?:of|about)", r"deal(?:s|ing)?\s+with", r"mak(?:e|es|ing)\s+use\s+of", "call(?:s|ing)?"),
    *("explain(?:s|ing)?", "document(?:s|ing)?", "rais(?:e|es|ing)", "match(?:es|ing)?", "say(?:s|ing)?"),
)
_HAVE = any_of(_HOLD, "have", "has", "having", "with", r"start(?:s|ing)? with")
_MENTIONS = any_of(
    *("occurrences?", "mentions?", "instances?", "usages?", "uses", "references?", "matches", "appearances?", "hits"),
    "times",
)
_OCCURS = any_of(
    *("appear", "occur", "mention", "use", "show", "come", "call", "found", "referenc", "import", "repeat", "get"),
    *("there", "written", "seen", "exist"),
)
_DEFINED = any_of(r"(?:being\s+)?(?:defined|declared|implemented|coming from)", "definition")
_WHERE = any_of("where", "which line", "what line", "on (?:which|what) line", "which file", "what file")
_WHERE_IT_IS = any_of(
    *("used", "mentioned", "called", "imported", "referenced", "set", "documented", "described", "explained", "appear"),
    *(
        "occur",
        "written",
        "discussed",
        "found",
        "located",
        "show up",
        "come up",
        "said",
        "configured",
        "raised",
        "tested",
    ),
)
_SUBJECT = any_of(
    "▪",
    r"\b(?:which|what)\s+\w+",
    any_word(
        *("which", "what", "who", "any", "list", "find", "show", "the", "all", "files?", "one", "documents?", "it"),
        *("there", "they", "that", "anything", "something", "anyone", "code", "folder", "project"),
    ),
)
_ME = r"(?:me\s+)?"
_CONCEPT = "|".join(sorted(CONCEPTS, key=len, reverse=True))
_SHOW = any_of("list", "show", "find", "give", "what", "which", "print", "see", "display", "extract", "collect", "get")
_RULES: list[tuple[str, How]] = [
    (
        rf"\b(?:do(?:es)?n't|do(?:es)?\s+not|never|not|lack(?:s|ing)?)\s+(?:even\s+)?(?:{_HAVE}\s+)?{_T}{_END}",
        "without",
    ),
    (
        (
            r"\bwithout\s+(?:a\s+|any\s+|the\s+)*"
            rf"{any_of('word', 'text', 'string', 'mentions? of', 'mentioning', 'containing')}\s+{_T}{_END}"
        ),
        "without",
    ),
    (
        r"\bwhat\s+(?:(?:modules?|packages?)\s+)?(?:does|do|is|are)\s+(?:▪|it|they)\s+(?P<t>import)(?:s|ed|ing)?\b",
        "search",
    ),
    (
        rf"\b(?:find|locate|where\s+is|where's|show|see)\s+{_ME}(?:the\s+)?(?!(?:the\s+)?(?:all|files?|modules?)\b){_T}\s+(?:function|class|method)\b",
        "definition",
    ),
    (rf"{_HOW_OFTEN}\s+(?:is|are|does|do|did|was|were|has|have|can)\s+{_T}\s+(?:be(?:en)?\s+)?{_OCCURS}", "count"),
    (rf"{_HOW_OFTEN}\b.*?\b{_HOLD}\s+{_T}{_END}", "count"),
    (
        rf"{_HOW_MANY}{any_of('lines', 'rows')}\s+(?:of\s+\w+\s+)?(?:that\s+|which\s+|▪\s+)*{_HAVE}\s+{_T}{_END}",
        "count",
    ),
    (
        rf"{_HOW_MANY}{any_of('files', 'documents')}\s+(?:that\s+|which\s+|in\s+.*?\s+|▪\s+)*{_HAVE}\s+{_T}{_END}",
        "count",
    ),
    (rf"{_HOW_MANY}{_MENTIONS}\s+(?:of|to|for)?\s*{_T}{_END}", "count"),
    (rf"\b{_WHERE}(?:'s|\s+(?:is|are|was|does|did|do\s+\w+))?\s+(?:define\s+)?{_T}\s+{_DEFINED}", "definition"),
    (
        (
            rf"\b(?:find|show|locate|where is|where's|go to|see|get)\s+{_ME}(?:the\s+)?"
            rf"{any_of('definition', 'declaration', 'implementation')}\s+of\s+{_T}{_END}"
        ),
        "definition",
    ),
    (
        rf"\b(?:which|what|the)\s+(?:files?|▪|modules?|scripts?|one)\s+(?:▪\s+|that\s+|which\s+)?(?:defines?|declares?|implements?)\s+{_T}{_END}",
        "definition",
    ),
    (
        (
            rf"\b(?:find|locate|where is|where's)\s+{_ME}(?:the\s+)?(?:function|class|method|variable|constant)\s+"
            rf"(?:called\s+|named\s+)?{_T}{_END}"
        ),
        "definition",
    ),
    (rf"\b{_WHERE}\s*(?:'s|is|are|was|were|does|do|did)?\s+{_T}\s+(?:being\s+)?{_WHERE_IT_IS}", "search"),
    (
        (
            r"\b(?:search|scan|look|hunt|grep|check)(?:ing)?\s+(?:(?:through|in|across|over|around)\s+)?"
            rf"{_ALL}(?:(?:files?|▪|code|it|them|everything|for me)\s+)*for\s+{_T}{_END}"
        ),
        "search",
    ),
    (
        (
            r"\b(?:say|says|said|tell|tells|written|states?|mentions?|reads?)\s+(?:(?:anything|something|us|me)\s+)?"
            rf"(?:about|on|regarding|concerning)\s+{_T}{_END}"
        ),
        "topic",
    ),
    (rf"\b{_MENTIONS}\s+(?:of|to|for)\s+{_T}{_END}", "search"),
    (rf"\blines?\s+(?:that\s+|which\s+)?{_HAVE}\s+{_T}{_END}", "search"),
    (
        rf"{_SUBJECT}\s+{_ME}{_ALL}(?:(?:files?|lines?|documents?|▪)\s+)*(?:(?:that|which|does|do|to)\s+)*{_HOLD}\s+{_T}{_END}",
        "search",
    ),
    (
        (
            rf"\b(?:is|are)\s+(?:the\s+(?:word|text|string)\s+)?{_T}\s+(?:ever\s+|being\s+)?"
            rf"{any_of('mentioned', 'used', 'contained', 'referenced', 'imported', 'called', 'present', 'found')}\b"
        ),
        "search",
    ),
    (rf"^\s*(?:grep|rg|ag|ack)\s+(?:-\w+\s+)*(?:for\s+)?{_T}{_END}", "search"),
    (rf"^\s*(?:search|find|locate|look\s+up|look\s+for|hunt\s+for)\s+{_ME}(?:for\s+)?{_T}{_END}", "search"),
    (rf"{_HOW_MANY}{_T}{_END}", "count"),
    (rf"\b(?:show|find|print|what\s+is|what's)\s+{_ME}(?:the\s+)?(?:first|last)\s+(?P<t>[\w\-]+)\s+in\b", "search"),
    (rf"\b(?:show|list|find|print)\s+{_ME}(?:all|every)\s+(?:the\s+)?(?P<t>[\w\-]+)\s*(?:$|[?.!]|in\b)", "search"),
    (rf"\b(?:has|have|with|contains?|containing)\s+(?:the\s+)?{_T}\s*(?:$|[?.!])", "search"),
    (rf"\b{_SHOW}\s+{_ME}(?:are\s+|of\s+|its\s+)?{_ALL}(?P<t>TODOs?|FIXMEs?|HACKs?|XXXs?)\b", "search"),
    (rf"\b{_SHOW}\s+{_ME}(?:of\s+|its\s+)?{_ALL}(?P<t>{_CONCEPT})(?:e?s)?\b", "search"),
]
"""Patterns in the order in which they are tried; the group ``t`` is what is looked for."""


def wanted_term(phrase: Phrase, slots: Slots) -> Wanted:
    """What a phrase wants looked for; nothing if it wants something else."""
    most = slots.pick is not None and slots.pick.by == "mentions"
    for pattern, how in _RULES:
        found = phrase.has(pattern)
        wanted = _wanted(found["t"], how, phrase, most=most) if found is not None else None
        if wanted is not None:
            return wanted
    return _quoted(phrase)


def singular(text: str) -> str:
    """TODOs are counted as TODO: the plural holds it, and the other way round it would miss most."""
    return text[:-1] if re.fullmatch(r"[A-Z]{2,}s|\w{3,}[^sui']s", text) else text


def plural(noun: str) -> str:
    """``functions``, ``classes``, ``boxes``."""
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def _wanted(text: str, how: How, phrase: Phrase, *, most: bool) -> Wanted | None:
    text = text.strip()
    plain_things = _COUNTED_THINGS if how == "count" else _PLAIN_THINGS
    if plain_things.fullmatch(text):
        return None
    while (shorter := _TAIL.sub("", _NOISE.sub("", text + " ").strip())) != text:
        text = shorter
    quoted = re.search(r"❲\d+❳", text)
    if quoted is not None:
        return _of(phrase.plain(quoted[0]), how, phrase)
    if not text or plain_things.fullmatch(text) or "▪" in text:
        return None
    plain = phrase.plain(text)
    concept = None if phrase.has(_HOW_OFTEN) else _concept(text, how)
    return concept or _of(singular(plain) if how == "count" or most else plain, how, phrase)


def _quoted(phrase: Phrase) -> Wanted:
    """A quoted text that no rule speaks of is looked for where nothing else is asked."""
    found = re.search(r"❲\d+❳", phrase.text)
    return Wanted() if found is None else _of(phrase.plain(found[0]), "search", phrase)


def _concept(text: str, how: How) -> Wanted | None:
    name = re.sub(r"^(?:python|javascript|markdown|all|different)\s+|\s+definitions?$", "", text.lower())
    ways = {name, name.removesuffix("s"), name.removesuffix("es"), re.sub("ies$", "y", name)}
    for way in sorted(ways, key=len, reverse=True):
        if way in CONCEPTS:
            return Wanted(Term(CONCEPTS[way], regex=True, exact_case=True), plural(way), how, way)
    return None


_DEFINES = re.compile(r"^(?:the )?(?:def|func|fn|function|class|method|variable|constant) |\(.*\)$")
"""What surrounds a name that is asked for by its definition."""


def _of(text: str, how: How, phrase: Phrase) -> Wanted:
    if how == "definition":
        name = re.escape(re.sub(_DEFINES, "", text).strip())
        return Wanted(Term(_DEFINITION.format(name), regex=True, exact_case=True), f"“{text}”", how)
    whole_word = phrase.has(r"\b(?:the )?(?:whole )?word\b") is not None
    return Wanted(Term(text, exact_case=_is_exact(text, phrase), whole_word=whole_word), f"“{text}”", how)


def _is_exact(text: str, phrase: Phrase) -> bool:
    """Case counts if the term has capitals, as in most search tools, or if the phrase says so."""
    if phrase.has(r"\b(?:ignor(?:e|ing) case|case[- ]insensitiv)"):
        return False
    said = phrase.has(r"\bcase[- ]sensitiv|\bexact(?:ly)?\b|\bliteral(?:ly)?\b") is not None
    return said or text != text.lower()
