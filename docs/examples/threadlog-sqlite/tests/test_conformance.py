# ruff: noqa: SLF001 - the tests break the disk under the log
"""The log in SQLite keeps every clause of the contract."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from threadlog.log import Capability, Durability, EventLog
from threadlog.testing import Backend, EventLogConformance, Faults, NthCall
from threadlog_sqlite import SQLiteLog


class FailingConnection(sqlite3.Connection):
    """A connection whose commits fail as they do on a broken disk."""

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return super().execute(sql, *values)


@contextmanager
def failing_disk(log: EventLog) -> Iterator[None]:
    """A block in which the disk under an open log is broken."""
    assert isinstance(log, SQLiteLog)
    whole = log._database
    log._database = sqlite3.connect(
        log.info.location, isolation_level=None, check_same_thread=False, factory=FailingConnection
    )
    try:
        yield
    finally:
        log._database.close()
        log._database = whole


ERRORS = {"error": sqlite3.SQLITE_IOERR_FSYNC, "full": sqlite3.SQLITE_FULL, "late": sqlite3.SQLITE_IOERR_FSYNC}


def connection_of(call: NthCall) -> type[sqlite3.Connection]:
    """A class of connections whose statements ask whether they fail: before they are done, or (``late``) after."""

    def asking(name: str) -> Callable[..., Any]:
        real = getattr(sqlite3.Connection, name)

        def statement(database: sqlite3.Connection, sql: str, *values: object) -> object:
            struck = call.strikes(sql)
            if struck and call.kind == "late":
                real(database, sql, *values).close()
            if struck:
                error = sqlite3.OperationalError("made to fail")
                error.sqlite_errorcode = ERRORS[call.kind]
                raise error
            return real(database, sql, *values)

        return statement

    names = ("execute", "executemany", "executescript")
    return type("FaultyConnection", (sqlite3.Connection,), {name: asking(name) for name in names})


@contextmanager
def seam(call: NthCall) -> Iterator[None]:
    """A block in which the plugin's connections have faulty statements."""
    with mock.patch.object(sqlite3, "connect", partial(sqlite3.connect, factory=connection_of(call))):
        yield


class TestSQLite(EventLogConformance):
    """Through the entry point."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Logs in a folder of their own for each test."""
        return Backend.of_url(
            lambda place: f"sqlite:{tmp_path}/{place}.db",
            durability=Durability.DISK,
            capabilities=frozenset({Capability.PERSISTENT, Capability.OTHER_READERS, Capability.OTHER_WRITERS}),
            examples=60,
            fault=failing_disk,
            faults=Faults(seam=seam, kinds=("error", "full", "late")),
        )
