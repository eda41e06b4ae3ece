"""`threadlog tail`: reading a thread along as it grows."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated

import typer

from threadlog.cli.eventlines import EventsOption, print_event
from threadlog.cli.invocation import Invocation, command
from threadlog.cli.opening import principal_of, reading_store
from threadlog.cli.output import JsonOption, Output
from threadlog.cli.show import FullOption, ThreadArgument
from threadlog.cli.transcript import Transcript
from threadlog.log import START, Cursor, Event
from threadlog.store import Principal, ThreadDeleted, ThreadStore, VisibleBatch
from threadlog.store.wire import encode_event

After = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Go on after this point, which an earlier tail printed.")
]
New = Annotated[bool, typer.Option("--new", help="Begin with what happens from now on.")]
UntilRunEnds = Annotated[bool, typer.Option("--until-run-ends", help="End with the next event that ends a run.")]

_ENDS_OF_RUNS = {"run.completed", "run.failed", "run.cancelled", "run.interrupted"}


@command
async def tail(
    invocation: Invocation,
    *,
    thread: ThreadArgument,
    after: After = None,
    new: New = False,
    until_run_ends: UntilRunEnds = False,
    full: FullOption = False,
    events: EventsOption = False,
    json: JsonOption = False,
) -> None:
    """Follow a thread live, until Ctrl-C; it says how to go on from there."""
    output, who = invocation.output, principal_of(invocation)
    reader = Reader(output, events=events, json=json, full=full)
    start = Cursor.parse(after) if after else START
    try:
        async with reading_store(invocation) as store:
            if new and not after:
                start = (await store.state(who, thread)).cursor
            async with aclosing(_followed(store, who, thread, start)) as batches:
                async for batch in batches:
                    ended = [reader.print(event) for event in batch.events]
                    start = batch.cursor
                    if until_run_ends and any(ended):
                        break
    except asyncio.CancelledError:
        # Being told to stop is how a tail ends.
        pass
    reader.end()
    output.remark(f"to go on: threadlog tail {shlex.quote(thread)} --after {start}")


async def _followed(
    store: ThreadStore, who: Principal, thread: str, start: Cursor
) -> AsyncGenerator[VisibleBatch, None]:
    """The thread's feed, which ends without an error when the thread is deleted before the reader's eyes."""
    deleted = False
    try:
        async with aclosing(store.follow(who, thread, after=start)) as batches:
            async for batch in batches:
                yield batch
                deleted = any(event.type == "thread.deleted" for event in batch.events)
    except ThreadDeleted:
        if not deleted:
            raise


class Reader:
    """Prints events in the way that was asked for."""

    def __init__(self, output: Output, *, events: bool, json: bool, full: bool) -> None:
        transcript = Transcript(output, full=full)
        self._output = output
        self._print: Callable[[Event], None] = transcript.print
        self.end = transcript.end
        """Finish a line that is being written."""
        if json:
            self._print = lambda event: output.json_bytes(encode_event(event))
        elif events:
            self._print = lambda event: print_event(output, event, full=full)

    def print(self, event: Event) -> bool:
        """Print one event; tells whether it ends a run."""
        self._print(event)
        self._output.flush()
        return event.type in _ENDS_OF_RUNS
