"""Answers on where things are: searches, occurrences, the most of something, whether a file exists."""

from __future__ import annotations

import re
from collections import defaultdict

import msgspec
from msgspec import Struct

from threadlog.agents.folder.case import Case, with_notes
from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.outline import TEXTUAL
from threadlog.agents.folder.request import Pick, Request
from threadlog.agents.folder.root import NoSuchPath
from threadlog.agents.folder.search import Found, Hit, Term
from threadlog.agents.folder.showing_answers import show_section
from threadlog.agents.folder.targets import Targets, measured, superlative
from threadlog.agents.folder.terms import singular
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.wording import bullets, code, codes, number, size, times, with_size

_SHOWN_FILES = 20
_SHOWN_LINES = 25
_FEW = 5
"""Files that are shown with several of their lines."""
_PLACES = dict.fromkeys(("function", "method", "class", "import", "comment", "decorator"), False) | dict.fromkeys(
    ("heading", "section", "header"), True
)
"""What only programs (False) or only documents (True) are made of."""
_LINE = 160
"""Characters of a line in a list."""


async def occurrences(case: Case, request: Request) -> str:
    """How often a text occurs, on how many lines, or in how many files."""
    done = await _searched(case, request)
    found, targets, _what = done.found, done.targets, done.what
    case.focus.files = [file.path for file in found.files[:50]]
    case.focus.file = found.files[0].path if len(found.files) == 1 else targets.files[0].path if targets.single else ""
    if not found.files:
        return with_notes(f"There {_no(request)} in {targets.words}.", targets.notes)
    head = _count_words(request, done)
    lines = [f"{code(file.path)}: {file.occurrences:,}" for file in found.files[:_SHOWN_FILES]]
    if len(found.files) > _SHOWN_FILES:
        lines.append(f"… and {number(len(found.files) - _SHOWN_FILES, 'file')} more")
    table = f":\n\n{bullets(lines)}" if len(found.files) > 1 else "."
    return with_notes(f"{head}{table}", [_other_counts(found, done.term), *_limits(found), *targets.notes])


def _count_words(request: Request, done: _Search) -> str:
    """How often, in the unit that was asked for."""
    found, what = done.found, done.what
    where = _in_files(found, done.targets)
    if "files" in request.units and request.how == "count" and _asks_for_files(request):
        return f"{len(found.files):,} of {done.targets.words} {_verb(len(found.files), 'mention')} {what}"
    if "lines" in request.units:
        return f"{number(found.lines, 'line')} {_verb(found.lines, 'hold')} {what}, in {where}"
    if request.concept:
        count = found.occurrences
        return f"There {'is' if count == 1 else 'are'} {number(count, request.concept, what)} in {where}"
    return f"{what} occurs {times(found.occurrences)} in {where}"


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


async def search(case: Case, request: Request) -> str:
    """Where a text occurs."""
    if request.how == "topic" and (section := await _section_on(case, request)):
        return section
    done = await _searched(case, request)
    found, targets, what = done.found, done.targets, done.what
    if request.how == "without":
        return _without(case, done)
    if not found.files and request.how == "definition":
        return await _mentions_instead(case, request)
    case.focus.files = [file.path for file in found.files[:50]]
    case.focus.line = found.hits[0].line if found.hits else 0
    case.focus.file = found.files[0].path if found.files else targets.files[0].path if targets.single else ""
    if not found.files and not done.term.regex and " " in done.term.text:
        return await _one_word_instead(case, request, done)
    if not found.files:
        no = "No, there" if request.asks else "There"
        return with_notes(f"{no} {_no(request)} in {targets.words}.", targets.notes)
    yes = "Yes: " if request.asks else ""
    subject = _subject(request, found, what)
    head = f"{yes or ''}{subject if yes else subject[:1].upper() + subject[1:]} in {_in_files(found, targets)}:"
    lines = hit_lines(found)
    return with_notes(f"{head}\n\n{bullets(lines)}", [*_limits(found), *targets.notes])


