"""The schema: made, moved on from the first released one, compared, checked; and what it forbids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from commands import Run
from postgres.clusters import Cluster
from postgres.logs import Database, everything, make
from threadlog.log import FormatTooNew, HeadChange, LogNotFound, LogStopped
from threadlog_postgres import schema
from threadlog_postgres.schema import Migration

pytestmark = pytest.mark.anyio

FIRST_RELEASE = Path(__file__).parent / "schemas" / "0.1.sql"


async def test_a_log_from_the_first_release_is_moved_on(new_cluster: Callable[..., Cluster]) -> None:
    """A stored dump of the first released schema becomes what is made from scratch, and keeps its events."""
    cluster = new_cluster()
    database = Database(cluster.url())
    cluster.sql("CREATE ROLE house_app; CREATE ROLE house_redactor; GRANT house_app TO CURRENT_USER")
    cluster.load(FIRST_RELEASE.read_text())
    log = database.new(schema="house", create=False)
    async with database.connected() as connection:
        await schema.migrate(connection, log.place, ["pre", "post"])
        assert await schema.differences(connection, log.place) == []
    async with log:
        shard = log.shard_of("acme")
        events = await everything(log, shard)
        assert [event.append_id for event in events] == [f"append-{n // 2}" for n in range(8)]
        await log.append(shard, [make("t0", expected=4)])
        assert [head.title for head in (await log.list_heads("acme")).heads] == ["Title 3", "Title 2"]


async def test_migrations_are_applied_once_and_by_stage(database: Database) -> None:
    """First what the old version can live with, later the rest; each once, and only by name."""
    async with database.new() as log, database.connected() as connection:
        name = log.place.schema
        steps = [
            Migration("0002_more.pre", "pre", "CREATE TABLE {schema}.more (n integer)"),
            Migration("0003_less.post", "post", "DROP TABLE {schema}.more"),
        ]
        assert await schema.migrate(connection, log.place, ["pre"], steps) == ["0002_more.pre"]
        assert await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{name}.more")
        assert await schema.migrate(connection, log.place, ["pre", "post"], steps) == ["0003_less.post"]
        assert await schema.migrate(connection, log.place, ["pre", "post"], steps) == []
    with pytest.raises(FormatTooNew, match="0003_less"):
        await log.open()


async def test_a_migration_that_fails_changes_nothing(database: Database) -> None:
    """All or none of them."""
    async with database.new() as log, database.connected() as connection:
        steps = [
            Migration("0002_more.pre", "pre", "CREATE TABLE {schema}.more (n integer)"),
            Migration("0003_broken.pre", "pre", "SELECT 1 / 0"),
        ]
        with pytest.raises(asyncpg.DivisionByZeroError):
            await schema.migrate(connection, log.place, ["pre"], steps)
        assert [step.name for step in await schema.missing(connection, log.place.schema, steps)] == [
            "0002_more.pre",
            "0003_broken.pre",
        ]


async def test_no_log_is_made_where_none_was_asked_for(database: Database) -> None:
    """Opening to read, or without making, tells which command makes one."""
    with pytest.raises(LogNotFound, match="threadlog db migrate"):
        await database.new(create=False).open()


@pytest.mark.parametrize("role", ["app", "owner"])
@pytest.mark.parametrize("change", ["UPDATE {s}.event SET data = 'x'", "DELETE FROM {s}.event", "TRUNCATE {s}.event"])
async def test_events_are_never_changed(database: Database, role: str, change: str) -> None:
    """The application has no right to, and the owner is stopped by a trigger."""
    async with database.new() as log, database.connected() as connection:
        name = log.place.schema
        await log.append(0, [make()])
        await connection.execute("SELECT set_config('threadlog.tenants', '{acme}', false)")
        if role == "app":
            await connection.execute(f"SET ROLE {name}_app")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await connection.execute(change.format(s=name))
        assert refused.value.sqlstate == ("42501" if role == "app" else "TL003")


async def test_the_redactor_replaces_payloads_of_a_tenant_that_it_names(database: Database) -> None:
    """And nothing else: no number, no other tenant's, and it deletes nothing."""
    async with database.new() as log, database.connected() as connection:
        name = log.place.schema
        await log.append(0, [make(), make(tenant="other")])
        await connection.execute(f"SET ROLE {name}_redactor")
        assert await connection.execute(f"UPDATE {name}.event SET data = 'null'") == "UPDATE 0"
        await connection.execute("SELECT set_config('threadlog.tenants', '{acme}', false)")
        assert await connection.execute(f"UPDATE {name}.event SET data = 'null'") == "UPDATE 1"
        with pytest.raises(asyncpg.PostgresError, match="line break"):
            await connection.execute(f"UPDATE {name}.event SET data = '[1,\n2]'")
        for forbidden in (f"UPDATE {name}.event SET seq = 9", f"DELETE FROM {name}.event"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
        assert [event.data == b"null" for event in await everything(log)] == [True, False]


BROKEN = {
    "DROP INDEX {s}.head_by_owner": "index head_by_owner is missing",
    "DROP INDEX {s}.head_by_owner; CREATE INDEX head_by_owner ON {s}.head (tenant)": "index head_by_owner is altered",
    "DROP POLICY tenant ON {s}.event": "policy event.tenant is missing",
    "ALTER POLICY tenant ON {s}.snapshot USING (true)": "policy snapshot.tenant is altered",
    "CREATE POLICY more ON {s}.event USING (true)": "policy event.more is unknown",
    "ALTER TABLE {s}.head DISABLE ROW LEVEL SECURITY": "table head is altered",
    "ALTER TABLE {s}.event DISABLE TRIGGER refuse_change": "refuse_change is altered",
    "GRANT SELECT ON {s}.event_0 TO {s}_app": "right event_0 {s}_app is unknown",
    "GRANT UPDATE ON {s}.event TO {s}_app": "right event {s}_app is altered",
}


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.replace("{s}.", "")[:40])
async def test_check_finds_what_lowers_the_promise(database: Database, run: Run, script: str) -> None:
    """A missing or altered index, policy, trigger or right is named, and the command fails."""
    async with database.new() as log:
        name = log.place.schema
    url = database.place_url(name)
    await database.run(script.replace("{s}", name))
    done = run("db", "check", "--log", url)
    assert done.code == 1
    assert BROKEN[script].replace("{s}", name) in done.out


