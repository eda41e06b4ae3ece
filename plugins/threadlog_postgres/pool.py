"""Connections: SQLAlchemy's pool, and the driver's own connection for the hot paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import asyncpg
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from threadlog_postgres import faults
from threadlog_postgres.place import Place

POOL_WAIT = 10.0
"""Seconds that a call waits for a free connection."""
CONNECT_WAIT = 5.0
"""Seconds in which a connection must come up."""


class Pool:
    """A pool of connections to the database of a place. Opens none before the first is asked for."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            isolation_level="AUTOCOMMIT",
            pool_size=place.pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT,
            pool_reset_on_return=None,  # each call is a transaction of its own: nothing is left to reset
            hide_parameters=True,
            connect_args={"prepared_statement_name_func": _unique_name} if place.pooler else {},
        )

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[asyncpg.Connection[Any], None]:
        """Lend the driver's connection; one that broke or was left in the middle of a call is not lent again."""
        lent, driver = await self._take()
        try:
            yield driver
        except BaseException as error:
            if driver.is_closed() or not isinstance(error, asyncpg.PostgresError):
                driver.terminate()
                lent.invalidate()
            raise
        finally:
            lent.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def _take(self) -> tuple[PoolProxiedConnection, asyncpg.Connection[Any]]:
        """A connection that is not known to be dead, as those are that were idle when the server stopped."""
        with faults.connecting():
            while True:
                lent = await self._engine.raw_connection()
                driver = cast("asyncpg.Connection[Any]", lent.driver_connection)
                if not driver.is_closed():
                    return lent, driver
                lent.invalidate()
                lent.close()

    async def _connect(self) -> asyncpg.Connection[Any]:
        place = self._place
        return await connect(place.dsn, role=None if place.pooler else place.app_role, pooler=place.pooler)


def _unique_name() -> str:
    """A statement's name that no other client of the pooler has given."""
    return f"threadlog_{uuid4().hex}"


async def connect(
    dsn: str, *, role: str | None = None, name: str = "threadlog", pooler: bool = False
) -> asyncpg.Connection[Any]:
    """Open one connection, in the state that the log's calls need.

    Args:
        dsn: where to.
        role: the role to act as, so that row-level security binds whoever logs in.
        name: what ``pg_stat_activity`` shows.
        pooler: whether nothing may be left in the session, as another client gets the server's end of it next.
    """
    settings = {"application_name": name, "jit": "off", "default_transaction_isolation": "read committed"}
    if role is not None:
        settings["role"] = role
    how: dict[str, Any] = {"statement_cache_size": 0} if pooler else {"server_settings": settings}
    opening = asyncio.ensure_future(asyncpg.connect(dsn, timeout=CONNECT_WAIT, **how))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # Let it come up before it is thrown away: the driver leaves the socket of a half-open connection to the
        # garbage collector.
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            opening.result().terminate()
        raise
