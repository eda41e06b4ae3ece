"""From a URL to a log: finding the plugin of a scheme, loading it alone, and opening what it makes."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import metadata
from types import MappingProxyType

import pluggy
from msgspec import Struct

from threadlog.log.contract import Durability, EventLog
from threadlog.log.errors import (
    AmbiguousScheme,
    DurabilityTooLow,
    InvalidPlugin,
    InvalidURL,
    LogError,
    MissingExtra,
    NoMaintenance,
    PluginError,
    UnknownScheme,
)
from threadlog.log.plugin import GROUP, LogURL, Maintenance, OpenOptions, PluginSpec

_EXTRA = re.compile(r"""^([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['"]([^'"]+)['"]""")


class InstalledPlugin(Struct, frozen=True, order=True):
    """A storage plugin as its distribution declares it; it need not work."""

    scheme: str
    distribution: str
    version: str
    entry_point: str
    """What would be loaded, such as ``threadlog_file``."""


@asynccontextmanager
async def open_log(
    url: str | LogURL,
    *,
    read_only: bool = False,
    create: bool = True,
    shards: int | None = None,
    holder: Mapping[str, str] = MappingProxyType({}),
    require: Durability | None = None,
) -> AsyncGenerator[EventLog, None]:
    """Open the log at a URL, and close it at the end of the block.

    Args:
        url: such as ``file:/var/lib/threadlog``; its scheme names the plugin.
        read_only: open for reading, beside a writer.
        create: make the log if there is none.
        shards: number of shards of a log that is made; an existing one keeps its own.
        holder: what to tell other processes about this writer, such as its server's ``url``.
        require: the durability that the application needs.

    Raises:
        PluginError: the scheme has no plugin that works (see its subclasses).
        DurabilityTooLow: the log attains less than `require`.
        LogError: whatever opening raises (see `EventLog.open`).
    """
    url = LogURL(url) if isinstance(url, str) else url
    options = OpenOptions(read_only=read_only, create=create, shards=shards, holder=holder)
    async with find_plugin(url.scheme).make_log(url, options) as log:
        _check_durability(log, require)
        yield log


def maintenance(url: str | LogURL) -> Maintenance:
    """Maintenance of the log at a URL.

    Raises:
        PluginError: the scheme has no plugin that works, or (`NoMaintenance`) the plugin offers none.
    """
    url = LogURL(url) if isinstance(url, str) else url
    return find_plugin(url.scheme).make_maintenance(url)


def installed_schemes() -> list[InstalledPlugin]:
    """All storage plugins that are installed, by scheme. Imports none of them."""
    return sorted(_installed(entry) for entry in metadata.entry_points(group=GROUP))


def find_plugin(scheme: str) -> Plugin:
    """Load the one plugin that serves a scheme; no other is imported.

    Raises:
        UnknownScheme: no installed plugin claims it.
        AmbiguousScheme: two distributions claim it.
        MissingExtra: its driver is not installed.
        InvalidPlugin: what it loads does not keep the plugin contract.
    """
    entries = [entry for entry in metadata.entry_points(group=GROUP) if entry.name == scheme]
    if not entries:
        known = ", ".join(f"{plugin.scheme}:" for plugin in installed_schemes()) or "none"
        raise UnknownScheme(f"no installed plugin serves {scheme}: URLs; installed are {known}.")
    if len(entries) > 1:
        claims = " and ".join(sorted(_installed(entry).distribution for entry in entries))
        raise AmbiguousScheme(f"{claims} both serve {scheme}: URLs; uninstall one of them.")
    return Plugin(entries[0], _load(entries[0]))


class Plugin:
    """A storage plugin that is loaded and keeps the plugin contract as far as that shows without calling it."""

    def __init__(self, entry: metadata.EntryPoint, manager: pluggy.PluginManager) -> None:
        self.installed = _installed(entry)
        self._entry, self._manager = entry, manager

    def make_log(self, url: LogURL, options: OpenOptions) -> EventLog:
        """The log of a URL, not opened yet.

        Raises:
            InvalidURL: the plugin refuses the URL or one of its options.
            MissingExtra: its driver is not installed.
            InvalidPlugin: it gives no `EventLog`, or fails otherwise.
        """
        log = self._call("threadlog_log", url, options=options)
        if not isinstance(log, EventLog):
            _discard(log)
            raise InvalidPlugin(f"{self._name} gives {type(log).__name__} for {url}, where an EventLog is needed.")
        return log

    def make_maintenance(self, url: LogURL) -> Maintenance:
        """Maintenance of the log at a URL.

        Raises:
            NoMaintenance: the plugin offers none.
            PluginError: it fails as in `make_log`.
        """
        care = self._call("threadlog_maintenance", url)
        if care is None:
            raise NoMaintenance(f"{self._name} offers no maintenance; use the tools of its storage.")
        if not isinstance(care, Maintenance):
            _discard(care)
            raise InvalidPlugin(f"{self._name} gives {type(care).__name__} for {url}, where Maintenance is needed.")
        return care

    @property
    def _name(self) -> str:
        return f"the plugin of {self.installed.scheme}: URLs in {self.installed.distribution}"

    def _call(self, hook: str, url: LogURL, **arguments: object) -> object:
        try:
            return getattr(self._manager.hook, hook)(url=url, **arguments)
        except Exception as caught:  # noqa: BLE001 - whatever a stranger's code raises becomes one of our errors
            error = caught
        # Raised outside the except block: the cause is attached only where it does not quote the URL's secrets.
        if _tells_secrets(error, url):
            raise self._translated(error, url) from None
        if isinstance(error, LogError):
            raise error
        raise self._translated(error, url) from error

    def _translated(self, error: Exception, url: LogURL) -> LogError:
        message = url.hide(str(error)) or type(error).__name__
        if isinstance(error, ImportError):
            return _missing(self._entry, error, message)
        if isinstance(error, LogError):
            return PluginError(message)
        if isinstance(error, ValueError):
            return InvalidURL(message)
        return InvalidPlugin(f"{self._name} raised {type(error).__name__}: {message}")


def _load(entry: metadata.EntryPoint) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("threadlog")
    manager.add_hookspecs(PluginSpec)
    try:
        manager.load_setuptools_entrypoints(GROUP, name=entry.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise InvalidPlugin(_explain(entry, error)) from error
    except ImportError as error:
        raise _missing(entry, error, str(error)) from error
    except Exception as error:
        raise InvalidPlugin(
            f"{_described(entry)} cannot be loaded: {type(error).__name__}: {error}. Reinstall or upgrade it."
        ) from error
    if not manager.hook.threadlog_log.get_hookimpls():
        raise InvalidPlugin(f"{_described(entry)} has no hook; it needs @hookimpl def {_signature('threadlog_log')}.")
    return manager


def _explain(entry: metadata.EntryPoint, error: pluggy.PluginValidationError) -> str:
    """Why a plugin was refused, with its hooks' signatures and ours."""
    theirs = [
        f"{name}{inspect.signature(hook)}"
        for name, hook in inspect.getmembers(error.plugin, callable)
        if hasattr(hook, "threadlog_impl")
    ]
    ours = [_signature("threadlog_log"), _signature("threadlog_maintenance")]
    return (
        f"{_described(entry)} does not keep the plugin contract: it has {', '.join(theirs)}; "
        f"the hooks are {' and '.join(ours)}."
    )


def _signature(hook: str) -> str:
    """How a plugin writes a hook."""
    signature = inspect.signature(getattr(PluginSpec(), hook))
    return f"{hook}{signature}".replace("'", "")


def _missing(entry: metadata.EntryPoint, error: ImportError, message: str) -> PluginError:
    module = (error.name or "").partition(".")[0]
    if module == entry.module.partition(".")[0]:
        return InvalidPlugin(f"{_described(entry)} cannot be loaded ({message}); reinstall it.")
    distribution = _installed(entry).distribution
    extra = extra_with(module, entry)
    remedy = f"pip install '{distribution}[{extra}]'" if extra else f"see how {distribution} installs its driver"
    return MissingExtra(
        f"{entry.name}: URLs need a driver that is not installed ({message}): {remedy}.", name=error.name
    )


def extra_with(module: str, entry: metadata.EntryPoint) -> str | None:
    """The smallest extra of the plugin's distribution that brings a module."""
    brings: dict[str, int] = {}
    wanted: set[str] = set()
    for requirement in (entry.dist.requires if entry.dist else None) or ():
        if match := _EXTRA.match(requirement):
            brings[match[2]] = brings.get(match[2], 0) + 1
            if re.sub("[-_.]+", "_", match[1]).lower() == module.lower():
                wanted.add(match[2])
    return min(wanted, key=lambda extra: (brings[extra], extra), default=None)


def _installed(entry: metadata.EntryPoint) -> InstalledPlugin:
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("an unnamed distribution", "")
    return InstalledPlugin(entry.name, name, version, entry.value)


def _described(entry: metadata.EntryPoint) -> str:
    return f"the plugin {entry.value} of {_installed(entry).distribution}"


def _check_durability(log: EventLog, require: Durability | None) -> None:
    if require is not None and log.info.durability < require:
        raise DurabilityTooLow(
            f"{log.info.location} attains {log.info.durability.name}, and {require.name} is required: "
            "use another log or require less."
        )


def _tells_secrets(error: BaseException | None, url: LogURL) -> bool:
    """Whether an error or one that it is chained to quotes a secret of the URL."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        text = f"{link} {link!r}"
        if url.hide(text) != text:
            return True
        pending += [link.__cause__, link.__context__]
    return False


def _discard(made: object) -> None:
    """Drop what a hook gave; a coroutine (the hook was written `async def`) must not warn that nobody awaited it."""
    if inspect.iscoroutine(made):
        made.close()
