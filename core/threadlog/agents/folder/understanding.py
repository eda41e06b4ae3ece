"""From a message to requests: rules over what is left of a sentence once its files, parts and picks are known."""

from __future__ import annotations

import re
import unicodedata

import msgspec

from threadlog.agents.folder.names import Names
from threadlog.agents.folder.phrase import Phrase
from threadlog.agents.folder.refusals import foreign, refusal
from threadlog.agents.folder.request import Action, Focus, Request
from threadlog.agents.folder.slots import Slots, take_slots
from threadlog.agents.folder.terms import Wanted, wanted_term
from threadlog.agents.folder.tools import Selection

LONGEST = 2_000
"""Characters of a message that are looked at."""

_VERB = (
    r"(?:please\s+)?(?:show|open|read|print|display|view|cat|head|tail|count|list|ls|tell|give|search|find|grep|look|summari[sz]e|compare|diff|outline"
    r"|describe|how\s+(?:many|much|big|large|long|often|does)|(?:in|on)\s+which|what|what's|whats|which|where|when|is|are|does|do|who|check|quote|get|also\s+(?:show|count|list|read|tell))\b"
)
_BREAK = re.compile(
    rf"(?:[?!;]+\s+|\.\s+(?=[A-Z❲])|\n+|\s*,?\s+(?:and\s+then|and\s+after\s+that|and\s+also|then|and|plus|but\s+also)\s+(?={_VERB}))"
    rf"|,\s+(?:then\s+)?(?={_VERB})",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"^\s*(?:and|also|ok(?:ay)?|now|then|so|but)?[\s,]*(?:what|how)\s+about\b|^\s*(?:and|also|now|same)\b(?!\s+(?:thanks|thank))",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"\b(?:it|its|it's|itself|that\s+(?:file|one|document|script)|this\s+(?:file|one|document|script)|the\s+(?:same\s+)?(?:file|document)(?!\s+(?:with|that|which|named|called|in|under|whose|has))"
    r"|the\s+same(?:\s+one)?|them|they|those|these|their|each(?:\s+of\s+(?:them|those|these))?)\b",
    re.IGNORECASE,
)


def understand(text: str, names: Names, focus: Focus) -> list[Request]:
    """What a message asks for, in order; never empty."""
    text = _tidy(text)
    if not text:
        return [Request(action="empty")]
    if whole := _talk(text) or foreign(text):
        return [whole]
    phrases = Phrase(text).sentences(_BREAK)
    requests: list[Request] = []
    for phrase in phrases:
        last = requests[-1] if requests else focus.request
        requests.append(_understood(phrase, names, last, first=not requests))
    useful = [request for request in requests if request.action not in ("unknown", "greeting", "thanks", "bye")]
    return useful or requests[:1]


def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFC", text)[:LONGEST].replace("\u00a0", " ").replace("’", "'")
    text = re.sub(r"(?<=\w)'(?=[A-Z❲]?[a-z])", "'", text)
    text = re.sub(r"[^\S\n]+", " ", text).strip()
    text = re.sub(
        r"^(?:hi|hello|hey|good (?:morning|afternoon|evening)|ok(?:ay)?|thanks|great|cool|alright|right)(?: there)?\s*[,.!]+\s+(?=\S)",
        "",
        text,
        flags=re.IGNORECASE,
    )
    polite = r"^(?:please|pls|kindly|(?:can|could|would|will) you(?: please)?(?: (?:tell|show) me(?= (?:how|what|which|where|when|if|whether)))?|i(?:'d| would) like (?:you )?to(?: know)?|i (?:want|need)(?: you)? to(?: know)?|let me know|let's|do you know|tell me|just|so|now|(?:i )?wonder(?:ing)?)\b[\s,]*(?:if\s+(?=you\b))?"
    while (shorter := re.sub(polite, "", text, flags=re.IGNORECASE)) and shorter != text:
        text = shorter
    return text


def _talk(text: str) -> Request | None:
    """Greetings, thanks, and questions about the agent itself."""
    plain = re.sub(r"[^\w\s'?]", "", text.lower()).strip(" ?")
    for pattern, action in _TALK:
        if re.fullmatch(pattern, plain):
            return Request(action=action)
    return None


