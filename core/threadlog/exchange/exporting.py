"""Exporting threads: one JSON line each, built from the folded items."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

from threadlog.exchange.metadata import ITEM, fields_of
from threadlog.exchange.plain import Json
from threadlog.exchange.writing import messages_of
from threadlog.projection import ThreadState
from threadlog.store import Principal, ThreadDeleted, ThreadNotFound, ThreadStore

_PAGE = 100


def export_run(state: ThreadState) -> dict[str, Json]:
    """A thread as a run: `id`, `messages` and further fields.

    An imported thread gives the run that it was made from: the same id, fields and messages, with what was added to
    the thread since. Any other thread gives its own id, title, time and metadata.

    Args:
        state: the thread as somebody sees it. Only agents and auditors see hidden context, which is where a run's
            system messages are.
    """
    items = {item_id: item for item_id in state.item_ids if (item := state.item_data(item_id)) is not None}
    metadata = state.metadata.metadata if state.metadata else {}
    kept = items.pop(str(metadata.get(ITEM)), None)
    fields = fields_of(metadata, kept)
    return {**(_own_fields(state) if fields is None else fields), "messages": messages_of(items.values())}


def export_line(state: ThreadState) -> bytes:
    """A thread as a line of a file, without its line break."""
    run = export_run(state)
    try:
        return json.dumps(run, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only its escape can carry
        return json.dumps(run).encode()


async def export_threads(store: ThreadStore, principal: Principal) -> AsyncGenerator[bytes, None]:
    """All threads of the principal, oldest first, each as `export_line` gives it; for auditors, all of the tenant.

    A thread that is deleted meanwhile is passed over.
    """
    after: str | None = None
    while True:
        page = await store.load_threads(principal, limit=_PAGE, after=after, order="asc", everyone=principal.audits)
        for thread in page.data:
            try:
                yield export_line(await store.state(principal, thread.id))
            except (ThreadDeleted, ThreadNotFound):
                continue
        if not page.has_more:
            return
        after = page.after


def _own_fields(state: ThreadState) -> dict[str, Json]:
    if state.metadata is None:
        return {"id": state.thread_id}
    told = state.metadata.model_dump(mode="json", include={"title", "created_at", "metadata"})
    return {"id": state.thread_id, **told}
