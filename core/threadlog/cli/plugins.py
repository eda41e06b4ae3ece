"""`threadlog plugins`: what is installed."""

from __future__ import annotations

from importlib import metadata

from threadlog.cli.extensions import installed_commands
from threadlog.cli.output import JsonOption, Output
from threadlog.log.loading import installed_schemes


def plugins(*, json: JsonOption = False) -> None:
    """List what is installed: storage plugins and commands."""
    output = Output()
    found = [
        {"kind": "storage", "name": f"{plugin.scheme}:", **_source(plugin.distribution, plugin.version)}
        | {"loads": plugin.entry_point}
        for plugin in installed_schemes()
    ] + [_described(entry) for entry in installed_commands()]
    if json:
        output.json({"plugins": found})
        return
    output.table(("kind", "name", "from", "version", "loads"), [list(row.values()) for row in found])


def _described(entry: metadata.EntryPoint) -> dict[str, str]:
    source = _source(entry.dist.name, entry.dist.version) if entry.dist else _source("?", "?")
    return {"kind": "command", "name": entry.name, **source, "loads": entry.value}


def _source(distribution: str, version: str) -> dict[str, str]:
    return {"distribution": distribution, "version": version}
