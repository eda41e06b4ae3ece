"""Answers on what lies in the folder: lists, numbers, sizes, kinds, trees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from threadlog.agents.folder.case import Case, about, the, with_notes
from threadlog.agents.folder.listing import Entry
from threadlog.agents.folder.request import Request
from threadlog.agents.folder.targets import Targets
from threadlog.agents.folder.tools import Selection, Size
from threadlog.agents.folder.wording import (
    bullets,
    code,
    codes,
    exact_size,
    fenced,
    joined,
    moment,
    number,
    plural_of,
    size,
    with_size,
)
from threadlog.agents.folder.words import KIND_NAMES

_SHOWN = 40
_TREE_LINES = 100


async def list_files(case: Case, request: Request) -> str:
    """Name files or folders."""
    if request.folders:
        return _folders(case, request)
    if request.refers and request.selection == Selection() and (case.focus.file or case.focus.files):
        targets = await case.chooser.targets(msgspec.structs.replace(request, plural=True))
    else:
        targets = await case.chooser._selected(request)  # noqa: SLF001 - a list is of the selection, not of a follow-up
    files = await _sorted(case, request, targets)
    case.spoke_of(files)
    only = request.selection.folders
    if not files:
        return about(targets, _nothing(case, request))
    yes = "Yes: there" if request.asks else "There"
    head = f"{yes} {'is' if len(files) == 1 else 'are'} {plural_of(len(files), request.described)}:"
    if len(files) > _SHOWN and request.selection == Selection(folders=only) and not request.sort:
        return about(targets, f"{head[:-1]}, at the top level:\n\n{bullets(_level(case, only))}")
    lines = [_line(entry, request) for entry in files[:_SHOWN]]
    if len(files) > _SHOWN:
        lines.append(f"… and {len(files) - _SHOWN:,} more")
    links = [with_size(entry) for entry in _odd(case, only)] if request.selection == Selection(folders=only) else []
    return about(targets, f"{head}\n\n{bullets(lines + links)}")


async def tree(case: Case, request: Request) -> str:
    """Draw folders and files."""
    folder = request.selection.folders[0] if request.selection.folders else ""
    await case.desk.list_files(request.selection, f"List {request.described}")
    lines = [folder + "/" if folder else "."]
    _draw(case, folder, "", lines, request.selection.hidden)
    cut = len(lines) > _TREE_LINES
    shown = [*lines[:_TREE_LINES], f"… {len(lines) - _TREE_LINES:,} more"] if cut else lines
    return fenced("\n".join(shown))


async def kinds(case: Case, request: Request) -> str:
    """What kinds of files there are."""
    targets = await case.chooser.targets(request, implicit=False)
    if targets.single:
        entry = targets.files[0]
        return f"{code(entry.path)} is a {_kind(entry)} file of {size(entry.bytes)}."
    counts = Counter(entry.suffix for entry in targets.files)
    sizes: dict[str, int] = defaultdict(int)
    for entry in targets.files:
        sizes[entry.suffix] += entry.bytes
    lines = [
        f"{_kind_words(suffix)}: {number(count, 'file')}, {size(sizes[suffix])}"
        for suffix, count in counts.most_common(30)
    ]
    head = f"{the(targets)} are of {number(len(counts), 'kind')}:"
    return about(targets, f"{head}\n\n{bullets(lines)}" if counts else _nothing(case, request))


async def count(case: Case, request: Request) -> str:
    """How many files and folders there are."""
    below = request.selection.folders
    folders = [entry for entry in case.listing.folders(hidden=request.selection.hidden) if _below(entry, below)]
    if request.units == ("folders",):
        where = f" under {joined(below)}" if below else " in all"
        return f"There {_are(len(folders))} {number(len(folders), 'folder')}{where}."
    targets = await case.chooser.targets(request, implicit=False)
    case.spoke_of(targets.files)
    said = f"There {_are(len(targets.files))} {plural_of(len(targets.files), request.described)}"
    if {"folders", "entries"} & set(request.units):
        return about(targets, f"{said} and {number(len(folders), 'folder')}.")
    if len(below) > 1:
        counts = [f"{sum(_below(entry, (folder,)) for entry in targets.files):,} under {folder}" for folder in below]
        said += f" ({joined(counts)})"
    elif request.selection == Selection(folders=below):
        direct = sum(entry.folder == (below[0] if below else "") for entry in targets.files)
        if inner := len(targets.files) - direct:
            said += f" ({direct:,} directly {'there' if below else 'at the top level'}, {inner:,} in subfolders)"
    named = f": {codes([entry.path for entry in targets.files], 10)}" if 0 < len(targets.files) <= 10 else ""
    return about(targets, f"{said}{named}.")


async def sizes(case: Case, request: Request) -> str:
    """How many bytes files have."""
    targets = await case.chooser.targets(request)
    case.spoke_of(targets.files)
    if not targets.files:
        return about(targets, _nothing(case, request))
    if len(targets.files) == 1 and (targets.single or request.selection == Selection()):
        entry = targets.files[0]
        return about(targets, f"{code(entry.path)} has {exact_size(entry.bytes)}.")
    total = sum(entry.bytes for entry in targets.files)
    ordered = sorted(targets.files, key=lambda entry: -entry.bytes)
    lines = [with_size(entry) for entry in ordered[:10]]
    if request.average:
        total_words = f"{exact_size(total)} together, {exact_size(round(total / len(targets.files)))} on average"
    else:
        total_words = f"{exact_size(total)} together"
    more = ". The largest" if len(ordered) > len(lines) else ""
    return about(targets, f"{the(targets)} have {total_words}{more}:\n\n{bullets(lines)}")


async def modified(case: Case, request: Request) -> str:
    """When files were changed."""
    targets = await case.chooser.targets(request)
    case.spoke_of(targets.files)
    lines = [f"{code(entry.path)} was last changed on {moment(entry.modified)}." for entry in targets.files[:10]]
    return with_notes(
        lines[0] if len(lines) == 1 else bullets(lines) if lines else _nothing(case, request), targets.notes
    )


async def measure(case: Case, request: Request) -> str:
    """How many lines, words and characters files have."""
    targets = await case.chooser.targets(request)
    units = [unit for unit in ("lines", "words", "characters") if unit in request.units] or ["lines", "words"]
    if not targets.files:
        return about(targets, _nothing(case, request))
    found = await case.desk.measure(targets.files, f"Count the {joined(units)} of {targets.words}")
    case.spoke_of(targets.files)
    if len(found) == 1:
        return about(targets, _one(found[0], units))
    return about(targets, _many(found, units, targets, request.average))


def _one(found: Size, units: Sequence[str]) -> str:
    if found.binary:
        return f"{code(found.path)} is a binary file of {exact_size(found.bytes)}, so it has no {joined(list(units))}."
    if found.error:
        return found.error
    least = "at least " if found.partial else ""
    return f"{code(found.path)} has {least}{_amounts(found, units)}."


def _many(found: Sequence[Size], units: Sequence[str], targets: Targets, average: bool) -> str:
    texts = [item for item in found if not item.binary and not item.error]
    total = {unit: sum(getattr(item, unit) for item in texts) for unit in units}
    said = joined([number(total[unit], unit[:-1]) for unit in units])
    ordered = sorted(texts, key=lambda item: -getattr(item, units[0]))
    lines = [f"{code(item.path)}: {_amounts(item, units)}" for item in ordered[:20]]
    if len(ordered) > 20:
        lines.append(f"… and {number(len(ordered) - 20, 'file')} more, with less")
    left = len(found) - len(texts)
    note = f"\n\n{number(left, 'file')} of them cannot be read as text and {_are(left)} not counted." if left else ""
    partial = " at least" if any(item.partial for item in found) else ""
    mean = ""
    if average and texts:
        means = [f"{total[unit] / len(texts):,.1f} {unit}" for unit in units]
        mean = f", {joined(means)} on average"
    return f"{the(targets)} have{partial} {said} together{mean}:\n\n{bullets(lines)}{note}"


def _amounts(found: Size, units: Sequence[str]) -> str:
    return joined([number(getattr(found, unit), unit[:-1]) for unit in units])


async def _sorted(case: Case, request: Request, targets: Targets) -> list[Entry]:
    by, files = request.sort, targets.files
    if by in ("lines", "words"):
        sizes = await case.desk.measure(files, f"Count the {by} of {targets.words}")
        key = {item.path: getattr(item, by) for item in sizes}
        return sorted(files, key=lambda entry: key[entry.path], reverse=not request.ascending)
    if by in ("bytes", "modified"):
        return sorted(files, key=lambda entry: getattr(entry, by), reverse=not request.ascending)
    return sorted(files, key=lambda entry: entry.path.lower(), reverse=by == "name" and not request.ascending)


def _line(entry: Entry, request: Request) -> str:
    if request.sort == "modified" or request.selection.modified_after is not None:
        return f"{code(entry.path)}, changed {moment(entry.modified)}"
    return with_size(entry)


def _folders(case: Case, request: Request) -> str:
    below = request.selection.folders
    folders = [entry for entry in case.listing.folders(hidden=request.selection.hidden) if _below(entry, below)]
    if request.selection.top_only:
        folders = [entry for entry in folders if entry.folder in (below or ("",))]
    if not folders:
        return f"There are no folders under {joined(below)}." if below else "There are no folders in this folder."
    files = case.listing.files()
    lines = [
        f"{code(entry.path + '/')}: {number(sum(_below(file, (entry.path,)) for file in files), 'file')}"
        for entry in folders
    ]
    return f"There {_are(len(folders))} {number(len(folders), 'folder')}:\n\n{bullets(lines[:_SHOWN])}"


def _level(case: Case, places: tuple[str, ...]) -> list[str]:
    """Folders and files directly in some folders."""
    places = places or ("",)
    files = case.listing.files()
    folders = [entry for entry in case.listing.folders() if entry.folder in places]
    lines = [
        f"{code(entry.path + '/')}: {number(sum(_below(file, (entry.path,)) for file in files), 'file')}"
        for entry in folders
    ]
    return lines + [with_size(entry) for entry in files if entry.folder in places]


def _draw(case: Case, folder: str, indent: str, lines: list[str], hidden: bool) -> None:
    inside = [entry for entry in case.listing.entries if entry.folder == folder and (hidden or not entry.hidden)]
    inside.sort(key=lambda entry: (not entry.is_folder, entry.name.lower()))
    for entry in inside:
        last = entry is inside[-1]
        link = f" -> {entry.link}" if entry.link is not None else ""
        lines.append(f"{indent}{'└── ' if last else '├── '}{entry.name}{'/' if entry.is_folder else ''}{link}")
        if entry.is_folder and len(lines) <= 10 * _TREE_LINES:
            _draw(case, entry.path, indent + ("    " if last else "│   "), lines, hidden)


def _nothing(case: Case, request: Request) -> str:
    no = "No: there" if request.asks else "There"
    return f"{no} are no {request.described}{'' if request.selection.folders else ' in this folder'}."


def _odd(case: Case, folders: tuple[str, ...]) -> list[Entry]:
    """Links, pipes and the like: named, not counted as files."""
    return [
        entry
        for entry in case.listing.entries
        if (entry.link is not None or entry.special) and not entry.hidden and _below(entry, folders)
    ][:_SHOWN]


def _kind(entry: Entry) -> str:
    return KIND_NAMES.get(entry.suffix, entry.suffix or "plain")


def _kind_words(suffix: str) -> str:
    if not suffix:
        return "without an extension"
    return f"{code(suffix)} ({KIND_NAMES[suffix]})" if suffix in KIND_NAMES else code(suffix)


def _below(entry: Entry, folders: tuple[str, ...]) -> bool:
    return not folders or any(entry.path.startswith(folder + "/") for folder in folders)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
