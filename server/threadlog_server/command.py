"""The command `threadlog serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from threadlog.cli.errors import UsageFault
from threadlog.cli.invocation import Invocation, command
from threadlog.cli.settings import Settings
from threadlog_server.listening import listen, url_of
from threadlog_server.principal import check_development_host
from threadlog_server.reloading import serve_and_reload
from threadlog_server.serving import run
from threadlog_server.welcome import welcome

AgentOption = Annotated[
    str | None,
    typer.Option("--agent", metavar="MODULE:FUNCTION", help="Your own agent, found from the current folder."),
]
HostOption = Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Loopback address to listen on.")]
PortOption = Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", metavar="PATH", help="Folder that the built-in agent may read.")
]
ReloadOption = Annotated[bool, typer.Option("--reload", help="Start again when a Python file below here changes.")]


@command
def serve(
    invocation: Invocation,
    *,
    agent: AgentOption = None,
    host: HostOption = None,
    port: PortOption = None,
    folder: FolderOption = None,
    reload: ReloadOption = False,
) -> int:
    """Serve threads over HTTP, with an agent that answers."""
    settings = _with(invocation.settings, agent=agent, host=host, port=port, folder=folder)
    check_development_host(settings.server.host)
    with listen(settings.server.host, settings.server.port) as listening:
        if not reload:
            return run(settings, listening, lambda: welcome(invocation.output, settings, url_of(listening)))
        welcome(invocation.output, settings, url_of(listening))
        return serve_and_reload(settings, listening)


def _with(
    settings: Settings, *, agent: str | None, host: str | None, port: int | None, folder: Path | None
) -> Settings:
    """The settings with what the command line says, checked like the rest.

    Raises:
        UsageFault: an option's value is wrong.
    """
    own: dict[str, dict[str, Any]] = {
        "agent": {"path": agent, "folder": folder},
        "server": {"host": host, "port": port},
    }
    values = {name: dict(getattr(settings, name)) for name in type(settings).model_fields}
    for section, options in own.items():
        values[section] |= {name: value for name, value in options.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        option = str(wrong["loc"][-1]).replace("path", "agent")
        raise UsageFault(f"--{option}: {wrong['msg'].removeprefix('Value error, ')}") from None
