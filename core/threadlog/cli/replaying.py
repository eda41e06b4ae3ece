"""`threadlog replay`: a stored thread played back as if it were live. Nothing is appended."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated

import typer

from threadlog.cli.errors import UsageFault
from threadlog.cli.eventlines import EventsOption
from threadlog.cli.invocation import Invocation, command
from threadlog.cli.opening import principal_of, reading_store
from threadlog.cli.output import JsonOption
from threadlog.cli.show import FullOption, ThreadArgument, events_of
from threadlog.cli.tail import Reader
from threadlog.exchange import replay as replayed

Speed = Annotated[float, typer.Option("--speed", metavar="N", min=0.01, help="N times faster than it was.")]
MaxPause = Annotated[
    float | None, typer.Option("--max-pause", metavar="SECONDS", min=0.0, help="Shorten longer pauses to this.")
]
Natural = Annotated[bool, typer.Option("--natural", help="At the pace of reading and typing, whatever the times say.")]


@command
async def replay(
    invocation: Invocation,
    *,
    thread: ThreadArgument,
    speed: Speed = 1.0,
    max_pause: MaxPause = None,
    natural: Natural = False,
    full: FullOption = False,
    events: EventsOption = False,
    json: JsonOption = False,
) -> None:
    """Play a thread back as if it were live, in its own timing or at a natural pace."""
    if math.isnan(speed) or (max_pause is not None and math.isnan(max_pause)):
        raise UsageFault("--speed and --max-pause are numbers, such as 2 or 0.5.")
    reader = Reader(invocation.output, events=events, json=json, full=full)
    try:
        async with reading_store(invocation) as store:
            stored = events_of(store, principal_of(invocation), thread)
            async for delay, event in replayed(stored, speed=speed, natural=natural, max_pause=max_pause):
                await asyncio.sleep(delay)
                reader.print(event)
    finally:
        reader.end()
