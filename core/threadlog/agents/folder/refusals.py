"""What this agent never does, and languages that it does not speak: said plainly."""

from __future__ import annotations

import re

from threadlog.agents.folder.request import Request

_DO = r"^(?:please\s+)?(?:go\s+ahead\s+and\s+|now\s+|then\s+|just\s+|try\s+to\s+|help\s+me\s+(?:to\s+)?)?"

_REFUSED: list[tuple[str, str]] = [
    (
        _DO + r"(?:delete|remove|erase|rm|unlink|trash|wipe|destroy|clean\s+up|clear|drop|empty\s+(?:the|this|my))\b",
        "I cannot delete or change anything: I only read this folder.",
    ),
    (
        _DO + r"(?:write|create|make|add|append|insert|save|edit|modify|change|replace|rename|move|copy|cp|mv|mkdir|touch|update|fix"
        r"|refactor|rewrite|overwrite|put|convert|generate|implement|truncate|chmod)\b(?!\s+(?:me\s+)?(?:a|an|the)?\s*(?:\w+\s+)?(?:list|overview|summary|outline"
        r"|tree|table\s+of\s+contents|comparison|sure)\b)",
        "I cannot write, create or change files: I only read this folder.",
    ),
    (
        _DO + r"(?:run|execute|launch|install|build|compile|deploy|debug|kill|restart|pip|npm|git|docker|sudo|bash|python3?)\s+\S",
        "I cannot run programs or commands: I only read this folder.",
    ),
    (
        _DO + r"(?:download|fetch|browse|visit|upload|send|e-?mail|post|curl|wget|ping|connect|google|tweet|call)\b(?!ed)|https?://\S+|\bwww\.\S+"
        r"|\b(?:search|look)\b.*\b(?:the\s+(?:web|internet)|online|google)\b",
        "I have no network: I only read this folder.",
    ),
    (
        r"\b(?:what\s+do\s+you\s+think|your\s+opinion|do\s+you\s+(?:like|love|prefer|believe|feel|agree|recommend)|should\s+(?:i|we)|is\s+(?:it|this|the\s+code)\s+(?:any\s+)?(?:good|bad|nice|clean|well)"
        r"|which\s+is\s+better|how\s+good\s+is|rate\s+(?:this|my|the)|review\s+(?:this|my|the)|recommend|suggest|improve|best\s+(?:way|practice)|any\s+advice|advise)\b",
        "I have no opinions: there is no model behind me, only tools that list, read, search and count.",
    ),
    (
        r"\b(?:weather|capital\s+of|president|prime\s+minister|stock\s+price|news\s+(?:today|about)|tell\s+(?:me\s+)?a\s+(?:joke|story)|joke|poem|song|recipe|meaning\s+of\s+life|who\s+(?:won|invented|wrote\s+(?!this|the\s+readme))|translate|horoscope"
        r"|what(?:'s|\s+is)\s+the\s+(?:time|date)\b(?!\s+(?:of|in))|what\s+time\s+is\s+it|what\s+day\s+is|solve|square\s+root|what(?:'s|\s+is)\s+\d+\s*[-+*/x]\s*\d+)",
        "That is beyond me: there is no model behind me, and I know nothing but this folder.",
    ),
    (
        r"\b(?:password|secret|api[ _-]?key|credential|token)s?\b.*\b(?:of|on)\s+(?:this\s+|the\s+|your\s+)?(?:machine|server|system|computer)\b|\benvironment\s+variables?\b(?!.*\b(?:file|code|mention|search|find))|\b(?:system\s+prompt|ignore\s+(?:all\s+|your\s+|previous\s+)+instructions)\b",
        "I only read this folder; nothing else of this machine is within my reach.",
    ),
]  # fmt: skip

_LANGUAGES: list[tuple[str, str]] = [
    (r"\b(?:wie|viele|zeige?|mir|datei(?:en)?|ordner|welche|suche|nach|lies|bitte|hallo|guten|kannst|gibt|sind|der|die|das|und|ist)\b", "Ich verstehe leider nur Englisch."),
    (r"\b(?:combien|fichiers?|montre|moi|dossier|quels?|quelles?|cherche|bonjour|salut|lis|s'il|dans|est|les|des|une|le|la|plus)\b", "Je ne comprends malheureusement que l'anglais."),
    (r"\b(?:cuántos|cuantos|archivos?|muestra|muéstrame|carpeta|qué|cuál|busca|hola|buenos|lee|hay|por|favor|el|los|las|en|está|más)\b", "Lo siento, solo entiendo inglés."),
    (r"\b(?:quanti|quante|mostra|mostrami|cartella|quali|cerca|ciao|leggi|ci|sono|nella|il|gli|che|più|per|favore|buongiorno)\b", "Mi dispiace, capisco solo l'inglese."),
    (r"\b(?:quantos|arquivos?|ficheiros?|mostre|mostra|pasta|quais|procure|olá|ola|leia|existem|há|o|os|na|mais|por|favor)\b", "Desculpe, só entendo inglês."),
    (r"\b(?:hoeveel|bestanden|bestand|toon|laat|zien|welke|zoek|hallo|lees|zijn|er|het|een|van|map|alstublieft)\b", "Ik begrijp helaas alleen Engels."),
]  # fmt: skip
_ENGLISH = re.compile(
    r"\b(?:the|is|are|what|which|how|many|show|list|find|search|count|read|file|files|folder|line|lines|in|of|for|open|where|does|with|and|me|most|this|that)\b",
    re.IGNORECASE,
)


_LOOKS = re.compile(
    r"\b(?:search(?:es)?|find|grep|mention\w*|contain\w*|count|how\s+many|which|where|occur\w*|say\w*|about|look\s+for|read|show|list)\b",
    re.IGNORECASE,
)


def refusal(text: str) -> Request | None:
    """What is asked for and never done; None for everything else."""
    plain = _without_quotes(text)
    looks = _LOOKS.search(plain) is not None
    for pattern, reason in _REFUSED:
        found = re.search(pattern, plain, re.IGNORECASE)
        if found is not None and (found.start() == 0 or not looks or "online" in found[0] or "internet" in found[0]):
            return Request(action="refuse", reason=reason)
    return None


def foreign(text: str) -> Request | None:
    """A message in another language than English, with a word in that language where it is known."""
    plain = _without_quotes(text)
    letters = [char for char in plain if char.isalpha()]
    if len(letters) >= 4 and sum(char > "\u02ff" for char in letters) > len(letters) / 2:
        return Request(action="foreign")
    english = len(_ENGLISH.findall(plain))
    best, words = 0, ""
    for pattern, sentence in _LANGUAGES:
        found = len(set(re.findall(pattern, plain, re.IGNORECASE)))
        if found > best:
            best, words = found, sentence
    return Request(action="foreign", reason=words) if best >= 2 and best > english else None


def _without_quotes(text: str) -> str:
    return re.sub(r"\"[^\"]*\"|“[^”]*”|`[^`]*`|(?<!\w)'[^']*'(?!\w)", " … ", text)