async def test_check_finds_settings_that_lose_commits(new_cluster: Callable[..., Cluster], run: Run) -> None:
    """A server that acknowledges before it has stored is named; and the log says so itself."""
    cluster = new_cluster(fsync="off", synchronous_commit="off")
    async with Database(cluster.url()).new(schema="threadlog") as log:
        assert log.info.durability == 0
    done = run("db", "check", "--log", cluster.url())
    assert done.code == 1
    assert "fsync is off" in done.out
    assert "synchronous_commit is off" in done.out


async def test_the_printed_script_makes_a_log(database: Database, run: Run) -> None:
    """`db ddl` gives applications with migrations of their own all there is; `db check` agrees, twice over."""
    name = database.schema("printed")
    url = database.place_url(name)
    await database.run(run("db", "ddl", "--log", url).out)
    assert run("db", "check", "--log", url).code == 0
    assert "nothing to apply" in run("db", "migrate", "--log", url).out
    async with database.new(schema=name, create=False) as log:
        await log.append(log.shard_of("acme"), [make(head=HeadChange(owner="alice"))])
        assert (await log.list_heads("acme")).heads


async def test_a_user_whom_no_policy_binds_is_refused(database: Database) -> None:
    """Where the role cannot be taken on, behind a pooler, whoever logs in must be bound by row-level security."""
    async with database.new() as log:
        name = log.place.schema
    with pytest.raises(LogStopped, match="row-level security"):
        await database.new(schema=name, pooler="transaction").open()
