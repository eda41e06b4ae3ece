"""Errors of the driver and the server, in the contract's words. Decided by code, never by message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from threadlog.log import LogBusy, LogError, LogStopped, OutcomeUnknown, StorageFull

LOCK_NOT_HAD = "55P03"
DISK_FULL = "53100"
OTHER_HISTORY = ("TL002", "23505")
"""What is restored does not follow on what is there: the shard has moved on, or an append id is taken."""

_GONE = ("08", "57P")
"""The connection ended, or the server is going: what it was doing may yet be committed."""
_AGAIN = ("40", "53", "55P03", "57014")
"""Rolled back for a reason that passes: deadlock, too many connections, a lock, a timeout."""

_REFUSED = ("28", "3D", "42")
"""Wrong user or password, no such database, no right or no such table: trying again does not help."""

_DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises by itself; the second is how it stumbles over a connection that ends between two messages."""


class NotConnected(Exception):
    """No connection was to be had, so that nothing was sent."""


class NotReplicated(Exception):
    """The server did what it was told, and warned.

    None of the log's calls has anything to be warned of, but that its commit no longer waits for a standby (cancelled
    by somebody): then it is stored here, and may be lost with this machine.
    """


_POOL = (DBAPIError, PoolTimeoutError, AsyncAdapt_asyncpg_dbapi.Error)
"""What SQLAlchemy's pool raises; the last in what it asks a first connection, which it leaves as it is."""

FAILURES = (asyncpg.PostgresError, *_DRIVER, *_POOL, OSError, NotConnected, NotReplicated)
"""What a call may end with that `of_read` and `of_write` translate."""


@contextmanager
def reading() -> Iterator[None]:
    """Translate what a read raises."""
    try:
        yield
    except LogError:  # some of which are an OSError, too
        raise
    except FAILURES as error:
        raise of_read(error) from error


@contextmanager
def connecting() -> Iterator[None]:
    """Tell the failure to get a connection from the failure of one."""
    try:
        yield
    except FAILURES as error:
        raise NotConnected from driver_error(error)


def is_lost(error: BaseException) -> bool:
    """Whether a connection ended, so that a read may be tried on another."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_GONE)
    return isinstance(error, (*_DRIVER, ConnectionError))


def driver_error(error: BaseException) -> BaseException:
    """What the driver raised, out of SQLAlchemy's wrapping."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error):
        error = error.__cause__ or error
    return error


def of_read(error: BaseException) -> LogError:
    """The error that a read raises for one of `FAILURES`."""
    shown = error.__cause__ if isinstance(error, NotConnected) and error.__cause__ else error
    code = getattr(shown, "sqlstate", None)
    if code and code.startswith(_REFUSED):
        return LogStopped(
            f"Postgres refuses (SQLSTATE {code}): check the user, the password and the database of the URL, and run "
            "`threadlog db check`."
        )
    told = f"SQLSTATE {code}" if code else type(driver_error(shown)).__name__  # never its text, which may quote the URL
    return LogBusy(f"Postgres did not answer ({told}); try again.")


def of_write(error: BaseException) -> LogError:
    """The error that a write raises for one of `FAILURES`; a lost connection leaves its outcome unknown."""
    if isinstance(error, NotConnected):
        return LogBusy("no connection to Postgres was to be had in time; nothing was written, try again.")
    if isinstance(error, NotReplicated):
        return OutcomeUnknown("the wait for a synchronous standby was cancelled; retry under the same append id.")
    code = getattr(error, "sqlstate", None)
    if code is None or code.startswith(_GONE):
        return OutcomeUnknown("the connection to Postgres ended before its answer; retry under the same append id.")
    if code == LOCK_NOT_HAD:
        return LogBusy("the shard's lock was not had in time; nothing was written, try again.")
    if code == DISK_FULL:
        return StorageFull("Postgres has no room left; free some and try again.")
    if code.startswith(_AGAIN):
        return LogBusy(f"Postgres could not do it now (SQLSTATE {code}); nothing was written, try again.")
    return LogStopped(
        f"Postgres refuses to append (SQLSTATE {code}) and nothing was written; run `threadlog db check`."
    )