_TALK: list[tuple[str, Action]] = [
    (r"(?:hi|hello|hey|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|day)|hi there|hello there|hey there)(?: (?:agent|bot|assistant|folder|everyone|again|friend))?(?: how are you(?: doing)?(?: today)?)?", "greeting"),
    (r"(?:how are you|how's it going|how are things|what's up|sup)(?: doing)?(?: today)?", "greeting"),
    (r"(?:ok |okay |great |cool |perfect |nice )?(?:thanks|thank you|thx|ty|cheers|many thanks|much appreciated)(?: (?:a lot|so much|very much|again|you|for .*|that .*|that's .*))?", "thanks"),
    (r"(?:great|cool|perfect|nice|awesome|ok|okay|good|well done|good job|got it|i see|wow|excellent)(?: (?:job|work|answer))?", "thanks"),
    (r"(?:bye|goodbye|good bye|see you|see ya|good night|cya|farewell)(?: .*)?", "bye"),
    (r"(?:help|help me|commands?|usage|menu|options|\?+)", "help"),
    (r"(?:what|which things|what kind of things|what else) (?:can|could|do) (?:you|i) (?:do|help(?: me)? with|ask|ask you|offer|know|support|say|understand|answer)(?: for me| here| exactly| about)*", "help"),
    (r"(?:how (?:do|can|should) (?:i|you)|how does this) (?:use|work|talk to|ask)(?: with)?(?: you| this| it)*", "help"),
    (r"(?:who|what) (?:are|r) (?:you|u)(?: exactly)?|what is this|are you (?:an? )?(?:ai|bot|human|robot|model|llm|chatgpt|gpt|person|language model|real).*|what(?:'s| is) your name|introduce yourself|what model are you.*|(?:which|what) (?:tools|commands|questions|capabilities)(?: (?:do|can|have|are))?.{0,40}\b(?:you|available|i)\b.*", "help"),
    (r"(?:can|could) you help(?: me)?(?: out)?|help me out|i need help", "help"),
    (r"(?:more|next|continue|go on|keep going|show more|show me more|read on|next page|and then|the rest|show the rest|show me the rest|carry on|next lines|read more|continue reading|what comes next|what's next|further)(?: please)?", "more"),
]  # fmt: skip


def _understood(phrase: Phrase, names: Names, last: Request | None, *, first: bool) -> Request:
    said = phrase.text
    slots = take_slots(phrase, names)
    refers = _REFERS.search(said) is not None and not slots.narrows
    wanted = wanted_term(phrase, slots)
    request = Request(
        action="unknown",
        selection=slots.selection,
        described=slots.described,
        paths=tuple(slots.mentions.files),
        also=tuple(slots.mentions.also),
        missing=tuple(slots.mentions.missing),
        outside=tuple(slots.mentions.outside),
        pick=slots.pick,
        term=wanted.term,
        named=wanted.words,
        how=wanted.how,
        concept=wanted.concept,
        among=phrase.has(r"\b(?:of|among)\s+(?:them|those|these)\b|\bwhich one\b") is not None,
        plural=re.search(r"\b(?:them|they|those|these|their|each|all of)\b", said, re.IGNORECASE) is not None,
        everything=slots.mentions.everything
        or phrase.has(r"\b(?:files|all|total|overall|project|folder|repo|codebase|there|here|everything|altogether)\b")
        is not None,
        part=slots.part,
        refers=refers,
        ordinal=slots.ordinal,
        asks=phrase.has(r"^\s*(?:is|are|does|do|did|has|have|was|were|any)\b") is not None,
        average=phrase.has(r"\b(?:average|mean|on average)\b") is not None,
        each=phrase.has(r"\b(?:each|every|per file|respectively|individually|by file)\b") is not None,
        units=_units(phrase),
    )
    request = msgspec.structs.replace(request, **_sorting(phrase))
    action = _action(said, phrase, slots, request, wanted)
    reason = refused.reason if action == "refuse" and (refused := refusal(phrase.plain(said))) else ""
    request = msgspec.structs.replace(request, action=action, folders=_means_folders(phrase), reason=reason)
    if request.pick is not None and request.pick.by == "mentions" and request.term is None:
        if last is None or last.term is None:
            return msgspec.structs.replace(request, action="unknown")
        request = msgspec.structs.replace(request, term=last.term, named=last.named, concept=last.concept)
    if (
        last is not None
        and (request.action == "unknown" or _FOLLOWS.search(said))
        and (not first or _is_ellipsis(said, request))
    ):
        request = _continued(request, last)
    return request


