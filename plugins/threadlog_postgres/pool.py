"""Connections: SQLAlchemy's pool, and the driver's own connection for the hot paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from threadlog.log import LogClosed
from threadlog_postgres import faults
from threadlog_postgres.place import Place

POOL_WAIT = 10.0
"""Seconds that a call waits for a free connection."""
CONNECT_WAIT = 5.0
"""Seconds in which a connection must come up."""
LOOKS = 8
"""How often within a place's timeout the pool looks for calls that are late."""


class _Loan:
    """A connection that the pool lends, and the statements that were prepared on it."""

    __slots__ = ("_prepared", "driver", "late", "lent")

    def __init__(self, lent: PoolProxiedConnection) -> None:
        self.lent = lent
        self.driver = cast("asyncpg.Connection[Any]", lent.driver_connection)
        self.late = False
        """Whether it was ended because it took too long."""
        # Kept by the connection's record: this loan ends when the connection goes back to SQLAlchemy's pool.
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = lent.info.setdefault("prepared", {})

    async def fetch(self, query: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
        """Run a query that is kept prepared here: sooner than by the driver's own cache of statements."""
        statement = self._prepared.get(query)
        if statement is None:
            statement = self._prepared[query] = await self.driver.prepare(query)
        try:
            return await statement.fetch(*arguments)
        except asyncpg.InvalidCachedStatementError:  # a migration has changed what it answers; nothing was done
            self._prepared.clear()
            return await self.driver.fetch(query, *arguments)

    def discard(self) -> None:
        """End the connection, and let the pool forget it."""
        self.driver.terminate()
        self.lent.invalidate()
        self.lent.close()


class Pool:
    """A pool of connections to the database of a place. Opens none before the first is asked for.

    What a call gives back stays at hand for the next one, and goes back to SQLAlchemy's pool only when somebody waits
    there: to check out and in would take a sixth of the time of an append. For the same reason one timer looks after
    all calls: who takes longer than the place's timeout loses the connection.

    Args:
        place: where to.
        on_connect: is called with each new connection, which may lead to a server with another history.
    """

    def __init__(self, place: Place, on_connect: Callable[[], object]) -> None:
        self._place, self._on_connect = place, on_connect
        self._at_hand: list[_Loan] = []
        self._out: dict[_Loan, float] = {}
        """What is lent, and until when (time of the event loop)."""
        self._timer: asyncio.TimerHandle | None = None
        self._all_back: asyncio.Future[None] | None = None
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
            TimeoutError: it took too long.
        """
        loan = await self._take()
        try:
            if self._place.pooler:
                rows = await loan.driver.fetch(query, *arguments)
            else:
                rows = await loan.fetch(query, arguments)
            if loan.driver in self._warned:
                raise faults.NotReplicated
        except BaseException as error:
            self._take_back(loan, error)
            if loan.late and isinstance(error, Exception):
                raise TimeoutError from error
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
        """Close all connections; those that are lent when they come back, or when they are late."""
        self._closed = True
        for loan in self._at_hand:
            loan.lent.close()
        self._at_hand.clear()
        if self._out:
            self._all_back = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._all_back], timeout=self._place.timeout)
            self._end(list(self._out))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._engine.dispose()

    async def ready(self) -> None:
        """Have a connection at hand that is not known to be dead, as those are that were idle when the server stopped.

        A `fetch` that follows at once goes by it, so that what was known when this ended holds for it.
        """
        while not self._at_hand or self._at_hand[-1].driver.is_closed():
            if self._at_hand:
                self._at_hand.pop().discard()
            else:
                self._at_hand.append(await self._borrow())

    async def _take(self) -> _Loan:
        await self.ready()
        loan = self._at_hand.pop()
        loop = asyncio.get_running_loop()
        self._out[loan] = loop.time() + self._place.timeout
        if self._timer is None:
            self._timer = loop.call_later(self._place.timeout / LOOKS, self._end_the_late, loop)
        return loan

    async def _borrow(self) -> _Loan:
        self._waiting += 1
        try:
            with faults.connecting():
                loan = _Loan(await self._engine.raw_connection())
        finally:
            self._waiting -= 1
        if self._closed:
            loan.discard()
            raise LogClosed("the log was closed meanwhile.")
        return loan

    def _take_back(self, loan: _Loan, error: BaseException | None = None) -> None:
        del self._out[loan]
        broken = error is not None and not isinstance(error, asyncpg.PostgresError)
        if broken or self._closed or loan.driver.is_closed():
            self._warned.discard(loan.driver)
            loan.discard()
        elif self._waiting:
            loan.lent.close()
        else:
            self._at_hand.append(loan)
        if self._all_back is not None and not self._out and not self._all_back.done():
            self._all_back.set_result(None)

    def _end_the_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._end([loan for loan, until in self._out.items() if loop.time() >= until])
        self._timer = None
        if self._out:
            self._timer = loop.call_later(self._place.timeout / LOOKS, self._end_the_late, loop)

    def _end(self, loans: Sequence[_Loan]) -> None:
        """Have calls end with an error, because they are late."""
        for loan in loans:
            loan.late = True
            loan.driver.terminate()

    async def _connect(self) -> asyncpg.Connection[Any]:
        place = self._place
        driver = await connect(place.dsn, role=None if place.pooler else place.app_role, pooler=place.pooler)
        driver.add_log_listener(self._notice)
        self._on_connect()
        return driver

    def _notice(self, driver: Any, message: asyncpg.PostgresLogMessage) -> None:
        if message.severity_en == "WARNING":
            self._warned.add(driver)


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
