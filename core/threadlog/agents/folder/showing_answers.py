"""Answers that show files: whole, in part, in outline, or beside each other."""

from __future__ import annotations

import re

from threadlog.agents.folder.case import Case, about, with_notes
from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.outline import Outline, Part
from threadlog.agents.folder.request import Part as Wanted
from threadlog.agents.folder.request import Request
from threadlog.agents.folder.root import FolderError
from threadlog.agents.folder.targets import Targets
from threadlog.agents.folder.tools import Excerpt, Selection
from threadlog.agents.folder.wording import bullets, code, codes, fenced, joined, number, size
from threadlog.agents.folder.words import KIND_NAMES

_FILES_AT_ONCE = 8
_WHOLE = Wanted("whole")


async def read(case: Case, request: Request, targets: Targets | None = None) -> str:
    """Show files, or a part of each."""
    targets = targets or await case.chooser.targets(request)
    if not targets.files:
        return about(targets, f"There are no {request.described} to show.")
    part = request.part or _WHOLE
    shown = targets.files[:_FILES_AT_ONCE]
    texts = [await _shown(case, entry, part, brief=len(shown) > 1) for entry in shown]
    more = len(targets.files) - len(shown)
    if more:
        texts.append(f"These are the first {len(shown)}; {number(more, 'file')} more would fit.")
    next_line = case.focus.next_line
    case.spoke_of(targets.files)
    case.focus.next_line = next_line if len(targets.files) == 1 else 0
    return about(targets, "\n\n".join(texts))


async def more(case: Case, request: Request) -> str:
    """Read on where the last answer stopped."""
    if not case.focus.file or not case.focus.next_line:
        return "There is nothing to go on with: the last answer was complete. Ask me to read a file."
    excerpt = await case.desk.read(case.focus.file, case.focus.next_line)
    case.focus.next_line = excerpt.last + 1 if excerpt.last < excerpt.total else 0
    return _excerpt(Entry(case.focus.file), excerpt)


async def outline(case: Case, request: Request) -> str:
    """Headings of a document, definitions of a program."""
    targets = await case.chooser.targets(request)
    texts = []
    for entry in targets.files[:_FILES_AT_ONCE]:
        found = await case.desk.outline(entry.path)
        parts = [part for part in found.parts if _is_wanted(part, request.concept)]
        what = request.named or "headings or definitions"
        if not parts:
            texts.append(f"{code(entry.path)} has no {what} that I can find.")
            continue
        texts.append(
            f"{code(entry.path)} has {_parts_words(parts, request)}:\n\n" + bullets(_part_line(part) for part in parts)
        )
    case.spoke_of(targets.files)
    return about(targets, "\n\n".join(texts))


async def summary(case: Case, request: Request) -> str:
    """What a file, or the folder, is about, as far as that can be told without understanding it."""
    named = request.paths or request.missing or request.outside or request.pick or request.ordinal
    if not named and not (request.refers and case.focus.file):
        return await _folder_summary(case, request)
    targets = await case.chooser.targets(request)
    texts = [await _file_summary(case, entry) for entry in targets.files[:3]]
    case.spoke_of(targets.files)
    return about(targets, "\n\n".join(texts))


async def longest(case: Case, request: Request) -> str:
    """The longest line of a file."""
    targets = await case.chooser.targets(request)
    found = await case.desk.longest_line(targets.files, f"Find the longest line of {targets.words}")
    case.spoke_of(targets.files)
    if found is None:
        return about(targets, f"There are no lines in {targets.words}.")
    line = f"line {found.line:,} of {code(found.path)}, with {number(len(found.text), 'character')}"
    return about(targets, f"The longest line is {line}:\n\n{fenced(found.text[:400])}")


async def compare(case: Case, request: Request) -> str:
    """How two files differ."""
    named = request.paths or request.missing or request.selection != Selection()
    targets = await case.chooser.targets(request, implicit=False) if named else None
    files = list(targets.files) if targets else []
    if len(files) == 1 and case.focus.file and case.focus.file != files[0].path:
        files.insert(0, Entry(case.focus.file))
    elif not files and len(case.focus.files) == 2:
        files = [Entry(path) for path in case.focus.files]
    if len(files) != 2:
        return "To compare I need two files; say for instance “compare a.txt with b.txt”."
    found = await case.desk.compare(files[0].path, files[1].path)
    names = f"{code(found.one)} and {code(found.other)}"
    case.spoke_of(files)
    if found.same:
        return f"{names} are the same, byte for byte." if found.binary else f"{names} are the same, line for line."
    if found.binary:
        return f"{names} differ; at least one of them is binary, so I cannot show how."
    only = f"{number(found.removed, 'line')} only in the first, {number(found.added, 'line')} only in the second"
    head = f"{names} differ: {only}."
    cut = ["The comparison is cut here; there is more."] if found.partial else []
    return with_notes(f"{head}\n\n{fenced(found.diff, '.diff')}", [*cut, *(targets.notes if targets else [])])


async def show_head(case: Case, entry: Entry) -> str:
    """The beginning of a file."""
    excerpt = await case.desk.read(entry.path, 1, 10)
    case.spoke_of([entry])
    return _excerpt(entry, excerpt)


async def show_section(case: Case, path: str, name: str) -> str | None:
    """The section of a document whose heading is nearest to a name; None if there is none."""
    found = await case.desk.outline(path)
    part = _section(found, name)
    if part is None:
        return None
    after = [other.line for other in found.parts if other.line > part.line and other.level <= part.level]
    excerpt = await case.desk.read(path, part.line, after[0] - 1 if after else None)
    case.spoke_of([Entry(path)])
    return _excerpt(Entry(path), excerpt, f"The section {code(part.name)} of {code(path)}:")


