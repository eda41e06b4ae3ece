"""An application for fuzzing: a memory log and an agent that answers at once. Prints its URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from threadlog.log import MemoryLog
from threadlog.model import UserMessageItem
from threadlog.runs import AgentContext
from threadlog.store import ThreadStore
from threadlog_server import create_app
from threadlog_server.listening import listen, url_of


async def answer(context: AgentContext[Any], message: UserMessageItem) -> None:
    """Use a tool and say a word."""
    call = await context.start_tool_call("look", {"at": "it"})
    await context.end_tool_call(call, {"seen": True})
    await context.say("There.")


@asynccontextmanager
async def opened() -> AsyncIterator[ThreadStore]:
    """A store of its own."""
    async with MemoryLog() as log, ThreadStore(log) as store:
        yield store


if __name__ == "__main__":
    with listen("127.0.0.1", 0) as listening:
        print(url_of(listening), flush=True)
        uvicorn.Server(uvicorn.Config(create_app(opened, answer), log_level="warning")).run([listening])
