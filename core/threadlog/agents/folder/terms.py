"""What a phrase wants looked for: a quoted text, a word, or something that files are made of, such as functions."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from threadlog.agents.folder.patterns import any_of
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.search import Term
from threadlog.agents.folder.slots import Slots
from threadlog.agents.folder.words import CONCEPTS

_T = r"(?P<t>.+?)"
_END = r"(?=\s*(?:[?.!,]*\s*$|▪|\bin (?:it|there|them|those|these|that|this|any|all|each|every|which|files?|the files?|my files)\b|\b(?:in|from|within|across|of|under|inside|per|for|through) (?:(?:the|any|all|each|every|all the|my|these|those|this|that|any of the|each of the) )*(?:▪|files?\b|folders?\b|director)|\bfiles?\b\s*$|\bthe most\b|\bmost\b\s*$|\bplease\b|\bare there\b|\bis there\b|\bthere (?:are|is)\b|\bdo(?:es)?\b.*\b(?:have|has|contain)\b|\bare in\b|\bappears?\b|\boccurs?\b|\bat all\b|\band (?:its|their|the) (?:line|path|file)))"
_NOISE = re.compile(
    r"^(?:(?:the|a|an|any|all|every|some|each|its|their|exact|literal|string|word|words|text|phrase|term|keyword|expression|pattern|name|identifier|symbol|variable|constant|lines?|places?|occurrences?|mentions?|instances?|usages?|uses|references?|matches|(?:with|of|to|for|that|which|where|containing|mentioning|contain|mention|mentions|say|saying|says|called|named))\s+)+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s+(?:please|at all|anywhere|somewhere|for me|exactly|there|in|on|of|from|the|is|are|and|word|string|text|files?|mentioned|used|defined|found|located|written|occurring|appearing))+$|[\s?.!,;:]+$",
    re.IGNORECASE,
)
_DEFINITION = (
    r"(?:\b(?:def|class|function\*?|func|fn|struct|interface|enum|trait|type|const|let|var|module|package|message)\s+(?:\([^)]*\)\s*)?{0}\b"
    r"|^\s*(?:export\s+|self\.|this\.)?{0}\s*(?::[^=\n]+)?=(?!=)|^#\s*define\s+{0}\b)"
)


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


_SAYS = any_of(
    *("contain(?:s|ing)?", "mention(?:s|ing)?", "includ(?:e|es|ing)", "referenc(?:e|es|ing)", "import(?:s|ing)?"),
    *("us(?:e|es|ing)", "call(?:s|ing)?", "say(?:s|ing)?", "have", "has", "define", "match(?:es)?", "refer to", "talk about"),
)
_RULES: list[tuple[str, How]] = [
    (rf"\b(?:do(?:es)?n't|do(?:es)?\s+not|never|not|lack(?:s|ing)?)\s+(?:even\s+)?(?:{_SAYS}\s+)?{_T}{_END}", "without"),
    (
        rf"\bwithout\s+(?:a\s+|any\s+|the\s+)*"
        rf"{any_of('word', 'text', 'string', 'mention of', 'mentions of', 'mentioning', 'containing')}\s+{_T}{_END}",
        "without",
    ),
    (
        r"\bwhat\s+(?:(?:modules?|packages?|libraries)\s+)?(?:does|do|is|are)\s+(?:▪|it|they)\s+"
        r"(?P<t>import)(?:s|ed|ing)?\b",
        "search",
    ),
    (
        rf"\b(?:find|locate|where\s+is|where's|show|see)\s+(?:me\s+)?(?:the\s+)?(?!all\b){_T}\s+(?:function|class|method)\b",
        "definition",
    ),
    (rf"\bhow\s+(?:many\s+times|often|frequently)\s+(?:is|are|does|do|did|was|were|has|have|can)\s+{_T}\s+(?:be(?:en)?\s+)?(?:appear|occur|mention|use|used|show|come|called|found|referenced|imported|repeated|get|there|written|seen|exist)", "count"),
    (rf"\bhow\s+(?:many\s+times|often|frequently)\s+(?:does|do|is|are)\s+(?:it|they|▪|the files?)\s+(?:mention|contain|use|say|reference|call|import)s?\s+{_T}{_END}", "count"),
    (rf"\bhow\s+(?:many\s+times|often|frequently)\b.*?\b(?:mention|contain|use|say|reference|call|import)s?\s+{_T}{_END}", "count"),
    (rf"\b(?:how\s+many|number\s+of|count(?:\s+of)?)\s+(?:the\s+|all\s+|all\s+the\s+)*(?:lines|rows)\s+(?:of\s+\w+\s+)?(?:that\s+|which\s+|with\s+the\s+(?:word|text)\s+)*(?:▪\s+)?(?:contain|mention|have|include|match|say|with|start with|containing|mentioning|including|matching|has)\s+{_T}{_END}", "count"),
    (rf"\b(?:how\s+many|number\s+of|count(?:\s+of)?)\s+(?:the\s+|all\s+)*(?:files|documents)\s+(?:▪\s+)?(?:that\s+|which\s+|in\s+.*?\s+)*(?:contain|mention|have|include|match|use|import|reference|say|with|containing|mentioning|using|importing|talk about|refer to)\s+{_T}{_END}", "count"),
    (rf"\b(?:how\s+many|number\s+of|count(?:\s+of|\s+up)?|total(?:\s+number)?\s+of)\s+(?:the\s+|all\s+|all\s+the\s+|every\s+|different\s+)*(?:occurrences|mentions|instances|times|uses|usages|references|appearances|matches|hits)\s+(?:of|to|for)?\s*{_T}{_END}", "count"),
    (rf"\b(?:where|which line|what line|on (?:which|what) line|which file|what file)(?:'s|\s+is|\s+are|\s+do\s+(?:we|you|i|they)|\s+does\s+\w+|\s+was|\s+does|\s+did)?\s+(?:define\s+)?{_T}\s+(?:(?:being\s+)?(?:defined|declared|implemented|coming from)|definition)", "definition"),
    (rf"\b(?:find|show|locate|where is|where's|go to|see|get)\s+(?:me\s+)?(?:the\s+)?(?:definition|declaration|implementation)\s+of\s+{_T}{_END}", "definition"),
    (rf"\b(?:which|what)\s+(?:files?|▪|modules?|scripts?|one)\s+(?:▪\s+)?(?:defines?|declares?|implements?)\s+{_T}{_END}", "definition"),
    (rf"\b(?:find|locate|where is|where's)\s+(?:me\s+)?(?:the\s+)?(?:function|class|method|variable|constant)\s+(?:called\s+|named\s+)?{_T}{_END}", "definition"),
    (rf"\b(?:where|which line|what line|on (?:which|what) line)\s*(?:'s|is|are|was|were|does|do|did)?\s+{_T}\s+(?:being\s+)?(?:used|mentioned|called|imported|referenced|set|documented|described|explained|appear|occur|written|discussed|found|located|show up|come up|said|configured|raised|tested)", "search"),
    (rf"\b(?:search|scan|look|hunt|grep|check)(?:ing)?\s+(?:(?:through|in|across|over|around)\s+)?(?:(?:the|all|all the|every|each|my|these|those)\s+)*(?:files?\s+|▪\s+|code\s+|it\s+|them\s+|everything\s+|for me\s+)*for\s+{_T}{_END}", "search"),
    (rf"\b(?:occurrences?|mentions?|instances?|usages?|uses|references?|matches|appearances)\s+(?:of|to|for)\s+{_T}{_END}", "search"),
    (rf"\blines?\s+(?:that\s+|which\s+)?(?:contain(?:s|ing)?|mention(?:s|ing)?|with|match(?:es|ing)?|includ(?:e|es|ing)|have|has|having|say(?:s|ing)?)\s+{_T}{_END}", "search"),
    (rf"(?:▪|\b(?:which|what|who|any|list|find|show|the|all|files?|one|documents?|it|there|they|that|anything|something|anyone|code|folder|project))\s+(?:me\s+)?(?:all\s+)?(?:the\s+)?(?:files?\s+|lines?\s+|documents?\s+|▪\s+)*(?:that\s+|which\s+|does\s+|do\s+|to\s+)*(?:contain(?:s|ing)?|mention(?:s|ing|ed)?|referenc(?:e|es|ing)|refer(?:s|ring)?\s+to|includ(?:e|es|ing)|talk(?:s|ing)?\s+about|import(?:s|ing)?|discuss(?:es|ing)?|describ(?:e|es|ing)|speaks?\s+(?:of|about)|deal(?:s|ing)?\s+with|mak(?:e|es|ing)\s+use\s+of|us(?:e|es|ing)|call(?:s|ing)?|explain(?:s|ing)?|document(?:s|ing)?|rais(?:e|es|ing))\s+{_T}{_END}", "search"),
    (rf"\b(?:say|says|said|tell|tells|written|states?|mentions?|read|reads)\s+(?:anything\s+|something\s+|us\s+|me\s+)?(?:about|on|regarding|concerning)\s+{_T}{_END}", "topic"),
    (rf"\b(?:is|are)\s+(?:the\s+(?:word|text|string)\s+)?{_T}\s+(?:ever\s+|being\s+)?(?:mentioned|used|contained|referenced|imported|called|present|found|documented)\b", "search"),
    (rf"^\s*(?:grep|rg|ag|ack)\s+(?:-\w+\s+)*(?:for\s+)?{_T}{_END}", "search"),
    (rf"^\s*(?:search|find|locate|look\s+up|look\s+for|hunt\s+for)\s+(?:me\s+)?(?:for\s+)?{_T}{_END}", "search"),
    (rf"\b(?:how\s+many|number\s+of|count(?:\s+up)?|total(?:\s+number)?\s+of|tally)\s+(?:up\s+)?(?:of\s+)?{_T}{_END}", "count"),
    (rf"\b(?:has|have|with|contains?|containing)\s+(?:the\s+)?{_T}\s*(?:$|[?.!])", "search"),
    (r"\b(?:list|show|find|give|what|which|print|see|display)\s+(?:me\s+)?(?:all\s+|are\s+)?(?:of\s+)?(?:the\s+|every\s+|its\s+)*(?P<t>TODOs?|FIXMEs?|todos?|fixmes?|HACKs?|XXXs?)\b", "search"),
    (rf"\b(?:list|show|find|give|what|which|print|see|display|extract|collect|get)\s+(?:me\s+)?(?:all\s+)?(?:of\s+)?(?:the\s+|every\s+)*(?P<t>{'|'.join(sorted(CONCEPTS, key=len, reverse=True))})(?:e?s)?\b", "search"),
]  # fmt: skip

_PLAIN_THINGS = re.compile(
    r"(?:(?:all|the|of|code|text|total|different|these|those|hidden|empty|are|is|there|in|do|does|have|has|been)\s+)*(?:files?|folders?|director(?:y|ies)|subfolders?|subdirectories|dirs?|lines?(?: of (?:code|text))?|rows?|words?|characters?|chars?|letters?|bytes?|kilobytes?|kb|mb|megabytes?|documents?|scripts?|items?|things|entries|times?|loc|kinds?|types?|file types?|extensions?|▪|it|them|this|that|things?|stuff|everything|anything|something|one|ones|out|more|are|is|there|in|have|has|does|do|\s|and|or|,)*",
    re.IGNORECASE,
)


def wanted_term(phrase: Phrase, slots: Slots) -> Wanted:
    """What a phrase wants looked for; nothing if it wants something else."""
    for pattern, how in _RULES:
        found = phrase.has(pattern)
        if found is None:
            continue
        wanted = _wanted(found["t"], how, phrase, most=slots.pick is not None and slots.pick.by == "mentions")
        if wanted is not None:
            return wanted
    return _quoted(phrase)


def _wanted(
    text: str, how: How, phrase: Phrase, *, most: bool
) -> Wanted | None:
    text = text.strip()
    if _PLAIN_THINGS.fullmatch(text):
        return None
    while (shorter := _TAIL.sub("", _NOISE.sub("", text + " ").strip())) != text:
        text = shorter
    quote = phrase.quote_of(text)
    if quote is None and ("❲" in text):
        inner = re.search(r"❲\d+❳", text)
        quote = phrase.quote_of(inner[0]) if inner is not None else None
    if quote is not None:
        return _of(quote, how, phrase, quoted=True)
    if not text or _PLAIN_THINGS.fullmatch(text) or "▪" in text:
        return None
    return _concept(text, how) or _of(phrase.plain(text), how, phrase, quoted=False, most=most)


def _quoted(phrase: Phrase) -> Wanted:
    """A quoted text that no rule speaks of is looked for where nothing else is asked."""
    found = re.search(r"❲\d+❳", phrase.text)
    if found is None:
        return Wanted()
    return _of(phrase.quote_of(found[0]) or "", "search", phrase, quoted=True)


def _concept(text: str, how: How) -> Wanted | None:
    plain = re.sub(r"^(?:python|javascript|markdown|all|different)\s+", "", text.lower())
    for name in (plain, plain.removesuffix("s"), plain.removesuffix("es"), plain.removesuffix(" definitions")):
        if name in CONCEPTS:
            return Wanted(Term(CONCEPTS[name], regex=True, exact_case=True), plural(name), how, name)
        if name.removesuffix("ies") + "y" in CONCEPTS:
            name = name.removesuffix("ies") + "y"
            return Wanted(Term(CONCEPTS[name], regex=True, exact_case=True), plural(name), how, name)
    return None


def plural(noun: str) -> str:
    """``functions``, ``classes``, ``boxes``."""
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def _of(
    text: str,
    how: How,
    phrase: Phrase,
    *,
    quoted: bool,
    most: bool = False,
) -> Wanted:
    if how == "definition":
        name = re.escape(re.sub(r"\(.*\)$", "", text.removeprefix("def ").removeprefix("class ")).strip())
        return Wanted(Term(_DEFINITION.format(name), regex=True, exact_case=True), f"“{text}”", how)
    if not quoted and (how == "count" or most):
        text = singular(text)
    return Wanted(Term(text, exact_case=_is_exact(text, phrase), whole_word=_is_word(phrase)), f"“{text}”", how)


def singular(text: str) -> str:
    """TODOs are counted as TODO: the plural holds it, and the other way round it would miss most."""
    if re.fullmatch(r"[A-Z]{2,}s|\w{3,}[^sui']s", text):
        return text[:-1]
    return text


def _is_exact(text: str, phrase: Phrase) -> bool:
    """Case counts if the term has capitals, as in most search tools, or if the phrase says so."""
    if phrase.has(r"\b(?:ignor(?:e|ing) case|case[- ]insensitiv)"):
        return False
    said = phrase.has(r"\bcase[- ]sensitiv|\bexact(?:ly)?\b|\bliteral(?:ly)?\b") is not None
    return said or text != text.lower()


def _is_word(phrase: Phrase) -> bool:
    return phrase.has(r"\b(?:the )?(?:whole )?word\b") is not None
