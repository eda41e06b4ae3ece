"""Where the agent works: tools are called in threads, and each call is an item, a task and maybe progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from threadlog.agents.folder.listing import Entry, Listing
from threadlog.agents.folder.outline import Outline
from threadlog.agents.folder.root import FolderError
from threadlog.agents.folder.search import Found, Hit, Term
from threadlog.agents.folder.tools import Comparison, Excerpt, Files, FolderTools, Selection, Size
from threadlog.agents.folder.wording import number
from threadlog.agents.folder.work import Work
from threadlog.model import CustomSummary, CustomTask
from threadlog.runs import AgentContext

T = TypeVar("T")

_POLL = 0.5
_KEPT = 50


class Desk:
    """The tools, as one run uses them.

    Args:
        room: how many calls may be at work at once, in all runs.
    """

    def __init__(self, context: AgentContext[Any], tools: FolderTools, room: asyncio.Semaphore) -> None:
        self._context, self.tools, self._room = context, tools, room
        self._listing: Listing | None = None
        self._calls = 0

    async def listing(self) -> Listing:
        """Everything in the folder, as it was when it was first asked for."""
        if self._listing is None:
            await self._context.progress("Looking through the folder", "search")
            self._listing = await self._in_thread(self.tools.listing)
        return self._listing

    async def list_files(self, selection: Selection, title: str) -> Files:
        """The files that a selection means."""
        listing = await self.listing()
        arguments = msgspec.to_builtins(selection)
        return await self._call(
            "list_files", arguments, title, lambda work: self.tools.select(listing, selection), _files_output
        )

    async def search(self, files: Sequence[Entry], term: Term, title: str) -> Found:
        """Where files hold a text."""
        arguments = {"term": msgspec.to_builtins(term), **_paths(files)}
        return await self._call(
            "search_files", arguments, title, lambda work: self.tools.search(work, files, term), _found_output
        )

    async def measure(self, files: Sequence[Entry], title: str) -> list[Size]:
        """How many lines, words and characters files have."""
        return await self._call(
            "count_text",
            _paths(files),
            title,
            lambda work: self.tools.measure(work, files),
            lambda sizes: sizes[:_KEPT],
        )

    async def read(self, path: str, first: int = 1, last: int | None = None) -> Excerpt:
        """Lines of a file."""
        arguments = {"path": path, "first": first, **({} if last is None else {"last": last})}
        return await self._call(
            "read_file", arguments, f"Read {path}", lambda work: self.tools.read(work, path, first, last)
        )

    async def outline(self, path: str) -> Outline:
        """What a file is made of."""
        return await self._call(
            "outline_file", {"path": path}, f"Outline {path}", lambda work: self.tools.outline(work, path)
        )

    async def longest_line(self, files: Sequence[Entry], title: str) -> Hit | None:
        """The longest line of some files."""
        return await self._call(
            "longest_line", _paths(files), title, lambda work: self.tools.longest_line(work, files), _hit_output
        )

    async def compare(self, one: str, other: str) -> Comparison:
        """How two files differ."""
        return await self._call(
            "compare_files",
            {"one": one, "other": other},
            f"Compare {one} with {other}",
            lambda work: self.tools.compare(work, one, other),
        )

    async def close(self) -> None:
        """End the workflow of these calls."""
        if self._context.workflow_item is not None:
            await self._context.end_workflow(CustomSummary(title=f"Used {number(self._calls, 'tool')}"))

    async def _call(
        self,
        name: str,
        arguments: dict[str, Any],
        title: str,
        job: Callable[[Work], T],
        output: Callable[[T], Any] = lambda result: result,
    ) -> T:
        """Call a tool, visibly.

        Raises:
            FolderError: the tool failed; its item says why.
        """
        self._calls += 1
        task = await self._context.add_workflow_task(CustomTask(title=title, status_indicator="loading"))
        call = await self._context.start_tool_call(name, arguments)
        try:
            result = await self._in_thread(job)
        except FolderError as error:
            await self._context.end_tool_call(call, error=str(error))
            await self._context.update_workflow_task(CustomTask(title=f"{title}: not possible"), task)
            raise
        await self._context.end_tool_call(call, msgspec.to_builtins(output(result)))
        await self._context.update_workflow_task(CustomTask(title=title, status_indicator="complete"), task)
        return result

    async def _in_thread(self, job: Callable[[Work], T]) -> T:
        """Do blocking work beside the loop, telling how far it is; cancelling this stops it soon."""
        async with self._room:
            work = Work(self.tools.bounds.seconds)
            thread = asyncio.ensure_future(asyncio.to_thread(job, work))
            try:
                while not (await asyncio.wait({thread}, timeout=_POLL))[0]:
                    if words := work.words:
                        await self._context.progress(words, "search")
                return thread.result()
            finally:
                work.stop()
                if not thread.done():
                    thread.add_done_callback(_forget)


def _forget(thread: asyncio.Future[Any]) -> None:
    if not thread.cancelled():
        thread.exception()


def _paths(files: Sequence[Entry]) -> dict[str, Any]:
    paths = [entry.path for entry in files[:_KEPT]]
    return {"paths": paths} if len(files) <= _KEPT else {"paths": paths, "and_more": len(files) - _KEPT}


class _FilesOutput(Struct, omit_defaults=True):
    count: int
    files: list[dict[str, Any]]
    hidden: int = 0
    partial: bool = False


def _files_output(found: Files) -> _FilesOutput:
    files = [{"path": entry.path, "bytes": entry.bytes} for entry in found.files[:_KEPT]]
    return _FilesOutput(len(found.files), files, found.hidden, found.partial)


class _FoundOutput(Struct, omit_defaults=True):
    occurrences: int
    lines: int
    searched: int
    files: list[dict[str, Any]]
    hits: list[dict[str, Any]]
    partial: bool = False


def _found_output(found: Found) -> _FoundOutput:
    files = [msgspec.to_builtins(file) for file in found.files[:_KEPT]]
    hits = [msgspec.to_builtins(hit) for hit in found.hits[:_KEPT]]
    return _FoundOutput(found.occurrences, found.lines, found.searched, files, hits, found.partial)


def _hit_output(hit: Hit | None) -> Any:
    return None if hit is None else msgspec.structs.replace(hit, text=hit.text[:400])
