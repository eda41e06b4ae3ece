"""`threadlog show`: one thread, now or as it was."""

from __future__ import annotations

from typing import Annotated

import typer

from threadlog.cli.eventlines import print_event
from threadlog.cli.invocation import Invocation, command
from threadlog.cli.items import describe, print_block
from threadlog.cli.opening import principal_of, reading_store
from threadlog.cli.output import JsonOption, Output
from threadlog.log import Cursor
from threadlog.store import Principal, ThreadStore
from threadlog.store.wire import encode_event

ThreadArgument = Annotated[str, typer.Argument(metavar="THREAD", help="Id of the thread.")]
FullOption = Annotated[bool, typer.Option("--full", help="Show long arguments and results whole.")]
EventsOption = Annotated[bool, typer.Option("--events", help="Show the events instead, one to a line.")]
At = Annotated[int | None, typer.Option("--at", metavar="SEQ", min=1, help="Show it as it was after this event.")]

_PAGE = 500


@command
async def show(
    invocation: Invocation,
    *,
    thread: ThreadArgument,
    at: At = None,
    full: FullOption = False,
    events: EventsOption = False,
    json: JsonOption = False,
) -> None:
    """Show a thread: its messages, tool calls and results."""
    async with reading_store(invocation) as store:
        if events:
            await _print_events(invocation.output, store, principal_of(invocation), thread, at, full=full, json=json)
            return
        state = await store.state(principal_of(invocation), thread, at=at)
