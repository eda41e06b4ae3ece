"""What this agent never does, and languages that it does not speak: said plainly."""

from __future__ import annotations

import re

from threadlog.agents.folder.patterns import any_of, any_word
from threadlog.agents.folder.request import Request

_DO = r"^(?:please\s+)?(?:go\s+ahead\s+and\s+|now\s+|then\s+|just\s+|try\s+to\s+|help\s+me\s+(?:to\s+)?)?"
_SHOWN_THINGS = any_of("list", "overview", "summary", "outline", "tree", r"table\s+of\s+contents", "comparison", "sure")
_REFUSED: list[tuple[str, str]] = [
    (
        _DO + any_of("delete", "remove", "erase", "rm", "unlink", "trash", "wipe", "destroy", "clear", "drop") + r"\b",
        "I cannot delete or change anything: I only read this folder.",
    ),
    (
        _DO
        + any_of(
            *("write", "create", "make", "add", "append", "insert", "save", "edit", "modify", "change", "replace"),
            *("rename", "move", "copy", "cp", "mv", "mkdir", "touch", "update", "fix", "refactor", "rewrite", "put"),
            *("overwrite", "convert", "generate", "implement", "truncate", "chmod", r"clean\s+up", "empty the"),
        )
        + rf"\b(?!\s+(?:me\s+)?(?:a|an|the)?\s*(?:\w+\s+)?{_SHOWN_THINGS}\b)",
        "I cannot write, create or change files: I only read this folder.",
    ),
    (
        _DO
        + any_of(
            *("run", "execute", "launch", "install", "build", "compile", "deploy", "debug", "kill", "restart", "pip"),
            *("npm", "git", "docker", "sudo", "bash", "python3?"),
        )
        + r"\s+\S",
        "I cannot run programs or commands: I only read this folder.",
    ),
    (
        _DO
        + any_of("download", "fetch", "browse", "visit", "upload", "send", "e-?mail", "post", "curl", "wget", "ping")
        + r"\b|https?://\S+|\bwww\.\S+|\b(?:search|look)\b.*\b(?:the\s+(?:web|internet)|online|google)\b",
        "I have no network: I only read this folder.",
    ),
    (
        any_word(
            *(r"do\s+you\s+think", r"your\s+opinion", r"should\s+(?:i|we)", r"which\s+is\s+better", "recommend"),
            *(r"do\s+you\s+(?:like|love|prefer|believe|feel|agree|recommend)", "suggest", "improve", "advise"),
            *(r"is\s+(?:it|this|the\s+code)\s+(?:any\s+)?(?:good|bad|nice|clean|well)", r"how\s+good\s+is"),
            *(r"(?:rate|review)\s+(?:this|my|the)", r"best\s+(?:way|practice)", r"any\s+advice"),
        ),
        "I have no opinions: there is no model behind me, only tools that list, read, search and count.",
    ),
    (
        any_word(
            *("weather", r"capital\s+of", "president", r"prime\s+minister", r"stock\s+price", "joke", "poem", "song"),
            *("recipe", r"meaning\s+of\s+life", r"who\s+(?:won|invented)", "translate", "horoscope", r"square\s+root"),
            *(r"what\s+time\s+is\s+it", r"what\s+day\s+is", r"tell\s+(?:me\s+)?a\s+story", "solve"),
        )
        + r"|\bwhat(?:'s|\s+is)\s+the\s+(?:time|date)\b(?!\s+(?:of|in))|\bwhat(?:'s|\s+is)\s+\d+\s*[-+*/x]\s*\d+",
        "That is beyond me: there is no model behind me, and I know nothing but this folder.",
    ),
    (
        (
            r"\b(?:password|secret|api[ _-]?key|credential|token)s?\b.*\b(?:machine|server|system)\b"
            r"|\benvironment\s+variables?\b|\bsystem\s+prompt\b|\bignore\s+(?:all\s+|your\s+|previous\s+)+instructions\b"
        ),
        "I only read this folder; nothing else of this machine is within my reach.",
    ),
]
_LOOKS = any_word(
    *("search(?:es)?", "find", "grep", r"mention\w*", r"contain\w*", "count", r"how\s+many", "which", "where"),
    *(r"occur\w*", r"say\w*", "about", r"look\s+for", "read", "show", "list"),
)
"""What is looked for in files may be called anything."""
_GERMAN = (
    "wie viele zeige zeig mir datei dateien ordner welche suche nach lies bitte hallo kannst gibt sind der die das"
)
_FRENCH = (
    "combien fichier fichiers montre moi dossier quels quelles cherche bonjour salut lis dans est les des une le la"
)
_SPANISH = "cuántos cuantos archivo archivos muestra carpeta qué cuál busca hola buenos lee hay por favor el los las en"
_ITALIAN = "quanti quante mostra mostrami cartella quali cerca ciao leggi ci sono nella il gli che più per favore"
_PORTUGUESE = (
    "quantos arquivo arquivos ficheiro ficheiros mostre mostra pasta quais procure olá leia existem há os na mais"
)
_DUTCH = "hoeveel bestanden bestand toon laat zien welke zoek hallo lees zijn er het een van map"
_LANGUAGES = [
    (_GERMAN, "Ich verstehe leider nur Englisch."),
    (_FRENCH, "Je ne comprends malheureusement que l'anglais."),
    (_SPANISH, "Lo siento, solo entiendo inglés."),
    (_ITALIAN, "Mi dispiace, capisco solo l'inglese."),
    (_PORTUGUESE, "Desculpe, só entendo inglês."),
    (_DUTCH, "Ik begrijp helaas alleen Engels."),
]
"""Words that give a language away, and how one says in it that one does not speak it."""
_ENGLISH = frozenset(
    [
        "the",
        "is",
        "are",
        "what",
        "which",
        "how",
        "many",
        "show",
        "list",
        "find",
        "search",
        "count",
        "read",
        "file",
        "files",
        "folder",
        "line",
        "lines",
        "in",
        "of",
        "for",
        "open",
        "where",
        "does",
        "with",
        "and",
        "me",
        "most",
        "this",
        "that",
    ]
)


def refusal(text: str) -> str | None:
    """Why something is never done; None for everything else."""
    plain = _without_quotes(text)
    looks = re.search(_LOOKS, plain, re.IGNORECASE) is not None
    for pattern, reason in _REFUSED:
        found = re.search(pattern, plain, re.IGNORECASE)
        if found is not None and (found.start() == 0 or not looks or re.search("online|internet|web", found[0])):
            return reason
    return None


def foreign(text: str) -> Request | None:
    """A message in another language than English, with a word in that language where it is known."""
    plain = _without_quotes(text)
    letters = [char for char in plain if char.isalpha()]
    if len(letters) >= 4 and sum(char > "\u02ff" for char in letters) > len(letters) / 2:
        return Request(action="foreign")
    words = set(re.findall(r"\w+", plain.lower()))
    counts = [(len(words & set(known.split())), sentence) for known, sentence in _LANGUAGES]
    best, sentence = max(counts)
    return Request(action="foreign", reason=sentence) if best >= 2 and best > len(words & _ENGLISH) else None


def _without_quotes(text: str) -> str:
    return re.sub(r"\"[^\"]*\"|“[^”]*”|`[^`]*`|(?<!\w)'[^']*'(?!\w)|❲\d+❳", " … ", text)
