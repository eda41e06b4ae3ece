"""How a command fails: one sentence with the remedy on stderr, and an exit code that means something."""

from __future__ import annotations

import enum
import functools
import sys
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import typer

from threadlog.cli.output import Output
from threadlog.log import (
    AmbiguousScheme,
    FormatTooNew,
    InvalidPlugin,
    LogBusy,
    LogCorrupt,
    LogLocked,
    LogStopped,
    MissingExtra,
    OutcomeUnknown,
    UnknownScheme,
)
from threadlog.model.errors import ThreadlogError

P = ParamSpec("P")
R = TypeVar("R")


class ExitCode(enum.IntEnum):
    """What the exit codes mean; `docs/reference/cli.md` lists them."""

    OK = 0
    """Done."""
    FAILED = 1
    """It failed, or what was compared differs."""
    USAGE = 2
    """The command line or a setting is wrong."""
    NOT_FOUND = 3
    """There is no such log, thread or file."""
    UNAVAILABLE = 4
    """The log cannot be used now: locked by another process, busy, stopped or full, or its server is gone."""
    CORRUPT = 5
    """Stored bytes are not what was written."""
    NOT_INSTALLED = 6
    """A plugin, an extra or a newer threadlog is needed."""
    FAULT = 70
    """A fault of threadlog itself."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""
    BROKEN_PIPE = 141
    """Nobody reads the output any more."""
    TERMINATED = 143
    """Ended by SIGTERM."""


class UsageFault(ThreadlogError, ValueError):
    """The command line asks for what cannot be."""


class OutputClosed(Exception):
    """Nobody reads stdout any more."""


class ServerUnavailable(ThreadlogError, OSError):
    """The server that holds the log does not answer."""


_CODES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], ExitCode], ...] = (
    (UnknownScheme, ExitCode.USAGE),
    ((MissingExtra, InvalidPlugin, AmbiguousScheme, FormatTooNew), ExitCode.NOT_INSTALLED),
    (LogCorrupt, ExitCode.CORRUPT),
    ((LogLocked, LogBusy, LogStopped, OutcomeUnknown, ServerUnavailable), ExitCode.UNAVAILABLE),
    ((LookupError, FileNotFoundError), ExitCode.NOT_FOUND),
    ((ThreadlogError, OSError), ExitCode.FAILED),
)


def exit_code(error: Exception) -> ExitCode:
    """The exit code for an error that ended a command."""
    if not isinstance(error, ThreadlogError | OSError):
        return ExitCode.FAULT
    if isinstance(error, ThreadlogError) and isinstance(error, ValueError):
        return ExitCode.USAGE  # what was given can never be right: an id, a cursor, a URL, a setting
    return next(code for kinds, code in _CODES if isinstance(error, kinds))


def sentence(error: Exception) -> str:
    """What to tell people of an error."""
    if isinstance(error, ThreadlogError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
    name = type(error).__name__
    return f"threadlog failed by a fault of its own ({name}: {error}); run it with --debug to see where, and report it."


def guarded(run: Callable[[], Any], output: Output, *, debug: bool) -> int:
    """Run a command, and turn whatever ends it into an exit code and, for people, a sentence.

    Args:
        run: the command; what it returns is its exit code, None meaning 0.
        output: where the sentence goes.
        debug: whether the traceback goes before the sentence.
    """
    try:
        return int(run() or ExitCode.OK)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except OutputClosed:
        output.silence()
        return ExitCode.BROKEN_PIPE
    except typer.TyperException as error:
        output.error(_of_usage(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last place where an error can become a sentence
        return _told(_alone(error), output, debug=debug)


def unpiped(function: Callable[P, R]) -> Callable[P, R]:
    """Raise `OutputClosed` where stdout has no reader left; typer would take a `BrokenPipeError` for a failure."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = function(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise OutputClosed from error
        return result

    return run


def _told(error: Exception, output: Output, *, debug: bool) -> ExitCode:
    if debug:
        output.remark("".join(traceback.format_exception(error)).rstrip())
    output.error(sentence(error))
    return exit_code(error)


def _alone(error: Exception) -> Exception:
    """The one error inside a group of task groups, if it is one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _of_usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    message = error.format_message().rstrip()
    if not message.endswith((".", "?")):
        message += "."
    return f"{message} See '{context.command_path} --help'." if context else message
