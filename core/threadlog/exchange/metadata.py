"""Where an imported run's own fields are kept: in its thread's metadata, or, where they are large, in a hidden item."""

from __future__ import annotations

from typing import Any

import msgspec

from threadlog.exchange.plain import Json, pack, unpack
from threadlog.model import derived_id

RUN = "run"
"""Key in the metadata of an imported thread: the fields of its run, messages excepted."""
ITEM = "run_item"
"""Key in the metadata: id of the hidden item that holds the fields instead."""

KEYS = (RUN, ITEM)
"""What an import writes into a thread's metadata."""

_MAX_BYTES = 16 * 1024  # listings show metadata, and a log's heads are bounded


def metadata_for(fields: dict[str, Json], thread_id: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The thread's metadata for a run's fields, and the content of the hidden item if it takes one."""
    packed = pack(fields)
    if len(msgspec.json.encode(packed)) <= _MAX_BYTES:
        return {RUN: packed}, None
    return {ITEM: item_id(thread_id)}, {RUN: packed}


def item_id(thread_id: str) -> str:
    """Id of the hidden item of a thread."""
    return derived_id("hidden_context", thread_id, "run")


def fields_of(metadata: dict[str, Any], item: dict[str, Any] | None) -> dict[str, Json] | None:
    """The fields that were kept; None where the thread was not imported.

    Args:
        metadata: the thread's metadata.
        item: the thread's item of the id that `metadata` names, if any.
    """
    content = item.get("content") if item is not None else metadata
    packed = content.get(RUN) if isinstance(content, dict) else None
    try:
        fields = unpack(packed)
    except (TypeError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None