async def _shown(case: Case, entry: Entry, part: Wanted, *, brief: bool) -> str:
    if part.kind == "section":
        section = await show_section(case, entry.path, part.name)
        return section or await _no_section(case, entry, part.name)
    first, last = _span(part, case.focus.line)
    try:
        excerpt = await case.desk.read(entry.path, first, 20 if brief and part.kind == "whole" else last)
    except FolderError as error:
        if not brief:
            raise
        return str(error)
    case.focus.next_line = (
        excerpt.last + 1 if excerpt.last < excerpt.total and part.kind in ("whole", "head", "range") else 0
    )
    return _excerpt(entry, excerpt)


def _span(part: Wanted, hit: int) -> tuple[int, int | None]:
    if part.kind == "around" and hit:
        return max(1, hit - 3), hit + 3
    if part.kind == "head":
        return 1, part.first
    if part.kind == "tail":
        return -part.first, None
    return (part.first, part.last) if part.kind == "range" else (1, None)


def _excerpt(entry: Entry, excerpt: Excerpt, head: str = "") -> str:
    if excerpt.total == 0:
        return f"{code(excerpt.path)} is empty."
    if excerpt.last < excerpt.first:
        return f"{code(excerpt.path)} has only {number(excerpt.total, 'line')}."
    everything = excerpt.first == 1 and excerpt.last == excerpt.total
    if excerpt.first == excerpt.last and not everything:
        lines = f"Line {excerpt.first} of {excerpt.total:,} of"
    elif everything:
        lines = f"All {number(excerpt.total, 'line')} of" if excerpt.total > 1 else "The one line of"
    else:
        lines = f"Lines {excerpt.first:,} to {excerpt.last:,} of {excerpt.total:,} of"
    text = f"{head or f'{lines} {code(excerpt.path)}:'}\n\n{fenced(excerpt.text, entry.suffix)}"
    if excerpt.cut:
        text += "\n\nThat is as much as I show at once; say “more” to go on."
    return text


async def _no_section(case: Case, entry: Entry, name: str) -> str:
    found = await case.desk.outline(entry.path)
    headings = [part.name for part in found.parts]
    there = f" Its headings are {codes(headings, 12)}." if headings else " It has no headings."
    return f"{code(entry.path)} has no section {code(name)}.{there}"


def _section(found: Outline, name: str) -> Part | None:
    wanted = _stem(name)
    exact = [part for part in found.parts if _stem(part.name) == wanted]
    near = [part for part in found.parts if wanted and (wanted in _stem(part.name) or _shares(part.name, name))]
    return next(iter([*exact, *near]), None)


def _stem(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def _shares(heading: str, name: str) -> bool:
    """Whether a heading has a word with the beginning of one in the name: ``Installation`` for ``install``."""
    words = [word for word in _stem(name).split() if len(word) >= 4]
    return any(own.startswith(word[:6]) for own in _stem(heading).split() for word in words)


def _is_wanted(part: Part, concept: str) -> bool:
    if concept in ("function", "method"):
        return part.kind in ("function", "method")
    if concept == "class":
        return part.kind == "class"
    return part.kind == "heading" if concept in ("heading", "section", "header") else True


def _parts_words(parts: list[Part], request: Request) -> str:
    kinds = sorted({part.kind for part in parts})
    if len(kinds) == 1:
        return number(len(parts), kinds[0], kinds[0] + ("es" if kinds[0] == "class" else "s"))
    counts = [
        number(sum(part.kind == kind for part in parts), kind, kind + ("es" if kind == "class" else "s"))
        for kind in kinds
    ]
    return joined(counts)


def _part_line(part: Part) -> str:
    indent = "  " * (part.level - 1)
    kind = "" if part.kind == "heading" else f"{part.kind} "
    return f"{indent}{kind}{code(part.name)}, line {part.line}".strip()


async def _file_summary(case: Case, entry: Entry) -> str:
    try:
        found = await case.desk.outline(entry.path)
    except FolderError as error:
        return f"{code(entry.path)} has {size(entry.bytes)}. {error}"
    kind = KIND_NAMES.get(entry.suffix, "text")
    said = f"{code(entry.path)} is a {kind} file with {number(found.lines, 'line')} and {number(found.words, 'word')}."
    if found.opening:
        said += f" It begins: “{found.opening}”"
    if found.parts:
        said += f"\n\nIt has {_parts_words(list(found.parts), Request(action='outline'))}:\n\n"
        said += bullets(_part_line(part) for part in found.parts[:25])
    return said + "\n\nI only quote: there is no model behind me that could sum it up in other words."


async def _folder_summary(case: Case, request: Request) -> str:
    found = await case.desk.list_files(Selection(folders=request.selection.folders), "List all files")
    suffixes: dict[str, int] = {}
    for entry in found.files:
        suffixes[entry.suffix] = suffixes.get(entry.suffix, 0) + 1
    top = sorted(suffixes.items(), key=lambda item: -item[1])[:5]
    kinds = joined([f"{count:,} {KIND_NAMES.get(suffix, suffix or 'plain')}" for suffix, count in top])
    total = sum(entry.bytes for entry in found.files)
    said = (
        f"This folder holds {number(len(found.files), 'file')} ({size(total)}), most of them {kinds}."
        if found.files
        else "This folder is empty."
    )
    readme = case.names.find("readme", folder=False)
    if readme is None or request.selection.folders:
        return said
    return f"{said}\n\n{await _file_summary(case, readme.entry)}"