def _without(case: Case, done: _Search) -> str:
    """The text files that do not hold the term."""
    holding = {file.path for file in done.found.files}
    files = [entry for entry in done.targets.files if entry.path not in holding]
    case.spoke_of(files)
    if not files:
        return with_notes(f"All of {done.targets.words} mention {done.what}.", done.targets.notes)
    head = f"{len(files):,} of {done.targets.words} {'does' if len(files) == 1 else 'do'} not mention {done.what}:"
    return with_notes(
        f"{head}\n\n{bullets(map(with_size, files[:_SHOWN_FILES]))}", [*_limits(done.found), *done.targets.notes]
    )


async def pick(case: Case, request: Request) -> str:
    """Which file is the largest, the newest, or mentions something most."""
    chosen = request.pick
    assert chosen is not None
    if chosen.folders or chosen.by == "files":
        return _picked_folders(case, chosen)
    if request.term is not None:
        targets, found = await most_mentions(case, request)
        counts = {file.path: file.occurrences for file in found.files}
        words = [f"{code(entry.path)}: {times(counts[entry.path])}" for entry in targets.files]
    else:
        if len(request.paths) > 1:
            return await _among_named(case, request, chosen)
        targets = await case.chooser.targets(request)
        words = await _pick_words(case, chosen, targets.files)
    case.spoke_of(targets.files)
    head = f"{_superlative(request)}"
    if len(words) == 1:
        name, _, measure = words[0].partition(": ")
        return with_notes(f"{head} is {name} ({measure}).", targets.notes)
    return with_notes(f"{head} are:\n\n{bullets(words)}", targets.notes)


async def _among_named(case: Case, request: Request, chosen: Pick) -> str:
    """Which of the files that are named is the larger, the newer …"""
    among = await case.chooser.targets(msgspec.structs.replace(request, pick=None))
    best = await case.chooser.picked(chosen, among)
    case.spoke_of(best.files)
    words = await _pick_words(case, chosen, among.files)
    return with_notes(f"{best.lead}\n\n{bullets(words)}", best.notes)


async def most_mentions(case: Case, request: Request) -> tuple[Targets, Found]:
    """The files that mention something most.

    Raises:
        NoSuchPath: none mentions it.
    """
    done = await _searched(case, request)
    found, targets = done.found, done.targets
    if not found.files:
        raise NoSuchPath(f"There {_no(request)} in {targets.words}.")
    assert request.pick is not None
    ranked = list(found.files) if request.pick.most else list(reversed(found.files))
    entries = {entry.path: entry for entry in targets.files}
    files = [entries[file.path] for file in ranked[: request.pick.count]]
    level = [file.path for file in ranked[request.pick.count :] if file.occurrences == ranked[0].occurrences]
    notes = (
        [f"{codes(level)} {'mentions' if len(level) == 1 else 'mention'} it as often."]
        if level and len(files) == 1
        else []
    )
    return Targets(files, code(files[0].path), [*notes, *_limits(found), *targets.notes], single=True), found


async def first_with(case: Case, request: Request) -> Targets:
    """The file that holds a term; the one that holds it most, where several do.

    Raises:
        NoSuchPath: none does.
    """
    most = msgspec.structs.replace(request, pick=Pick(by="mentions"))
    return (await most_mentions(case, most))[0]


async def exists(case: Case, request: Request) -> str:
    """Whether there is such a file, and where."""
    if not request.missing:
        targets = await case.chooser.targets(request)
        entries = {entry.path: entry for entry in case.names.entries}
        chosen = [*targets.files, *(entries[path] for path in request.also if path in entries)]
        if not chosen:
            return with_notes(f"{'No: there' if request.asks else 'There'} are no {request.described}.", targets.notes)
        case.spoke_of(chosen)
        more = f" and {number(len(chosen) - 10, 'more file', 'more files')}" if len(chosen) > 10 else ""
        return f"{'Yes: ' if request.asks else ''}{', '.join(map(with_size, chosen[:10]))}{more}."
    await case.desk.list_files(Selection(match=tuple(request.missing), hidden=True), f"Look for {request.missing[0]}")
    guesses = case.names.guess(request.missing[0])
    near = f" The nearest {'name is' if len(guesses) == 1 else 'names are'} {codes(guesses)}." if guesses else ""
    return f"{'No, there' if request.asks else 'There'} is no {code(request.missing[0])} in this folder.{near}"


