"""Answers on where things are: searches, occurrences, the most of something, whether a file exists."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from threadlog.agents.folder.case import Case, with_notes
from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.request import Pick, Request
from threadlog.agents.folder.root import NoSuchPath
from threadlog.agents.folder.search import Found, Term
from threadlog.agents.folder.showing_answers import show_section
from threadlog.agents.folder.targets import Targets, measured
from threadlog.agents.folder.tools import Selection
from threadlog.agents.folder.wording import bullets, code, codes, number, size, times, with_size

_SHOWN_FILES = 20
_SHOWN_LINES = 25


async def occurrences(case: Case, request: Request) -> str:
    """How often a text occurs, on how many lines, or in how many files."""
    found, targets = await _searched(case, request)
    case.focus.files = [file.path for file in found.files[:50]]
    case.focus.file = found.files[0].path if len(found.files) == 1 else targets.files[0].path if targets.single else ""
    what = request.named
    if not found.files:
        return with_notes(f"There {_no(request)} in {targets.words}.{_elsewhere(found, request.term)}", targets.notes)
    if "files" in request.units and request.how == "count" and _asks_for_files(request):
        head = f"{number(len(found.files), 'file')} of {targets.words} {'mentions' if len(found.files) == 1 else 'mention'} {what}"
    elif "lines" in request.units:
        head = f"{number(found.lines, 'line')} {'holds' if found.lines == 1 else 'hold'} {what}, in {_in_files(found, targets)}"
    elif request.concept:
        head = f"There {'is' if found.occurrences == 1 else 'are'} {found.occurrences:,} {what} in {_in_files(found, targets)}"
    else:
        head = f"{what} occurs {times(found.occurrences)} in {_in_files(found, targets)}"
    lines = [f"{code(file.path)}: {file.occurrences:,}" for file in found.files[:_SHOWN_FILES]]
    if len(found.files) > _SHOWN_FILES:
        lines.append(f"… and {number(len(found.files) - _SHOWN_FILES, 'file')} more")
    table = f":\n\n{bullets(lines)}" if len(found.files) > 1 else "."
    return with_notes(f"{head}{table}", [_other_counts(found, request.term), *_limits(found), *targets.notes])


async def search(case: Case, request: Request) -> str:
    """Where a text occurs."""
    if request.how == "topic" and (section := await _section_on(case, request)):
        return section
    found, targets = await _searched(case, request)
    if not found.files and request.how == "definition":
        return await _mentions_instead(case, request)
    case.focus.files = [file.path for file in found.files[:50]]
    case.focus.file = found.files[0].path if found.files else targets.files[0].path if targets.single else ""
    what = request.named
    if not found.files:
        no = "No, there" if request.asks else "There"
        return with_notes(f"{no} {_no(request)} in {targets.words}.{_elsewhere(found, request.term)}", targets.notes)
    yes = "Yes: " if request.asks else ""
    head = f"{yes}{_subject(request, found, what)} in {_in_files(found, targets)}:"
    if "files" in request.units and len(found.files) > 5:
        lines = [f"{code(file.path)}: {times(file.occurrences)}" for file in found.files[:_SHOWN_FILES]]
        if len(found.files) > _SHOWN_FILES:
            lines.append(f"… and {number(len(found.files) - _SHOWN_FILES, 'file')} more")
    else:
        lines = hit_lines(found)
    return with_notes(f"{head}\n\n{bullets(lines)}", [*_limits(found), *targets.notes])


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
        targets = await case.chooser.targets(request)
        words = await _pick_words(case, chosen, targets.files)
    case.spoke_of(targets.files)
    head = f"{_superlative(request)}"
    if len(words) == 1:
        name, _, measure = words[0].partition(": ")
        return with_notes(f"{head} is {name} ({measure}).", targets.notes)
    return with_notes(f"{head} are:\n\n{bullets(words)}", targets.notes)


async def most_mentions(case: Case, request: Request) -> tuple[Targets, Found]:
    """The files that mention something most.

    Raises:
        NoSuchPath: none mentions it.
    """
    found, targets = await _searched(case, request)
    if not found.files:
        raise NoSuchPath(f"There {_no(request)} in {targets.words}.{_elsewhere(found, request.term)}")
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


async def exists(case: Case, request: Request) -> str:
    """Whether there is such a file, and where."""
    if not request.missing:
        targets = await case.chooser.targets(request)
        entries = {entry.path: entry for entry in case.names.entries}
        chosen = [*targets.files, *(entries[path] for path in request.also if path in entries)]
        if not chosen:
            return with_notes(f"{'No: there' if request.asks else 'There'} are no {request.described}.", targets.notes)
        case.spoke_of(chosen)
        return f"{'Yes: ' if request.asks else ''}{', '.join(map(with_size, chosen))}."
    await case.desk.list_files(Selection(match=tuple(request.missing), hidden=True), f"Look for {request.missing[0]}")
    guesses = case.names.guess(request.missing[0])
    near = f" The nearest {'name is' if len(guesses) == 1 else 'names are'} {codes(guesses)}." if guesses else ""
    return f"{'No, there' if request.asks else 'There'} is no {code(request.missing[0])} in this folder.{near}"


async def _searched(case: Case, request: Request) -> tuple[Found, Targets]:
    assert request.term is not None
    targets = await case.chooser.targets(request, implicit=False)
    found = await case.desk.search(targets.files, request.term, f"Search {targets.words} for {request.named}")
    return found, targets


async def _mentions_instead(case: Case, request: Request) -> str:
    plain = request.named.strip("“”")
    found, targets = await _searched(case, _with_term(request, Term(plain)))
    if not found.files:
        return f"I found no definition of {request.named}, and no mention of it, in {targets.words}."
    case.focus.files = [file.path for file in found.files[:50]]
    return f"I found no definition of {request.named}; it is mentioned in {_in_files(found, targets)}:\n\n{bullets(hit_lines(found))}"


def _with_term(request: Request, term: Term) -> Request:
    return msgspec.structs.replace(request, term=term, how="search", concept="")


async def _section_on(case: Case, request: Request) -> str:
    """The section of the named file whose heading speaks of the term, if there is one."""
    targets = await case.chooser.targets(request)
    if not targets.single or request.term is None:
        return ""
    return await show_section(case, targets.files[0].path, request.term.text) or ""


def hit_lines(found: Found) -> list[str]:
    """The matches as list items, a few of each file."""
    lines: list[str] = []
    by_file: dict[str, int] = defaultdict(int)
    room = 5 if len(found.files) > 1 else _SHOWN_LINES
    for hit in found.hits:
        by_file[hit.path] += 1
        if by_file[hit.path] <= room and len(lines) < _SHOWN_LINES:
            text = hit.text.strip()
            lines.append(f"{code(hit.path)} line {hit.line}: {code(text if len(text) <= 160 else text[:160] + ' …')}")
    more = found.lines - len(lines)
    return [*lines, f"… and {number(more, 'line')} more"] if more > 0 else lines


def _subject(request: Request, found: Found, what: str) -> str:
    if request.how == "definition":
        return f"{what} is defined"
    if request.concept:
        return f"there {'is' if found.occurrences == 1 else 'are'} {found.occurrences:,} {what}"
    return f"{what} occurs {times(found.occurrences)}"


def _in_files(found: Found, targets: Targets) -> str:
    if len(found.files) == 1:
        return code(found.files[0].path)
    return f"{len(found.files):,} of {targets.words}"


def _no(request: Request) -> str:
    return f"are no {request.named}" if request.concept else f"is no {request.named}"


def _elsewhere(found: Found, term: Term | None) -> str:
    if term is not None and term.exact_case and not term.regex and found.in_any_case:
        return f" In other case it occurs {times(found.in_any_case)}."
    return ""


def _other_counts(found: Found, term: Term | None) -> str:
    """The counts that a stricter or laxer look would give, where they differ."""
    if term is None or term.regex:
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
    described = request.described
    one = described.replace("files", "file", 1) if chosen.count == 1 else described
    if request.term is not None:
        return f"The {one} with the {'most' if chosen.most else 'fewest'} {request.named if request.concept else f'mentions of {request.named}'}"
    word = {
        ("bytes", True): "largest",
        ("bytes", False): "smallest",
        ("lines", True): "longest",
        ("lines", False): "shortest",
        ("modified", True): "most recently changed",
        ("modified", False): "oldest (longest unchanged)",
        ("words", True): "wordiest",
        ("words", False): "least wordy",
    }.get((chosen.by, chosen.most), "first")
    return f"The {word} {one}" if chosen.count == 1 else f"The {chosen.count} {word} {one}"


def _picked_folders(case: Case, chosen: Pick) -> str:
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for entry in case.listing.files(hidden=True):
        parts = entry.folder.split("/") if entry.folder else []
        for depth in range(1, len(parts) + 1):
            total = totals["/".join(parts[:depth])]
            total[0] += 1
            total[1] += entry.bytes
    if not totals:
        return "There are no folders with files in this folder."
    column = 0 if chosen.by == "files" else 1
    ranked = sorted(totals.items(), key=lambda item: (item[1][column] * (-1 if chosen.most else 1), item[0]))
    word = ("most" if chosen.most else "fewest") if column == 0 else ("largest" if chosen.most else "smallest")
    lines = [f"{code(path + '/')} ({number(total[0], 'file')}, {size(total[1])})" for path, total in ranked]
    if chosen.count > 1:
        return f"The folders {'with the ' + word + ' files' if column == 0 else 'by size'} are:\n\n{bullets(lines[: chosen.count])}"
    return f"The folder with the {word} files is {lines[0]}." if column == 0 else f"The {word} folder is {lines[0]}."
