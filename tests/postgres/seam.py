"""The Postgres log's seam for the conformance kit: the N-th call of the driver loses its connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from threadlog.testing import Faults, NthCall

CALLS = ("execute", "fetch", "fetchrow", "fetchval")


@contextmanager
def seam(call: NthCall) -> Iterator[None]:
    """A block in which connections end: before a call is sent, or (``late``) when the server has done what it says."""
    with ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(mock.patch.object(asyncpg.Connection, name, _losing(name, call)))
        stack.enter_context(mock.patch.object(PreparedStatement, "fetch", _losing_prepared(call)))
        stack.enter_context(mock.patch.object(asyncpg, "connect", _refusing(call)))
        yield


def _losing(name: str, call: NthCall) -> Callable[..., Any]:
    real = getattr(asyncpg.Connection, name)

    async def method(connection: asyncpg.Connection[Any], query: str, *arguments: Any, **options: Any) -> Any:
        return await _lost(call, connection, query, lambda: real(connection, query, *arguments, **options))

    return method


def _losing_prepared(call: NthCall) -> Callable[..., Any]:
    real = PreparedStatement.fetch

    async def fetch(statement: PreparedStatement[Any], *arguments: Any) -> Any:
        connection = statement._connection
        return await _lost(call, connection, statement.get_query(), lambda: real(statement, *arguments))

    return fetch


async def _lost(
    call: NthCall, connection: asyncpg.Connection[Any], query: str, real: Callable[[], Awaitable[Any]]
) -> Any:
    struck = call.strikes(" ".join(query.split())[:80])
    result = None if struck and call.kind != "late" else await real()
    if struck:
        connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("made to fail")
    return result


def _refusing(call: NthCall) -> Callable[..., Any]:
    real = asyncpg.connect

    async def connect(*arguments: Any, **options: Any) -> asyncpg.Connection[Any]:
        if call.strikes("connect"):
            raise ConnectionRefusedError("made to fail")
        return await real(*arguments, **options)

    return connect


FAULTS = Faults(seam=seam, kinds=("lost", "late"))