def _units(phrase: Phrase) -> tuple[str, ...]:
    found = [unit for unit, pattern in _UNITS if phrase.has(pattern)]
    return tuple(found)


_UNITS = [
    ("lines", r"\b(?:lines|rows|loc|line count)\b|\bhow long\b"),
    ("words", r"\bwords\b|\bword count\b"),
    ("characters", r"\b(?:characters|chars|letters)\b"),
    ("bytes", r"\b(?:bytes|kilobytes|megabytes|kb|mb|size|sizes|disk space|space)\b|\bhow (?:big|large|heavy)\b"),
    ("files", r"\b(?:files|documents|scripts|modules|images|notebooks)\b"),
    ("folders", r"\b(?:folders|directories|sub-?folders|sub-?directories|dirs)\b"),
    ("entries", r"\b(?:entries|items|things)\b"),
]


def _means_folders(phrase: Phrase) -> bool:
    return phrase.has(r"\b(?:sub-?folders|sub-?directories|folders|directories|dirs)\b") is not None and (
        phrase.has(r"\bfiles\b") is None
    )


def _sorting(phrase: Phrase) -> dict[str, object]:
    found = phrase.has(
        r"\b(?:sort(?:ed)?|order(?:ed)?|rank(?:ed)?|arranged?|grouped)\s+(?:them\s+)?(?:in\s+\w+\s+order\s+)?(?:by\s+)?(?:their\s+|the\s+)?(?:number of\s+|file\s*)?"
        r"(size|bytes|lines|length|words|date|time|age|modification|modified|name|alphabetical(?:ly)?|largest|biggest|smallest|newest|oldest|longest|shortest|most recent)|\b(alphabetical(?:ly)?)\b"
        r"|\b(largest|biggest|smallest|newest|oldest|longest|shortest|most recent) (?:ones? )?first\b|\bby (size|length|date|name|lines)\b"
    )
    if found is None:
        return {}
    word = next(group for group in found.groups() if group).lower()
    by = next(by for by, words in _SORTS.items() if word.startswith(words))
    down = by in ("bytes", "lines", "words", "modified")
    up = phrase.has(r"\b(?:ascending|increasing|smallest first|oldest first|shortest first|from small|reverse)\b")
    return {"sort": by, "ascending": not down or up is not None or word in ("smallest", "oldest", "shortest")}


_SORTS = {
    "bytes": ("size", "bytes", "largest", "biggest", "smallest"),
    "lines": ("lines", "length", "longest", "shortest"),
    "words": ("words",),
    "modified": ("date", "time", "age", "modif", "newest", "oldest", "most recent"),
    "name": ("name", "alphabetical"),
}

_READS = r"\b(?:read|open|print|display|view|cat|type out|dump|quote|contents?|content|see|look at|let me see|what does|what do|says?|what is written|what's written|full text|excerpt|text of)\b"
_SHOWS = r"\b(?:show|give|get|tell|output)\b"
_COUNTS = r"\b(?:how many|count|number of|total|how much|tally|average)\b"
_LISTS = r"\b(?:list|ls|dir|enumerate|name all|name the|files are|files do|files have|files is|what files|which files|what is in|what's in|whats in|what is inside|what's inside|what do (?:you|i|we) have|what have|what's here|what is here|what can you see|show (?:me )?(?:all|the|everything)|files|folders|directories|contents of the folder|everything|what's there|what is there|available)\b"


def _action(said: str, phrase: Phrase, slots: Slots, request: Request, wanted: Wanted) -> Action:
    """The first rule that fits says what is to be done; their order is what tells similar questions apart."""
    for rule in (_special_action, _counting_action, _describing_action, _finding_action, _showing_action):
        action = rule(said, phrase, slots, request, wanted)
        if action is not None:
            return action
    return "unknown"


