"""Errors of the driver and the server, in the contract's words. Decided by code, never by message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from threadlog.log import LogBusy, LogError, LogStopped, OutcomeUnknown, StorageFull

LOCK_NOT_HAD = "55P03"
DISK_FULL = "53100"
WRONG_ISOLATION = "TL001"
MOVED_ON = "TL002"
READ_ONLY = "25006"


@contextmanager
def writing() -> Iterator[None]:
    """Translate what a write raises; a lost connection leaves its outcome unknown."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, OSError, PoolTimeoutError) as error:
        raise _of_write(_driver_error(error)) from error


@contextmanager
def reading() -> Iterator[None]:
    """Translate what a read raises."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, OSError, PoolTimeoutError) as error:
        if isinstance(error, LogError):
            raise
        raise LogBusy(f"Postgres did not answer ({type(_driver_error(error)).__name__}); try again.") from error


def _of_write(error: BaseException) -> LogError:
    if isinstance(error, LogError):
        return error
    code = getattr(error, "sqlstate", None)
    if code == LOCK_NOT_HAD:
        return LogBusy("the shard's lock was not had in time; nothing was written, try again.")
    if code == DISK_FULL:
        return StorageFull("Postgres has no room left; free some and try again.")
    if code in (READ_ONLY, WRONG_ISOLATION) or isinstance(error, asyncpg.InsufficientPrivilegeError):
        return LogStopped(f"Postgres refuses to append here (SQLSTATE {code}); run `threadlog db check`.")
    if isinstance(error, PoolTimeoutError | ConnectionRefusedError | asyncpg.CannotConnectNowError):
        return LogBusy("no connection to Postgres was to be had in time; nothing was written, try again.")
    return OutcomeUnknown("the connection to Postgres ended before its answer; retry under the same append id.")


def _driver_error(error: BaseException) -> BaseException:
    """What the driver raised, out of SQLAlchemy's wrapping."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
