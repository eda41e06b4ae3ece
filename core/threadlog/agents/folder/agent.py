"""The agent itself: understands a message, works at the desk, and speaks at a natural pace."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from threadlog.agents.folder.answering import answer
from threadlog.agents.folder.case import Case
from threadlog.agents.folder.desk import Desk
from threadlog.agents.folder.names import Names
from threadlog.agents.folder.request import Focus
from threadlog.agents.folder.root import Root
from threadlog.agents.folder.tools import FolderTools
from threadlog.agents.folder.work import FolderBounds
from threadlog.model import HiddenContextItem, UserMessageItem
from threadlog.runs import AgentContext, text_of

_KEY = "folder_agent"
_TOKEN = re.compile(r"\s*\S+\s*")
_LOOKED_BACK = 40


def make_agent(
    root: str | os.PathLike[str],
    *,
    pace: float = 0.02,
    longest: float = 15.0,
    calls: int = 4,
    bounds: FolderBounds | None = None,
) -> Callable[[AgentContext[Any], UserMessageItem], Awaitable[None]]:
    """An agent that answers questions about a folder, without a model.

    Args:
        root: the folder; the agent never leaves it.
        pace: seconds between two words of an answer; 0 gives it as fast as it can be stored.
        longest: seconds that one answer takes at most; longer ones come in larger pieces.
        calls: how many tools may be at work at once, in all runs.
        bounds: what one tool call may cost.

    Raises:
        NotReadable: there is no such folder, or it may not be read.
    """
    tools = FolderTools(Root(root), bounds)
    room = asyncio.Semaphore(calls)

    async def folder(context: AgentContext[Any], message: UserMessageItem) -> None:
        desk = Desk(context, tools, room)
        listing = await desk.listing()
        # In a thread: in a folder of many thousand files this takes longer than others should wait.
        names = await asyncio.to_thread(Names, listing)
        case = Case(desk, listing, names, await _recalled(context))
        text = await answer(case, text_of(message))
        await desk.close()
        await context.remember({_KEY: msgspec.to_builtins(case.focus)})
        await context.stream_text(_paced(text, pace, longest))

    return folder


async def _recalled(context: AgentContext[Any]) -> Focus:
    """What the conversation was about, from the thread's hidden context."""
    for item in await context.items(limit=_LOOKED_BACK, order="desc"):
        if isinstance(item, HiddenContextItem) and isinstance(item.content, dict) and _KEY in item.content:
            try:
                return msgspec.convert(item.content[_KEY], Focus)
            except msgspec.ValidationError:
                break
    return Focus()


async def _paced(text: str, pace: float, longest: float) -> AsyncIterator[str]:
    """The words of a text, one at a time or, in long texts, several."""
    tokens = _TOKEN.findall(text) or [text]
    at_once = max(1, -(-round(len(tokens) * pace * 1000) // max(1, round(longest * 1000))))
    for at in range(0, len(tokens), at_once):
        yield "".join(tokens[at : at + at_once])
        if pace:
            await asyncio.sleep(pace)
