"""How events beside the conversation read: runs, progress, notices, sharing. A line each."""

from __future__ import annotations

from threadlog.cli.items import Data, as_json, mapping, shortened

_SILENT = {"stream_options", "client_effect"}
"""What concerns clients only."""


def aside(kind: str, data: Data) -> tuple[str, str] | None:
    """An event of type `kind` in words, with their style; None where there is nothing to say."""
    if kind in _SILENT:
        return None
    if kind.startswith("run."):
        return _run(kind, data)
    match kind:
        case "thread.created" | "thread.updated":
            thread = mapping(data.get("thread"))
            return f"thread {thread.get('id')} {thread.get('title') or ''}".rstrip(), "dim"
        case "thread.deleted":
            return "thread deleted", "red"
        case "thread.item.removed":
            return f"removed {data.get('item_id')}", "dim"
        case "progress_update":
            return f"… {data.get('text')}", "dim"
        case "notice":
            return ": ".join(str(data[key]) for key in ("level", "title", "message") if data.get(key)), "yellow"
        case "error":
            return f"error: {data.get('message') or data.get('code')}", "red"
        case "access.granted":
            return f"shared with {data.get('user')} as {data.get('role')}", "dim"
        case "access.revoked":
            return f"no longer shared with {data.get('user')}", "dim"
        case _:
            return f"{kind} {shortened(as_json(data))}", "dim"


def _run(kind: str, data: Data) -> tuple[str, str]:
    about = mapping(data.get("error")).get("message") or data.get("reason") or data.get("agent") or data.get("name")
    words = kind.replace(".", " ").replace("_", " ")
    return f"{words} ({about})" if about else words, "red" if kind.endswith("failed") else "dim"
