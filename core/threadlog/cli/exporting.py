"""`threadlog export`: threads as JSON lines, built from their folded items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from threadlog.cli.files import replacing
from threadlog.cli.invocation import Invocation, command_with_list
from threadlog.cli.opening import principal_of, reading_store
from threadlog.cli.printable import counted
from threadlog.exchange import export_line, export_threads
from threadlog.store import Principal, ThreadStore

Threads = Annotated[
    list[str] | None,
    typer.Argument(metavar="THREAD|KEY=VALUE", help="Ids of the threads; none: all. Settings may stand among them."),
]
To = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, all or nothing, instead of stdout.")
]


@command_with_list("threads")
async def export(invocation: Invocation, *, threads: Threads = None, to: To = None) -> None:
    """Write threads as JSON lines, the form that import reads."""
    written = 0
    async with reading_store(invocation) as store:
        with _sink(invocation, to) as write, invocation.output.progress("Exporting", shown=to is not None) as advance:
            async for line in _lines(store, principal_of(invocation), threads):
                write(line)
                written += 1
                advance(written, 0)
    if to is not None:
        invocation.output.remark(f"{counted(written, 'thread')} written to {to}")


async def _lines(store: ThreadStore, principal: Principal, threads: list[str] | None) -> AsyncIterator[bytes]:
    if not threads:
        async for line in export_threads(store, principal):
            yield line
        return
    for thread in threads:
        yield export_line(await store.state(principal, thread))


@contextmanager
def _sink(invocation: Invocation, to: str | None) -> Iterator[Callable[[bytes], None]]:
    if to is None:
        yield invocation.output.json_bytes
        return
    with replacing(to) as file:
        yield lambda line: file.writelines((line, b"\n"))
