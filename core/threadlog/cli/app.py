"""The application: every command under its name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from threadlog.cli.copy import copy
from threadlog.cli.errors import ExitCode, guarded, unpiped
from threadlog.cli.exporting import export
from threadlog.cli.extensions import add_extensions
from threadlog.cli.importing import import_runs
from threadlog.cli.maintenance import backup, repair, verify
from threadlog.cli.output import Output
from threadlog.cli.plugins import plugins
from threadlog.cli.replaying import replay
from threadlog.cli.show import show
from threadlog.cli.tail import tail
from threadlog.cli.threads import threads
from threadlog.cli.version import version

_COMMANDS: Mapping[str, Callable[..., Any]] = {
    "import": import_runs,
    "export": export,
    "threads": threads,
    "show": show,
    "tail": tail,
    "replay": replay,
    "verify": verify,
    "repair": repair,
    "backup": backup,
    "copy": copy,
    "plugins": plugins,
    "version": version,
}
_DEBUG = "--debug"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: what follows the program's name. ``--debug`` may stand anywhere before ``--``.
    """
    ours, dashes, theirs = _cut(arguments, "--")
    rest = [argument for argument in ours if argument != _DEBUG]
    debug = len(rest) < len(ours)
    _prepare(debug=debug)
    app = make_app(rich_help=sys.stdout.isatty())
    words = [*(rest or ["--help"]), *dashes, *theirs]
    code = guarded(lambda: app(args=words, prog_name="threadlog", standalone_mode=False), Output(), debug=debug)
    return code if rest else ExitCode.USAGE


def make_app(*, rich_help: bool = False) -> typer.Typer:
    """The application with all its commands.

    Args:
        rich_help: whether help is drawn for a terminal, or written plainly.
    """
    app = typer.Typer(
        help="Keep the threads of AI agents as events in a log that loses nothing.",
        rich_markup_mode="rich" if rich_help else None,
        pretty_exceptions_enable=False,
        add_completion=True,
    )
    app.callback()(_shared)
    add_extensions(app, rich_help=rich_help)
    for name, function in _COMMANDS.items():
        app.command(name)(unpiped(function))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


def _shared(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
    wants_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Keep the threads of AI agents as events in a log that loses nothing."""


def _prepare(*, debug: bool) -> None:
    """Let no text fail to print, and keep log records, which are for servers, out of a command's words."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    handler = logging.StreamHandler() if debug else logging.NullHandler()
    logging.getLogger("threadlog").addHandler(handler)


def _cut(arguments: Sequence[str], mark: str) -> tuple[list[str], list[str], list[str]]:
    words = list(arguments)
    at = words.index(mark) if mark in words else len(words)
    return words[:at], words[at : at + 1], words[at + 1 :]
