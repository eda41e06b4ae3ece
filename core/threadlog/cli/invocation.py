"""What every command is given: the settings it runs under, who acts, and where its words go."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from threadlog.cli.errors import ExitCode
from threadlog.cli.output import Output
from threadlog.cli.settings import Settings, load_settings
from threadlog.log import LogURL

P = ParamSpec("P")

PANEL = "Which log, and who acts"

LogOption = Annotated[
    str | None,
    typer.Option("--log", metavar="URL", help="The event log, such as file:PATH.", rich_help_panel=PANEL),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="YAML file of settings.", rich_help_panel=PANEL),
]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="NAME", help="Act in this tenant.", rich_help_panel=PANEL)
]
UserOption = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Act as this user.", rich_help_panel=PANEL)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Settings for this once, such as log.url=file:PATH."),
]


class Invocation:
    """One run of a command."""

    def __init__(self, settings: Settings, output: Output, *, names_principal: bool = False) -> None:
        self.settings = settings
        self.output = output
        self.names_principal = names_principal
        """Whether the command line itself says who acts."""

    @property
    def url(self) -> LogURL:
        """The log to work on."""
        return self.settings.log.url


def command(function: Callable[Concatenate[Invocation, P], Any]) -> Callable[..., Any]:
    """Make a function a command: with the options that all commands share, and run to its end if it is async.

    The function is given an `Invocation` first, then its own options and arguments; what it returns is the exit code,
    None meaning 0.
    """
    return _command(function, None)


def command_with_list(
    arguments: str,
) -> Callable[[Callable[Concatenate[Invocation, P], Any]], Callable[..., Any]]:
    """As `command`, for a function that takes a list of arguments itself, so that overrides stand among them.

    Args:
        arguments: the name of the function's parameter.
    """
    return functools.partial(_command, overrides_among=arguments)


def _command(function: Callable[..., Any], overrides_among: str | None) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(
        *,
        log: str | None,
        settings: Path | None,
        tenant: str | None,
        user: str | None,
        overrides: Sequence[str] | None = None,
        **own: Any,
    ) -> Any:
        if overrides_among is not None:
            own[overrides_among], overrides = _separated(own[overrides_among] or ())
        options = {"log.url": log, "principal.tenant": tenant, "principal.user": user}
        given = {key: value for key, value in options.items() if value is not None}
        loaded = load_settings(settings, overrides or (), given)
        result = function(Invocation(loaded, Output(), names_principal=bool(tenant or user)), **own)
        return until_done(result) if inspect.iscoroutine(result) else result

    signature = _with_shared_options(function, own_overrides=overrides_among is not None)
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return run


def _separated(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments, and the overrides among them; ``./`` before a file's name makes it no override."""
    overrides = [argument for argument in arguments if re.match(r"\w+(\.\w+)+=", argument)]
    return [argument for argument in arguments if argument not in overrides], overrides


def _with_shared_options(function: Callable[..., Any], *, own_overrides: bool) -> inspect.Signature:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared: dict[str, Any] = {} if own_overrides else {"overrides": Overrides}
    shared |= {"log": LogOption, "settings": SettingsOption, "tenant": TenantOption, "user": UserOption}
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [parameter.replace(kind=keyword) for parameter in own]
        + [inspect.Parameter(name, keyword, annotation=kind, default=None) for name, kind in shared.items()]
    )


def until_done(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine; SIGTERM ends it as Ctrl-C does, so that it can close its log and say where it stood."""

    async def stoppable() -> Any:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        return ExitCode.TERMINATED
