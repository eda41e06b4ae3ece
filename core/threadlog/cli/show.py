"""`threadlog show`: one thread, now or as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from threadlog.cli.eventlines import EventsOption, print_event
from threadlog.cli.invocation import Invocation, command
from threadlog.cli.items import describe, print_block
from threadlog.cli.opening import principal_of, reading_store
from threadlog.cli.output import JsonOption, Output
from threadlog.cli.printable import counted
from threadlog.log import START, Event
from threadlog.projection import ThreadState
from threadlog.store import Principal, ThreadStore
from threadlog.store.wire import encode_event

ThreadArgument = Annotated[str, typer.Argument(metavar="THREAD", help="Id of the thread.", show_default=False)]
FullOption = Annotated[bool, typer.Option("--full", help="Show long arguments, results and payloads whole.")]
At = Annotated[int | None, typer.Option("--at", metavar="SEQ", min=1, help="Show it as it was after this event.")]

_PAGE = 1000


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
    principal, output = principal_of(invocation), invocation.output
    async with reading_store(invocation) as store:
        if not events:
            _print_state(output, await store.state(principal, thread, at=at), full=full, json=json)
            return
        async for event in events_of(store, principal, thread, to=at):
            if json:
                output.json_bytes(encode_event(event))
            else:
                print_event(output, event, full=full)


async def events_of(
    store: ThreadStore, principal: Principal, thread: str, *, to: int | None = None
) -> AsyncIterator[Event]:
    """The events of a thread, page by page, up to and with the seq `to`."""
    cursor, has_more = START, True
    while has_more:
        page = await store.read_events(principal, thread, after=cursor, limit=_PAGE)
        cursor, has_more = page.cursor, page.has_more
        for event in page.events:
            if to is not None and event.seq > to:
                return
            yield event


def _print_state(output: Output, state: ThreadState, *, full: bool, json: bool) -> None:
    items = [item for item in map(state.item_data, state.item_ids) if item is not None]
    if json:
        output.json({"thread": _metadata(state), "deleted": state.deleted, "cursor": str(state.cursor), "items": items})
        return
    output.line(_heading(state), "bold")
    for item in items:
        print_block(output, describe(item), full=full, note=str(item.get("id", "")))


def _metadata(state: ThreadState) -> dict[str, Any] | None:
    return None if state.metadata is None else state.metadata.model_dump(mode="json")


def _heading(state: ThreadState) -> str:
    title = state.metadata.title if state.metadata else None
    running = state.active_run
    about = [f"owner {state.owner}", counted(state.seq, "event")]
    about += ["deleted"] if state.deleted else []
    about += [f"run {running.id} goes on"] if running else []
    return f"{state.thread_id}  {title or '(no title)'}  [{', '.join(about)}]"
