"""What can go wrong between an application and an event log.

::

    ThreadlogError
    └── LogError
        ├── InvalidAppend (ValueError)      the append can never be stored; nothing was written
        │   └── TooLarge                    it is over a limit of this log
        ├── OutcomeUnknown                  the flush died; a retry with the same append id settles it
        ├── LogBusy (TimeoutError)          queue full or lock not had in time; nothing was written
        ├── LogStopped (OSError)            a storage fault ended writing; reading goes on
        │   └── StorageFull                 no room; writing goes on once there is room again
        ├── LogReadOnly                     this log was opened for reading
        ├── LogLocked                       another process (or log object) holds the one writer's place
        ├── LogCorrupt                      stored bytes are not what was written; names the place
        ├── LogNotFound (LookupError)       there is no log at this URL and none was to be made
        ├── FormatTooNew                    written by a newer threadlog
        ├── DurabilityTooLow                the log attains less than was asked for
        ├── LogClosed                       used before opening or after closing
        ├── Diverged                        the history is not the one that the caller knows
        │   └── InvalidCursor (ValueError)  not a cursor at all
        └── PluginError
            ├── UnknownScheme (LookupError) no installed plugin claims the URL's scheme
            ├── AmbiguousScheme             two plugins claim it
            ├── MissingExtra (ImportError)  the plugin's driver is not installed
            ├── InvalidURL (ValueError)     the plugin refuses the URL or one of its options
            ├── NoMaintenance               the plugin offers no maintenance
            └── InvalidPlugin (TypeError)   the plugin does not keep the plugin contract
"""

from __future__ import annotations

from typing import TypeVar

from threadlog.model.errors import ThreadlogError

E = TypeVar("E", bound=BaseException)


class LogError(ThreadlogError):
    """Base of the errors of an event log."""


class InvalidAppend(LogError, ValueError):
    """The append can never be stored as it is; nothing was written."""


class TooLarge(InvalidAppend):
    """The append is over a limit of this log; nothing was written.

    Attributes:
        what: the limit's name in `Limits`, such as ``"event_bytes"``.
        size: how large it is, in the unit of the limit.
        limit: how large it may be.
    """

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} is {size}, over the log's limit of {limit}: split or shorten it.")
        self.what, self.size, self.limit = what, size, limit


class OutcomeUnknown(LogError):
    """The flush ended without an answer: the append may or may not be stored.

    Retrying with the same append id settles it, also while the lost flush may still be committing.
    """


class LogBusy(LogError, TimeoutError):
    """The call found no place in time, and an append has written nothing; try again later."""


class LogStopped(LogError, OSError):
    """A storage fault ended writing; what was acknowledged can still be read.

    Attributes:
        reason: one sentence for people and for ``/readyz``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StorageFull(LogStopped):
    """No room is left for this append; nothing was written, and it may be retried once there is."""


class LogReadOnly(LogError):
    """The log was opened for reading only."""


class LogLocked(LogError):
    """Another process, or another log object of this one, holds the one writer's place.

    Attributes:
        holder: what the holder gave as `OpenOptions.holder`; the plugin may add to it (for instance
            ``{"pid": "71", "url": "http://…"}``).
    """

    def __init__(self, message: str, holder: dict[str, str]) -> None:
        super().__init__(message)
        self.holder = holder


class LogCorrupt(LogError):
    """Stored bytes are not what was written.

    Attributes:
        place: the exact place, such as ``"00000001.seg bytes 8192-8511"``.
    """

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


class LogNotFound(LogError, LookupError):
    """There is no log at this URL, and the caller asked for none to be made."""


class FormatTooNew(LogError):
    """The log was written by a newer version of threadlog; upgrade to read it."""


class DurabilityTooLow(LogError):
    """The log attains a lower durability level than the application asked for."""


class LogClosed(LogError):
    """The log is used before it was opened or after it was closed."""


class Diverged(LogError):
    """The history that the caller knows is not the history of this log (or lies beyond its end)."""


class InvalidCursor(Diverged, ValueError):
    """The text is no cursor."""


class PluginError(LogError):
    """Base of the errors of finding and loading a storage plugin."""


class UnknownScheme(PluginError, LookupError):
    """No installed plugin claims the URL's scheme; the message lists what is installed."""


class AmbiguousScheme(PluginError):
    """Two installed distributions claim the scheme; the message names both."""


class MissingExtra(PluginError, ImportError):
    """The plugin is installed but its driver is not; the message names the extra."""


class InvalidURL(PluginError, ValueError):
    """The plugin refuses the URL or one of its options; the message names it."""


class NoMaintenance(PluginError):
    """The plugin offers no maintenance; the tools of its storage do it."""


class InvalidPlugin(PluginError, TypeError):
    """What the entry point loads does not keep the plugin contract."""


def fresh(error: E) -> E:
    """A new exception like `error`, caused by it: for each of many who are told of one fault.

    One instance raised in many tasks would gather the tracebacks of them all. The class's own `__init__` is not
    called, so that any signature will do.
    """
    copy = type(error).__new__(type(error))
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    copy.__cause__ = error
    return copy