def _special_action(said: str, phrase: Phrase, slots: Slots, request: Request, wanted: Wanted) -> Action | None:
    if refused := refusal(said):
        return refused.action
    if re.search(
        r"\b(?:compare|diff|differences?|differ|differs|identical|the same as|same content|versus|vs)\b",
        said,
        re.IGNORECASE,
    ):
        if len(slots.mentions.files) + request.refers >= 2 or (
            wanted.how == "" and re.search(r"\b(?:compare|diff)\b", said, re.IGNORECASE)
        ):
            return "compare"
    if (
        phrase.has(r"\b(?:kinds?|types?|sorts of|formats?|extensions?|languages?)\b")
        and not phrase.has(r"\btype out\b")
        and wanted.term is None
    ):
        return "kinds"
    if (
        phrase.has(
            r"\b(?:tree|hierarchy|layout|(?:folder|directory|project) structure|structure of (?:the|this) (?:folder|directory|project|repo\w*)|how is (?:this|the) (?:folder|project|repo\w*|code) (?:structured|organi[sz]ed))\b"
        )
        and not slots.mentions.files
    ):
        return "tree"
    if phrase.has(r"\blongest (?:line|row)\b"):
        return "longest"
    return None


def _counting_action(said: str, phrase: Phrase, slots: Slots, request: Request, wanted: Wanted) -> Action | None:
    counts = phrase.has(_COUNTS) is not None
    mentions = slots.pick is not None and slots.pick.by == "mentions"
    starts = re.match(
        r"\W*(?:what(?:'s| is) the )?(?:how many|count|(?:total )?number of|tally)\b", said, re.IGNORECASE
    )
    if wanted.term is not None and not mentions and wanted.how != "without" and (wanted.how == "count" or starts):
        return "occurrences"
    if (
        counts or re.search(r"\bwc\b|\b(?:line|word|character) counts?\b|\bhow long\b", said, re.IGNORECASE)
    ) and wanted.term is None:
        if {"lines", "words", "characters"} & set(request.units):
            return "measure"
        if "bytes" in request.units:
            return "size"
        if {"files", "folders", "entries"} & set(request.units) or slots.words or slots.mentions.folders:
            return "count"
        if slots.mentions.files:
            return "measure"
    if (
        phrase.has(
            r"\bhow (?:big|large|heavy)\b|\b(?:size|sizes|disk usage|disk space|file size)\b|\bhow much (?:disk |storage )?space\b|\bhow many (?:bytes|kb|mb)\b|^\s*du\b"
        )
        and not request.sort
    ):
        return "size" if slots.pick is None or slots.pick.by != "bytes" or phrase.has(r"\bhow\b|\bsize of\b") else None
    return None


def _describing_action(said: str, phrase: Phrase, slots: Slots, request: Request, wanted: Wanted) -> Action | None:
    named = bool(slots.mentions.files) or request.refers or slots.pick is not None or request.ordinal is not None
    if (
        named
        and slots.part is None
        and phrase.has(
            r"\bwhen\b.*\b(?:modif|chang|edit|updat|creat|writ|touch|sav)\w*|\b(?:modification|change|last modified|edit) (?:date|time)\b|\bhow (?:old|recent|fresh)\b|\b(?:date|age) of\b|\blast (?:modified|changed|edited|updated)\b"
        )
    ):
        return "modified"
    if (
        named
        and phrase.has(
            r"\b(?:outline|headings?|headers?|sections?|chapters?|table of contents|toc|structure|functions?|methods?|classes|class|definitions?)\b"
        )
        and (wanted.concept or wanted.term is None)
        and slots.part is None
    ):
        return "outline" if wanted.concept in _OUTLINED else None
    if wanted.term is None and phrase.has(
        r"\b(?:summari[sz]e|summary|overview|gist|tl;?dr|what(?:'s|\s+is|\s+are)?\s+.*\babout|describe|purpose of|explain|what does\s+.*\b(?:do|contain|cover)|what(?:'s| is) the (?:point|purpose)|about what)\b"
    ):
        return "summary"
    return None


_OUTLINED = frozenset({"", "function", "method", "class", "heading", "section", "header"})


