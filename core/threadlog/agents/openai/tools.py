"""The folder's tools as a model calls them: with JSON arguments, and results as JSON text."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from threadlog.agents.folder.root import FolderError
from threadlog.agents.folder.search import Term
from threadlog.agents.folder.tools import FolderTools, Selection
from threadlog.agents.folder.work import Work

_LONGEST = 16_000
"""Characters of one result."""
_LISTED = 200

Folder: TypeAlias = Annotated[str, Meta(description="A folder inside, such as src/app; empty for everything.")]
Pattern: TypeAlias = Annotated[str, Meta(description="A pattern of file names, such as *.py; empty for all.")]
FilePath: TypeAlias = Annotated[str, Meta(description="The path of a file, from the folder's root.")]


class ListFiles(Struct, forbid_unknown_fields=True):
    """List files with their sizes in bytes."""

    folder: Folder = ""
    pattern: Pattern = ""
    hidden: Annotated[bool, Meta(description="Whether names that begin with a dot are listed, too.")] = False


class ReadFile(Struct, forbid_unknown_fields=True):
    """Read lines of a text file. Long results are cut; ask for the lines that follow."""

    path: FilePath
    first_line: Annotated[int, Meta(description="From 1; a negative one counts from the end.")] = 1
    last_line: Annotated[int | None, Meta(description="None for the end.")] = None


class SearchFiles(Struct, forbid_unknown_fields=True):
    """Find a text (no pattern) in files: lines with their numbers, and how often each file has it."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    folder: Folder = ""
    pattern: Pattern = ""
    exact_case: bool = False
    whole_word: bool = False


class CountText(Struct, forbid_unknown_fields=True):
    """Count lines, words and characters of files."""

    folder: Folder = ""
    pattern: Pattern = ""
    path: Annotated[str, Meta(description="Only this file.")] = ""


class OutlineFile(Struct, forbid_unknown_fields=True):
    """The headings of a document, or the functions and classes of a program."""

    path: FilePath


class CompareFiles(Struct, forbid_unknown_fields=True):
    """How two text files differ."""

    one: FilePath
    other: FilePath


class ModelTools:
    """Runs tool calls of a model over one folder, in threads."""

    def __init__(self, tools: FolderTools) -> None:
        self._tools = tools
        self._calls: Mapping[str, tuple[type[Struct], Callable[[Work, Any], Any]]] = {
            "list_files": (ListFiles, self._list),
            "read_file": (ReadFile, self._read),
            "search_files": (SearchFiles, self._search),
            "count_text": (CountText, self._count),
            "outline_file": (OutlineFile, lambda work, call: tools.outline(work, call.path)),
            "compare_files": (CompareFiles, lambda work, call: tools.compare(work, call.one, call.other)),
        }

    def specs(self) -> list[dict[str, Any]]:
        """The tools as chat completions want them described."""
        return [
            {
                "type": "function",
                "function": {"name": name, "description": inspect.getdoc(kind), "parameters": _schema(kind)},
            }
            for name, (kind, _) in self._calls.items()
        ]

    async def call(self, name: str, arguments: dict[str, Any] | str) -> Any:
        """Run one call; gives what is to be recorded, as plain JSON.

        Raises:
            FolderError: there is no such tool, its arguments do not fit, or it failed; the message is for the model.
        """
        if name not in self._calls:
            raise FolderError(f"there is no tool {name!r}; there are {', '.join(self._calls)}.")
        kind, run = self._calls[name]
        try:
            call = msgspec.convert(arguments, kind)
        except msgspec.ValidationError as error:
            raise FolderError(f"the arguments of {name} do not fit: {error}.") from None
        work = Work(self._tools.bounds.seconds)
        try:
            return _bounded(await asyncio.to_thread(run, work, call))
        finally:
            work.stop()

    def _list(self, work: Work, call: ListFiles) -> Any:
        found = self._tools.select(self._tools.listing(work), _selection(call.folder, call.pattern, hidden=call.hidden))
        files = [f"{entry.path} ({entry.bytes} bytes)" for entry in found.files[:_LISTED]]
        return {"count": len(found.files), "files": files, "hidden_left_out": found.hidden, "partial": found.partial}

    def _read(self, work: Work, call: ReadFile) -> Any:
        return self._tools.read(work, call.path, call.first_line, call.last_line)

    def _search(self, work: Work, call: SearchFiles) -> Any:
        files = self._tools.select(self._tools.listing(work), _selection(call.folder, call.pattern))
        found = self._tools.search(work, files.files, Term(call.text, call.exact_case, call.whole_word))
        return {"occurrences": found.occurrences, **msgspec.to_builtins(found)}

    def _count(self, work: Work, call: CountText) -> Any:
        chosen = Selection(paths=(call.path,)) if call.path else _selection(call.folder, call.pattern)
        sizes = self._tools.measure(work, self._tools.select(self._tools.listing(work), chosen).files)
        if call.path and not sizes:
            raise FolderError(f"there is no file {call.path!r}; list the files to see what there is.")
        total = sum(size.lines for size in sizes)
        return {
            "files": len(sizes),
            "lines": total,
            "words": sum(size.words for size in sizes),
            "each": sizes[:_LISTED],
        }


def _selection(folder: str, pattern: str, *, hidden: bool = False) -> Selection:
    folder = folder.strip("/")
    folder = "" if folder == "." else folder.removeprefix("./")
    return Selection(folders=(folder,) if folder else (), match=(pattern,) if pattern else (), hidden=hidden)


def _schema(kind: type[Struct]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([kind])
    schema = components[kind.__name__]
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _bounded(result: Any) -> Any:
    """A result as plain JSON, or, where it is very long, the beginning of its text."""
    encoded = msgspec.json.encode(result)
    if len(encoded) <= _LONGEST:
        return msgspec.json.decode(encoded)
    return encoded[:_LONGEST].decode("utf-8", "ignore") + " … (cut)"