class _Search(Struct):
    """A search as it was done."""

    found: Found
    targets: Targets
    term: Term
    what: str
    """The term in words."""


async def _searched(case: Case, request: Request) -> _Search:
    """Search, and look again for what is not found as it is written.

    Raises:
        FolderError: what is named cannot be searched.
    """
    assert request.term is not None
    term, what = request.term, request.named
    targets = await case.chooser.targets(request, implicit=False)
    if not targets.single and request.concept in _PLACES:
        targets = msgspec.structs.replace(
            targets, files=[entry for entry in targets.files if _PLACES[request.concept] is (entry.suffix in TEXTUAL)]
        )
    found = await case.desk.search(targets.files, term, f"Search {targets.words} for {what}")
    other = _otherwise(term, found)
    if other is not None and not found.files:
        term, what = other, f"“{other.text}”"
        found = await case.desk.search(targets.files, term, f"Search {targets.words} for {what}")
    return _Search(found, targets, term, what)


def _otherwise(term: Term, found: Found) -> Term | None:
    """How to look again for what was not found: in any case, or in the singular."""
    if term.regex:
        return None
    if found.in_any_case:
        return Term(term.text, whole_word=term.whole_word)
    one = singular(term.text)
    return Term(one, exact_case=term.exact_case) if one != term.text else None


async def _mentions_instead(case: Case, request: Request) -> str:
    plain = request.named.strip("“”")
    done = await _searched(case, _with_term(request, Term(plain)))
    found, targets = done.found, done.targets
    if not found.files:
        return f"I found no definition of {request.named}, and no mention of it, in {targets.words}."
    case.focus.files = [file.path for file in found.files[:50]]
    head = f"I found no definition of {request.named}; it is mentioned in {_in_files(found, targets)}:"
    return f"{head}\n\n{bullets(hit_lines(found))}"


async def _one_word_instead(case: Case, request: Request, done: _Search) -> str:
    """Several words that stand nowhere together: where the longest of them is."""
    word = max(re.findall(r"\w+", done.term.text) or [done.term.text], key=len)
    other = await _searched(case, _with_term(request, Term(word)))
    no = f"{'No, there' if request.asks else 'There'} is no {done.what} in {done.targets.words}"
    if not other.found.files or word == done.term.text:
        return with_notes(f"{no}.", done.targets.notes)
    case.focus.files = [file.path for file in other.found.files[:50]]
    head = f"{no}, but “{word}” occurs {times(other.found.occurrences)} in {_in_files(other.found, other.targets)}:"
    return with_notes(f"{head}\n\n{bullets(hit_lines(other.found))}", done.targets.notes)


def _with_term(request: Request, term: Term) -> Request:
    return msgspec.structs.replace(request, term=term, how="search", concept="")


async def _section_on(case: Case, request: Request) -> str:
    """The section of the named file whose heading speaks of the term, if there is one."""
    targets = await case.chooser.targets(request)
    if not targets.single or request.term is None:
        return ""
    return await show_section(case, targets.files[0].path, request.term.text) or ""


def hit_lines(found: Found) -> list[str]:
    """The matches as list items: all of a few files, or how often each of many files has it, with its first line."""
    if len(found.files) > _FEW:
        return _file_lines(found)
    room = 5 if len(found.files) > 1 else _SHOWN_LINES
    shown = [_hit(hit) for file in found.files for hit in _hits_of(found, file.path)[:room]]
    more = found.lines - len(shown)
    return [*shown, f"… and {number(more, 'line')} more"] if more > 0 else shown


def _file_lines(found: Found) -> list[str]:
    lines = []
    for file in found.files[:_SHOWN_FILES]:
        first = _hits_of(found, file.path)[:1]
        where = f", first in line {first[0].line}: {_shortened(first[0].text)}" if first else ""
        lines.append(f"{code(file.path)}: {times(file.occurrences)}{where}")
    more = len(found.files) - len(lines)
    return [*lines, f"… and {number(more, 'file')} more"] if more > 0 else lines


