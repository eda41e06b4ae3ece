"""Starting the server again when one's agent changes.

Each start is a process of its own, so that the changed code is all there is, and so that the log's one writer is gone
before the next one comes. The socket is the parent's: who calls in between waits, and is not refused.
"""

from __future__ import annotations

import functools
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import ChangeReload

from threadlog.cli.errors import guarded
from threadlog.cli.output import Output
from threadlog.cli.settings import Settings
from threadlog_server.serving import run


def serve_and_reload(settings: Settings, listening: socket.socket) -> int:
    """Serve, and start again whenever a Python file below the current folder changes.

    Returns:
        The exit code, once the process is told to stop.
    """
    config = uvicorn.Config("threadlog_server:create_app", reload=True, reload_dirs=[str(Path.cwd())], log_config=None)
    ChangeReload(config, target=functools.partial(_start, _packed(settings)), sockets=[listening]).run()
    return 0


def _packed(settings: Settings) -> dict[str, Any]:
    """Settings as another process takes them."""
    values = settings.model_dump()
    values["log"]["url"] = settings.log.url.secret
    return values


def _start(values: dict[str, Any], sockets: list[socket.socket]) -> None:
    """Serve in a process of the supervisor's. An agent that does not load is told of and waited for."""
    settings = Settings.model_validate(values)
    output = Output()
    sys.exit(guarded(lambda: run(settings, sockets[0], lambda: output.remark("ready")), output, debug=False))