def _finding_action(said: str, phrase: Phrase, slots: Slots, request: Request, wanted: Wanted) -> Action | None:
    if slots.pick is not None:
        reads = (
            slots.part is not None
            or phrase.has(_READS + r"|\bwhat(?:'s| is)\s+(?:inside|in)\b")
            or (re.match(r"\s*(?:show|give|get)\b", said, re.IGNORECASE) and slots.pick.count == 1)
        )
        if (
            reads
            and not slots.pick.folders
            and not phrase.has(r"^\s*(?:what|which)(?:'s| is| are| was)?\s+(?:the\s+)?(?:name of\s+)?files?\b")
        ):
            return "read"
        return "pick"
    if wanted.term is not None:
        return "search"
    exists = phrase.has(
        r"\b(?:is|are|was|were)\s+there\b|\bdo(?:es)?\s+(?:you|we|i|it|this\s+\w+|the\s+\w+)\s+(?:have|exist|contain)\b|\bexists?\b|\bhave\s+(?:a|an|any)\b|\bany\b|^\s*(?:where(?:'s|\s+is|\s+are|\s+can)?|find|locate|look\s+for|search(?:\s+for)?|do you see)\b|\bpath (?:of|to)\b|\bwhich (?:folder|directory)\b"
    )
    if (
        exists
        and slots.part is None
        and (slots.mentions.files or slots.mentions.missing or slots.mentions.folders or slots.words)
        and not phrase.has(r"\b(?:show|read|open|print)\b")
    ):
        return "exists" if slots.mentions.files or slots.mentions.missing or request.asks else "list"
    return None


def _showing_action(said: str, phrase: Phrase, slots: Slots, request: Request, wanted: Wanted) -> Action | None:
    if slots.part is not None:
        return "read"
    if request.refers and phrase.has(r"\bwhat(?:'s| is| does)\s+(?:in|inside|on|it|that|this)\b"):
        return "read"
    if slots.mentions.files or slots.mentions.missing or slots.mentions.outside:
        only_names = re.fullmatch(r"[\s▪,.?!:]*(?:and\s|please\b|file\b|the\s|[\s▪,.?!:])*", phrase.text, re.IGNORECASE)
        if (
            phrase.has(_READS)
            or phrase.has(_SHOWS)
            or only_names
            or phrase.has(r"\b(?:what|what's|contain|inside|in)\b")
        ):
            return "read"
        return "read" if len(phrase.text.replace("▪", "").split()) <= 4 else None
    if request.ordinal is not None and (phrase.has(_READS) or phrase.has(_SHOWS) or len(phrase.text.split()) <= 4):
        return "read"
    if request.refers and (phrase.has(_READS) or phrase.has(_SHOWS)) and not phrase.has(r"\b(?:files|folders)\b"):
        return "read"
    if phrase.has(_LISTS) or slots.mentions.folders or slots.words:
        return "list"
    if slots.mentions.everything and phrase.has(r"\bwhat\b|\bshow\b"):
        return "list"
    return None


def _is_ellipsis(said: str, request: Request) -> bool:
    """Whether a message only changes a part of what was asked before: ``and in docs?``, ``what about words?``."""
    return _FOLLOWS.search(said) is not None or len(said.split()) <= 5


def _continued(request: Request, last: Request) -> Request:
    """The last request with what this one says otherwise."""
    changed: dict[str, object] = {}
    if request.paths or request.missing or request.outside:
        changed |= {
            "paths": request.paths,
            "missing": request.missing,
            "outside": request.outside,
            "also": request.also,
        }
        changed |= {"selection": request.selection, "pick": None, "refers": False, "ordinal": None}
    elif request.selection != Selection() or request.described != "files":
        changed |= {"selection": request.selection, "described": request.described, "paths": (), "refers": False}
    if request.refers and not changed:
        changed |= {"refers": True, "plural": request.plural, "ordinal": None, "paths": (), "missing": (), "outside": ()}
        changed |= {"selection": Selection(), "pick": None}
    for name in ("pick", "part", "term", "units", "ordinal", "named"):
        value = getattr(request, name)
        if value:
            changed[name] = value
    if not changed:
        return request
    if request.action in ("unknown", "list", "read", "exists"):
        return msgspec.structs.replace(last, **changed)
    if request.refers or request.paths or request.selection != Selection():
        return request
    return msgspec.structs.replace(request, paths=last.paths, selection=last.selection, described=last.described)