def _hits_of(found: Found, path: str) -> list[Hit]:
    return [hit for hit in found.hits if hit.path == path]


def _hit(hit: Hit) -> str:
    return f"{code(hit.path)} line {hit.line}: {_shortened(hit.text)}"


def _shortened(line: str) -> str:
    text = line.strip()
    return code(text if len(text) <= _LINE else text[:_LINE] + " …")


def _subject(request: Request, found: Found, what: str) -> str:
    if request.how == "definition":
        return f"{what} is defined"
    if request.concept:
        return f"there {'is' if found.occurrences == 1 else 'are'} {number(found.occurrences, request.concept, what)}"
    return f"{what} occurs {times(found.occurrences)}"


def _in_files(found: Found, targets: Targets) -> str:
    if len(found.files) == 1:
        return code(found.files[0].path)
    return f"{len(found.files):,} of {targets.words}"


def _no(request: Request) -> str:
    return f"are no {request.named}" if request.concept else f"is no {request.named}"


def _other_counts(found: Found, term: Term) -> str:
    """The counts that a stricter or laxer look would give, where they differ."""
    if term.regex:
        return ""
    others = []
    if found.in_any_case != found.occurrences:
        others.append(f"{found.in_any_case:,} if upper and lower case are the same")
    if found.as_written != found.occurrences:
        others.append(f"{found.as_written:,} written exactly “{term.text}”")
    if found.as_word != found.occurrences:
        others.append(f"{found.as_word:,} as a whole word")
    return f"({'; '.join(others)}.)" if others else ""


def _limits(found: Found) -> list[str]:
    notes = []
    if found.partial:
        notes.append("I stopped at my limit of time or size, so there may be more.")
    if found.binary:
        notes.append(f"{number(found.binary, 'binary file')} passed over.")
    return notes


def _asks_for_files(request: Request) -> bool:
    return not request.paths and "lines" not in request.units


async def _pick_words(case: Case, chosen: Pick, files: list[Entry]) -> list[str]:
    if chosen.by in ("lines", "words", "characters"):
        sizes = await case.desk.measure(files, f"Count the {chosen.by}")
        return [
            f"{code(item.path)}: {number(getattr(item, chosen.by), chosen.by[:-1])}, {size(item.bytes)}"
            for item in sizes
        ]
    return [f"{code(entry.path)}: {measured(entry, chosen)}" for entry in files]


def _superlative(request: Request) -> str:
    chosen = request.pick
    assert chosen is not None
    files = request.described.replace("files", "file", 1) if chosen.count == 1 else request.described
    if request.term is not None:
        what = request.named if request.concept else f"mentions of {request.named}"
        return f"The {files} with the {'most' if chosen.most else 'fewest'} {what}"
    return f"The {'' if chosen.count == 1 else f'{chosen.count} '}{superlative(chosen)} {files}"


def _picked_folders(case: Case, chosen: Pick) -> str:
    """Folders by the files directly in them, or by the bytes of all that is below."""
    direct: dict[str, int] = defaultdict(int)
    below: dict[str, list[int]] = defaultdict(list)
    for entry in case.listing.files(hidden=True):
        parts = entry.folder.split("/") if entry.folder else []
        direct[entry.folder] += 1
        for depth in range(1, len(parts) + 1):
            below["/".join(parts[:depth])].append(entry.bytes)
    if not below:
        return "There are no folders with files in this folder."
    by_files = chosen.by == "files"
    measure = {path: direct[path] if by_files else sum(sizes) for path, sizes in below.items()}
    ranked = sorted(below, key=lambda path: (-measure[path] if chosen.most else measure[path], path))[: chosen.count]
    word = {(True, True): "most files", (True, False): "fewest files", (False, True): "most bytes"}.get(
        (by_files, chosen.most), "fewest bytes"
    )
    lines = [
        f"{code(path + '/')} ({number(direct[path], 'file')} directly in it, {number(len(below[path]), 'file')} and "
        f"{size(sum(below[path]))} with its subfolders)"
        for path in ranked
    ]
    if len(lines) > 1:
        return f"The folders with the {word} are:\n\n{bullets(lines)}"
    return f"The folder with the {word} is {lines[0]}."
