"""`threadlog threads`: the tenant's threads."""

from __future__ import annotations

from typing import Annotated

import typer

from threadlog.cli.invocation import Invocation, command
from threadlog.cli.opening import principal_of, reading_store
from threadlog.cli.output import JsonOption, Output
from threadlog.model import Page, ThreadMetadata

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Threads of one page.")]
After = Annotated[str | None, typer.Option("--after", metavar="THREAD", help="Go on after this thread.")]


@command
async def threads(invocation: Invocation, *, limit: Limit = 20, after: After = None, json: JsonOption = False) -> None:
    """List threads, the newest first."""
    async with reading_store(invocation) as store:
        page = await store.load_threads(principal_of(invocation), limit=limit, after=after, everyone=True)
    if json:
        invocation.output.json(page.model_dump(mode="json"))
        return
    invocation.output.table(("thread", "created", "status", "title"), [_row(thread) for thread in page.data])
    _remark(invocation.output, page)


def _row(thread: ThreadMetadata) -> tuple[str, str, str, str]:
    return thread.id, thread.created_at.strftime("%Y-%m-%d %H:%M"), thread.status.type, thread.title or ""


def _remark(output: Output, page: Page[ThreadMetadata]) -> None:
    if not page.data:
        output.remark("no threads")
    elif page.has_more:
        output.remark(f"more: add --after {page.data[-1].id}")
