"""How events beside the conversation read: runs, progress, notices, sharing. A line each."""

from __future__ import annotations

from threadlog.cli.items import Data, as_json, mapping, shortened

_SILENT = {"stream_options", "client_effect"}
"""What concerns clients only."""


def aside(kind: str, data: Data) -> tuple[str, str] | None:
    """An event of type `kind` in words, with their style; None where there is nothing to say."""
    if kind in _SILENT:
        return None
    family = kind.partition(".")[0]
    known = {"run": _run, "thread": _thread, "access": _access}.get(family, _word)(kind, data)
    return known or (f"{kind} {shortened(as_json(data))}", "dim")


def _thread(kind: str, data: Data) -> tuple[str, str] | None:
    if kind == "thread.deleted":
        return "thread deleted", "red"
    if kind == "thread.item.removed":
        return f"removed {data.get('item_id')}", "dim"
    if kind in {"thread.created", "thread.updated"}:
        thread = mapping(data.get("thread"))
        return f"thread {thread.get('id')} {thread.get('title') or ''}".rstrip(), "dim"
    return None


def _access(kind: str, data: Data) -> tuple[str, str] | None:
    if kind == "access.granted":
        return f"shared with {data.get('user')} as {data.get('role')}", "dim"
    return (f"no longer shared with {data.get('user')}", "dim") if kind == "access.revoked" else None


def _word(kind: str, data: Data) -> tuple[str, str] | None:
    if kind == "progress_update":
        return f"… {data.get('text')}", "dim"
    if kind == "notice":
        return ": ".join(str(data[key]) for key in ("level", "title", "message") if data.get(key)), "yellow"
    return (f"error: {data.get('message') or data.get('code')}", "red") if kind == "error" else None


def _run(kind: str, data: Data) -> tuple[str, str]:
    about = mapping(data.get("error")).get("message") or data.get("reason") or data.get("agent") or data.get("name")
    words = kind.replace(".", " ").replace("_", " ")
    return f"{words} ({about})" if about else words, "red" if kind.endswith("failed") else "dim"
