"""One's own agent, by its name: ``module:function``."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from types import ModuleType
from typing import Any, cast

from threadlog.model.errors import ThreadlogError
from threadlog.runs import Agent


class AgentNotLoaded(ThreadlogError, ImportError):
    """There is no agent of this name, or what has the name is none."""


def load_agent(path: str, *, folder: str | os.PathLike[str] | None = None) -> Agent:
    """Import an agent.

    Args:
        path: ``module:function``; dots lead to what lies deeper on either side.
        folder: is looked in first for the module; the current one by default.

    Raises:
        AgentNotLoaded: the name is malformed, there is no such module or function, importing the module failed (that
            error is the cause), or the function is no agent.
    """
    name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in [*name.split("."), *attribute.split(".")]):
        raise AgentNotLoaded(f"{path!r} names no agent; write module:function, for instance my_agent:answer.")
    folder = os.path.abspath(folder or os.getcwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    agent = _attribute(_module(name, folder), attribute, path)
    _check(agent, path)
    return cast("Agent", agent)


def _module(name: str, folder: str) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise AgentNotLoaded(
                f"there is no module {error.name!r}; looked in {folder} and in what is installed."
            ) from None
        raise AgentNotLoaded(f"module {name!r} needs {error.name!r}, which is not installed.") from error
    except (Exception, SystemExit) as error:
        raise AgentNotLoaded(f"module {name!r} cannot be imported: {type(error).__name__}: {error}.") from error


def _attribute(module: ModuleType, attribute: str, path: str) -> Any:
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise AgentNotLoaded(f"{path!r}: {getattr(found, '__name__', found)!r} has no {part!r}.{hint}")
        found = getattr(found, part)
    return found


def _check(agent: Any, path: str) -> None:
    call = agent if inspect.isroutine(agent) else getattr(agent, "__call__", None)  # noqa: B004 - its kind matters
    if inspect.isclass(agent) or not (inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)):
        raise AgentNotLoaded(
            f"{path!r} is no agent; write it as `async def {path.rpartition(':')[2]}(context, message):`."
        )
    try:
        inspect.signature(agent).bind("context", "message")
    except TypeError:
        raise AgentNotLoaded(f"{path!r} must take two arguments, (context, message).") from None
