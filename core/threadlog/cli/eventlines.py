"""Events one to a line, for people and for `grep`."""

from __future__ import annotations

from typing import Annotated

import typer

from threadlog.cli.output import Output
from threadlog.cli.printable import one_line
from threadlog.log import Event

EventsOption = Annotated[bool, typer.Option("--events", help="Show events, one to a line.")]
"""The option of a command that shows events in words otherwise."""

_DATA_WIDTH = 100


def print_event(output: Output, event: Event, *, full: bool = False) -> None:
    """Print one event on one line: seq, time, type, actor and payload.

    A pipe gets tab-separated fields with the whole payload, a terminal its beginning unless `full`.
    """
    data = event.data.decode()
    time = event.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if not output.is_terminal:
        output.fields(str(event.seq), event.time.isoformat(), event.type, event.actor or "", data)
        return
    output.spans(
        (f"{event.seq:>6} ", "bold"),
        (f"{time} ", "dim"),
        (f"{one_line(event.type)} ", "cyan"),
        (f"{one_line(event.actor or '-')} ", "green"),
        (one_line(data, None if full else _DATA_WIDTH), "dim"),
    )
