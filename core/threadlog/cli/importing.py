"""`threadlog import`: agent runs from JSON lines, one thread a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, TypeAlias

import msgspec
import typer

from threadlog.cli.errors import ExitCode, UsageFault
from threadlog.cli.files import Line, read_lines, size_of
from threadlog.cli.invocation import Invocation, command_with_list
from threadlog.cli.opening import principal_of, writing_store
from threadlog.cli.output import JsonOption, Output
from threadlog.cli.through_server import through_server
from threadlog.exchange import ImportOutcome, import_run
from threadlog.log import LogLocked

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|KEY=VALUE",
        help="JSON lines of runs, gzipped or not; - is stdin. Settings may stand among them.",
        show_default=False,
    ),
]

Importer: TypeAlias = Callable[[bytes], Awaitable[ImportOutcome]]
"""Takes one run as a line of JSON."""

_BAD = ("differs", "invalid")


@command_with_list("files")
async def import_runs(invocation: Invocation, *, files: Files, json: JsonOption = False) -> ExitCode:
    """Import agent runs: JSON lines of OpenAI chat messages, one thread a run. Running it again finishes it."""
    if not files:
        raise UsageFault("there is no FILE to import; name one, or - for stdin.")
    total = sum(map(size_of, files))
    counts: Counter[str] = Counter()
    done = 0
    with invocation.output.progress("Importing", shown=not json) as advance:
        async with _importer(invocation) as take:
            for file in files:
                for line in read_lines(file):
                    outcome = await take(line.text)
                    _tell(invocation.output, line, outcome, json=json)
                    counts[outcome.status] += 1
                    advance(done + line.read, total)
                done += size_of(file)
    if not json:
        invocation.output.line(", ".join(f"{count} {status}" for status, count in counts.items()) or "no runs")
    return ExitCode.FAILED if any(counts[status] for status in _BAD) else ExitCode.OK


@asynccontextmanager
async def _importer(invocation: Invocation) -> AsyncGenerator[Importer, None]:
    """Into the log itself, or through the server that holds it."""
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(writing_store(invocation, "threadlog import"))
        except LogLocked as locked:
            yield await stack.enter_async_context(through_server(invocation, locked))
        else:
            yield partial(import_run, store, principal_of(invocation))


def _tell(output: Output, line: Line, outcome: ImportOutcome, *, json: bool) -> None:
    if json:
        output.json({"file": line.file, "line": line.number, **msgspec.to_builtins(outcome)})
        output.flush()
    elif outcome.message is not None:
        style = "yellow" if outcome.status in _BAD else "dim"
        output.remark(f"{line.place}: {outcome.status}: {outcome.message}", style)
