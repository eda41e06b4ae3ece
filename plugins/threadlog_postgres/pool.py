"""Connections: SQLAlchemy's pool, and the driver's own connection for the hot paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast
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


class _Loan(NamedTuple):
    """A connection that the pool has lent."""

    lent: PoolProxiedConnection
    driver: asyncpg.Connection[Any]


class Pool:
    """A pool of connections to the database of a place. Opens none before the first is asked for.

    What a call gives back stays at hand for the next one, and goes back to SQLAlchemy's pool only when somebody waits
    there: to check out and in would take a sixth of the time of an append.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._at_hand: list[_Loan] = []
        self._waiting = 0
        self._warned: set[asyncpg.Connection[Any]] = set()
        self._closed = False
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

    async def fetch(self, query: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
        """Run a query in a transaction of its own.

        Raises:
            NotReplicated: the server did it, but warned.
        """
        loan = await self._take()
        try:
            rows = await loan.driver.fetch(query, *arguments, timeout=self._place.timeout)
            if loan.driver in self._warned:
                raise faults.NotReplicated
        except BaseException as error:
            self._take_back(loan, error)
            raise
        self._take_back(loan)
        return rows

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[asyncpg.Connection[Any], None]:
        """Lend the driver's connection; one that broke or was left in the middle of a call is not lent again."""
        loan = await self._take()
        try:
            yield loan.driver
        except BaseException as error:
            self._take_back(loan, error)
            raise
        self._take_back(loan)

    async def close(self) -> None:
        """Close all connections; one that is lent, when it comes back."""
        self._closed = True
        for loan in self._at_hand:
            loan.lent.close()
        self._at_hand.clear()
        await self._engine.dispose()

    async def _take(self) -> _Loan:
        """A connection that is not known to be dead, as those are that were idle when the server stopped."""
        while True:
            loan = self._at_hand.pop() if self._at_hand else await self._borrow()
            if not loan.driver.is_closed():
                return loan
            _discard(loan)

    async def _borrow(self) -> _Loan:
        self._waiting += 1
        try:
            with faults.connecting():
                lent = await self._engine.raw_connection()
        finally:
            self._waiting -= 1
        return _Loan(lent, cast("asyncpg.Connection[Any]", lent.driver_connection))

    def _take_back(self, loan: _Loan, error: BaseException | None = None) -> None:
        broken = error is not None and not isinstance(error, asyncpg.PostgresError)
        if broken or self._closed or loan.driver.is_closed():
            self._warned.discard(loan.driver)
            _discard(loan)
        elif self._waiting:
            loan.lent.close()
        else:
            self._at_hand.append(loan)

    async def _connect(self) -> asyncpg.Connection[Any]:
        place = self._place
        driver = await connect(place.dsn, role=None if place.pooler else place.app_role, pooler=place.pooler)
        driver.add_log_listener(self._notice)
        return driver

    def _notice(self, driver: Any, message: asyncpg.PostgresLogMessage) -> None:
        if message.severity_en == "WARNING":
            self._warned.add(driver)


def _discard(loan: _Loan) -> None:
    loan.driver.terminate()
    loan.lent.invalidate()
    loan.lent.close()


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
    settings = {
        "application_name": name,
        "jit": "off",
        "default_transaction_isolation": "read committed",
        "plan_cache_mode": "force_generic_plan",  # or Postgres may plan a call each time, which takes longer than it
    }
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
