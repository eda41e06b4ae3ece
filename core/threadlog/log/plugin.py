"""The plugin contract: what a storage plugin's entry point offers, on one screen.

An entry point of the group ``threadlog.storage``, named like the URL scheme that it serves, loads a module or object
with a `threadlog_log` hook implementation::

    from threadlog.log import EventLog, LogURL, OpenOptions, hookimpl

    @hookimpl
    def threadlog_log(url: LogURL, options: OpenOptions) -> EventLog:
        return MyLog(url.rest, options)

Hooks are found and checked by `pluggy <https://pluggy.readthedocs.io>`_.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote

import pluggy
from msgspec import Struct

from threadlog.log.errors import UnknownScheme

if TYPE_CHECKING:
    from threadlog.log.contract import EventLog

GROUP = "threadlog.storage"
"""The entry-point group in which storage plugins are found."""

hookspec = pluggy.HookspecMarker("threadlog")
hookimpl = pluggy.HookimplMarker("threadlog")
"""Marks a plugin's function as the implementation of a hook."""


_SECRET_OPTION = re.compile("pass|secret|token|key|credential", re.IGNORECASE)


class LogURL:
    """A log's URL, such as ``file:/var/lib/threadlog`` or ``postgresql://…``.

    Its `repr` and `str` hide credentials; `secret` is the whole text for the driver that needs it.
    """

    __slots__ = ("_text", "options", "rest", "scheme")

    scheme: str
    """In lower case."""
    rest: str
    """What follows ``scheme:``, without query, as it was written: nothing is decoded or made absolute."""
    options: Mapping[str, str]
    """The query parameters, decoded; of one that is repeated, the last. All are the plugin's own.

    A value is secret where its name holds ``pass``, ``secret``, ``token``, ``key`` or ``credential``.
    """

    def __init__(self, text: str) -> None:
        scheme, colon, rest = text.partition(":")
        if not colon or not scheme:
            raise UnknownScheme(
                "a log URL begins with a scheme: write file:PATH, memory: or postgresql://HOST/DATABASE."
            )
        self._text = text
        self.scheme = scheme.lower()
        rest, _, query = rest.partition("?")
        self.rest = rest
        self.options = MappingProxyType(dict(parse_qsl(query, keep_blank_values=True)))

    @property
    def secret(self) -> str:
        """The URL as it was given, credentials included: for drivers, never for people."""
        return self._text

    def __str__(self) -> str:
        if not self.rest.startswith("//"):
            return f"{self.scheme}:{self.rest}"
        return f"{self.scheme}://{self._userinfo_and_place()[1]}"

    def __repr__(self) -> str:
        return f"LogURL({str(self)!r})"

    def hide(self, text: str) -> str:
        """`text` with this URL's secrets taken out, such as a driver's message that quotes them."""
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> list[str]:
        """Everything secret, encoded and decoded, longest first."""
        user, _, password = self._userinfo_and_place()[0].partition(":")
        options = [value for name, value in self.options.items() if _SECRET_OPTION.search(name)]
        found = {password, *options, f"{user}:{password}" if password else ""}
        found |= {unquote(secret) for secret in found}
        return sorted(found - {""}, key=len, reverse=True)

    def _userinfo_and_place(self) -> tuple[str, str]:
        """Credentials and what may be shown.

        A password in which someone forgot to encode ``/ ? #`` moves the end of the authority, so everything before
        the last ``@`` counts as credentials, even where that hides more than it must.
        """
        if not self.rest.startswith("//"):
            return "", self.rest
        text = self._text.partition(":")[2][2:]
        if "@" not in self.rest and not self._port_is_number():
            return text.rpartition("@")[0], ""
        userinfo, _, place = self.rest[2:].rpartition("@")
        return userinfo, place

    def _port_is_number(self) -> bool:
        port = self.rest[2:].partition("/")[0].rpartition(":")[2] if ":" in self.rest else ""
        return not port or port.isdecimal() or port.endswith("]")


class OpenOptions(Struct, frozen=True, kw_only=True):
    """How a log is to be opened."""

    read_only: bool = False
    """Open for reading beside a writer; never makes or repairs anything. Without a log: `LogNotFound`."""
    create: bool = True
    """Make the log if there is none. Otherwise `LogNotFound`."""
    shards: int | None = None
    """Number of shards (1 or more) of a log that is made; None: the plugin's default. An existing log keeps its own."""
    holder: Mapping[str, str] = MappingProxyType({})
    """What to tell other processes about this writer (see `LogLocked`), such as its server's ``url``."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that a check or a repair found."""

    level: Literal["info", "warning", "error"]
    place: str
    """The exact place, such as ``00000001.seg bytes 8192-8511``."""
    message: str


class MaintenanceReport(Struct, frozen=True, kw_only=True):
    """What a check, repair or backup did."""

    ok: bool
    events: int
    """Events that are whole and readable."""
    findings: tuple[Finding, ...] = ()


Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is, in bytes."""


class Maintenance(ABC):
    """Care of a log that an operator asks for by name: optional for a plugin. Blocking; call it from a thread."""

    @abstractmethod
    def verify(self, progress: Progress | None = None) -> MaintenanceReport:
        """Read everything and check it, while a writer may run. Changes nothing."""

    @abstractmethod
    def repair(self, progress: Progress | None = None) -> MaintenanceReport:
        """Make a damaged log usable again; what is unreadable is set aside, never destroyed.

        Raises:
            LogLocked: a writer is running.
        """

    @abstractmethod
    def backup(self, destination: str, progress: Progress | None = None) -> MaintenanceReport:
        """Write a copy that can be opened as a log of its own, while a writer may run.

        Raises:
            FileExistsError: there is something at `destination`.
        """


class PluginSpec:
    """The hooks."""

    @hookspec(firstresult=True)
    def threadlog_log(self, url: LogURL, options: OpenOptions) -> EventLog:
        """Make the log object for a URL of this plugin's scheme; opening comes later.

        Raises:
            ImportError: the plugin's driver is missing (the loader names the extra).
            ValueError: the URL or one of its options is wrong; the message names it.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def threadlog_maintenance(self, url: LogURL) -> Maintenance | None:
        """Maintenance of the log at a URL; optional."""
        raise NotImplementedError
