"""Commands that other packages bring, through the entry-point group ``threadlog.commands``.

An entry point is named like its command and loads a function that typer can make a command of
(`threadlog.cli.invocation.command` gives it the shared options). It is loaded only when its command is used, so
that a missing extra disturbs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Any, Literal

import typer

from threadlog.cli.errors import unpiped
from threadlog.log import MissingExtra
from threadlog.log.loading import extra_with

GROUP = "threadlog.commands"
"""The entry-point group in which commands are found."""

_SUMMARIES = {
    "serve": "Serve threads over HTTP, with an agent that answers.",
    "db": "Make, move on or check the schema of a log in Postgres.",
}


def installed_commands() -> list[metadata.EntryPoint]:
    """The commands that installed packages bring, by name. Imports none of them."""
    return sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)


def add_extensions(app: typer.Typer, *, rich_help: bool) -> None:
    """Add the commands of other packages to the application, their help drawn for a terminal or written plainly."""
    for entry in installed_commands():
        app.command(
            entry.name,
            help=_SUMMARIES.get(entry.name, f"Brought by {entry.dist.name if entry.dist else entry.value}."),
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(unpiped(_runner(entry, "rich" if rich_help else None)))


def _runner(entry: metadata.EntryPoint, markup: Literal["rich"] | None) -> Callable[[typer.Context], Any]:
    def run(context: typer.Context) -> Any:
        try:
            extension = typer.Typer(add_completion=False, rich_markup_mode=markup, pretty_exceptions_enable=False)
            extension.command()(entry.load())
            return extension(args=context.args, prog_name=context.command_path, standalone_mode=False)
        except ModuleNotFoundError as error:
            raise _missing(entry, error) from error

    return run


def _missing(entry: metadata.EntryPoint, error: ModuleNotFoundError) -> MissingExtra:
    distribution = entry.dist.name if entry.dist else entry.value
    extra = extra_with((error.name or "").partition(".")[0], entry)
    remedy = f"pip install '{distribution}[{extra}]'" if extra else f"reinstall {distribution}"
    return MissingExtra(
        f"threadlog {entry.name} needs {error.name}, which is not installed: {remedy}.", name=error.name
    )
