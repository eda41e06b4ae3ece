"""The second wall: a query that forgets the tenant finds nothing of others, after a pooled connection served them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from postgres.logs import Database, make
from threadlog.log import HeadChange, Snapshot
from threadlog_postgres.log import PostgresLog

pytestmark = pytest.mark.anyio

TABLES = ("event", "head", "snapshot")


@asynccontextmanager
async def served(database: Database) -> AsyncGenerator[tuple[PostgresLog, asyncpg.Connection[Any]], None]:
    """A log, and its one connection after it has served a tenant with something in every table."""
    async with database.new(pool_size=1) as log:
        await log.append(0, [make(tenant="other", head=HeadChange(owner="bob"))])
        await log.save_snapshot(
            Snapshot(tenant="other", thread_id="t", projection="p", version=1, seq=1, check="x", state=b"{}")
        )
        assert (await log.read_thread("other", "t")).events
        async with log._opened().connection() as connection:
            yield log, connection


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("tenants", [None, "", "{}", "{acme}"])
async def test_a_query_that_forgets_the_tenant_sees_nothing_of_others(
    database: Database, table: str, tenants: str | None
) -> None:
    """Whether nothing was set, nothing is named, or another tenant is."""
    async with served(database) as (log, connection), connection.transaction():
        if tenants is not None:
            await connection.execute("SELECT set_config('threadlog.tenants', $1, true)", tenants)
        assert await connection.fetch(f"SELECT * FROM {log.place.schema}.{table}") == []
        await connection.execute("SELECT set_config('threadlog.tenants', '{other}', true)")
        assert len(await connection.fetch(f"SELECT * FROM {log.place.schema}.{table}")) == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM {s}.event_0",
        "INSERT INTO {s}.event_0 SELECT * FROM {s}.event",
        "UPDATE {s}.event_0 SET data = ''",
        "DELETE FROM {s}.event_0",
        "DELETE FROM {s}.head",
        "DELETE FROM {s}.snapshot",
        "INSERT INTO {s}.log VALUES (false, gen_random_uuid(), 1)",
        "DELETE FROM {s}.migration",
        "ALTER TABLE {s}.event DISABLE ROW LEVEL SECURITY",
    ],
)
async def test_partitions_and_what_is_not_the_applications_are_closed(database: Database, query: str) -> None:
    """A partition knows no policy of its parent, so there is no right on it; nor on what is never changed."""
    async with served(database) as (log, connection):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(query.format(s=log.place.schema))


WRITES = {
    "event": "INSERT INTO {s}.event (shard, position, tenant, thread_id, seq, id, append_id, first, type, version, "
    "time_us, data) VALUES (0, 99, 'other', 't', 99, gen_random_uuid(), 'x', true, 'x', 1, 1, 'x')",
    "head": "INSERT INTO {s}.head (shard, tenant, thread_id, position, created_us) VALUES (0, 'other', 'u', 99, 1)",
    "snapshot": "INSERT INTO {s}.snapshot VALUES ('other', 'u', 'p', 1, 1, 'x', 'x')",
}


@pytest.mark.parametrize("table", TABLES)
async def test_nothing_is_written_for_a_tenant_that_was_not_named(database: Database, table: str) -> None:
    """Insert is refused, and an update that forgets the tenant reaches no row of others."""
    async with served(database) as (log, connection), connection.transaction():
        await connection.execute("SELECT set_config('threadlog.tenants', '{acme}', true)")
        if table != "event":
            column = "owner" if table == "head" else "projection"
            assert await connection.execute(f"UPDATE {log.place.schema}.{table} SET {column} = 'eve'") == "UPDATE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(WRITES[table].format(s=log.place.schema))


async def test_where_shards_end_shows_numbers_only(database: Database) -> None:
    """The one view past row-level security has no column that tells of a tenant."""
    async with served(database) as (log, connection):
        rows = await connection.fetch(f"SELECT * FROM {log.place.schema}.event_position")
        assert [sorted(row.keys()) for row in rows] == [["position", "shard", "time_us"]]


async def test_the_role_is_bound(database: Database) -> None:
    """The application's role owns nothing and bypasses nothing."""
    async with served(database) as (log, connection):
        role = await connection.fetchrow(
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = current_user"
        )
        assert role is not None
        assert tuple(role) == (log.place.app_role, False, False, False)
        owned = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
        assert await connection.fetchval(owned) == 0
