"""What is said around a request: greetings, politeness, and questions about the agent itself."""

from __future__ import annotations

import re
import unicodedata

from threadlog.agents.folder.patterns import any_of
from threadlog.agents.folder.request import Action

_OWN_MARKS = str.maketrans({"❲": "(", "❳": ")", "▪": "-", "\u00a0": " "})
"""What stands for quotes and names in a phrase is nothing that a user could write."""
_OPENING = (
    rf"^{any_of('hi', 'hello', 'hey', 'good (?:morning|afternoon|evening)', 'ok(?:ay)?', 'thanks', 'great')}"
    r"(?: there)?\s*[,.!]+\s+(?=\S)"
)
_POLITE = (
    r"^"
    + any_of(
        *("please", "pls", "kindly", "let me know", "let's", "do you know", "tell me", "just", "so", "now"),
        r"(?:can|could|would|will) you(?: please)?(?: (?:tell|show) me(?= (?:how|what|which|where|when|if|whether)))?",
        r"i(?:'d| would) like (?:you )?to(?: know)?",
        r"i (?:want|need)(?: you)? to(?: know)?",
        r"(?:i )?wonder(?:ing)?",
    )
    + r"\b[\s,]*(?:if\s+(?=you\b))?"
)
_WORD_FOR_AGENT = any_of("agent", "bot", "assistant", "folder", "everyone", "again", "friend", "there")
_HOW_ARE_YOU = any_of("how are you", "how's it going", "how are things", "what's up", "sup")
_PRAISE = any_of("great", "cool", "perfect", "nice", "awesome", "ok", "okay", "good", "wow", "excellent")
_TALK: list[tuple[str, Action]] = [
    (
        any_of("hi", "hello", "hey", "hiya", "howdy", "yo", "greetings", "good (?:morning|afternoon|evening|day)")
        + rf"(?: {_WORD_FOR_AGENT})?(?: {_HOW_ARE_YOU}(?: doing)?(?: today)?)?",
        "greeting",
    ),
    (rf"{_HOW_ARE_YOU}(?: doing)?(?: today)?", "greeting"),
    (
        (
            rf"(?:{_PRAISE} )?{any_of('thanks', 'thank you', 'thx', 'ty', 'cheers', 'many thanks', 'much appreciated')}"
            r"(?: (?:a lot|so much|very much|again|you|for .*|that .*|that's .*))?"
        ),
        "thanks",
    ),
    (rf"{_PRAISE}(?: (?:job|work|answer))?|well done|got it|i see", "thanks"),
    (rf"{any_of('bye', 'goodbye', 'good bye', 'see you', 'see ya', 'good night', 'cya', 'farewell')}(?: .*)?", "bye"),
    (any_of("help", "help me", "commands?", "usage", "menu", "options", r"\?+"), "help"),
    (
        r"(?:what|which things|what kind of things|what else) (?:can|could|do) (?:you|i) "
        + any_of("do", "help(?: me)? with", "ask", "ask you", "offer", "know", "support", "say", "understand", "answer")
        + r"(?: for me| here| exactly| about)*",
        "help",
    ),
    (
        r"(?:how (?:do|can|should) (?:i|you)|how does this) (?:use|work|talk to|ask)(?: with)?(?: you| this| it)*",
        "help",
    ),
    (r"(?:who|what) (?:are|r) (?:you|u)(?: exactly)?|what is this|introduce yourself", "help"),
    (r"are you (?:an? )?(?:ai|bot|human|robot|model|llm|chatgpt|gpt|person|language model|real).*", "help"),
    (r"what(?:'s| is) your name|what model are you.*", "help"),
    (
        r"(?:which|what) (?:tools|commands|questions|capabilities)\b.{0,40}\b(?:you|available|i)\b.*",
        "help",
    ),
    (r"what (?:can't|cannot|can not|don't|do not|won't) you do", "help"),
    (r"(?:can|could) you help(?: me)?(?: out)?|help me out|i need help", "help"),
    (
        any_of("more", "next", "continue", "go on", "keep going", "(?:show|read)(?: me)? more", "read on", "next page")
        + "(?: please)?",
        "more",
    ),
    (
        any_of("and then", "(?:show (?:me )?)?the rest", "carry on", "next lines", "continue reading", "further")
        + "(?: please)?|what(?:'s| comes| is) next",
        "more",
    ),
]


def tidy(text: str, longest: int) -> str:
    """A message in one form of its characters, without what is only polite."""
    text = unicodedata.normalize("NFC", text[:longest]).translate(_OWN_MARKS)
    text = re.sub(r"(?<=\w)’(?=\w)", "'", text)
    text = re.sub(r"[^\S\n]+", " ", text).strip()
    text = re.sub(_OPENING, "", text, flags=re.IGNORECASE)
    while (shorter := re.sub(_POLITE, "", text, flags=re.IGNORECASE)) and shorter != text:
        text = shorter
    return text


def talk(text: str) -> Action | None:
    """What a message is that is only talk; None if it asks for something."""
    plain = re.sub(r"[^\w\s'?]", "", text.lower()).strip()
    plain = plain.rstrip("? ") or plain
    return next((action for pattern, action in _TALK if re.fullmatch(pattern, plain)), None)
