"""Making the schema, moving it on to a newer version, and comparing it with what it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
from msgspec import Struct

from threadlog_postgres.place import Place

SHARDS = 4
"""Shards of a log that is made without a word about it."""

Stage = Literal["pre", "post"]

_FUNCTIONS = [f"functions/{part}.sql" for part in ("common", "append", "restore", "read", "heads", "snapshots")]

_SQL = files("threadlog_postgres").joinpath("sql")
_LOCK = "SELECT pg_advisory_xact_lock(1952803940, -1)"


class Migration(Struct, frozen=True):
    """One step from an older version of the schema."""

    name: str
    stage: Stage
    sql: str


class Difference(Struct, frozen=True):
    """One thing in the schema that is not as this version makes it."""

    kind: str
    name: str
    what: Literal["missing", "altered", "unknown"]


def ddl(place: Place, shards: int, log_id: UUID) -> str:
    """Everything that makes a log, as one script."""
    steps = ", ".join(f"('{step.name}')" for step in migrations())
    return "\n".join(
        [
            _text(place, "roles.sql"),
            _tables(place, shards),
            f"INSERT INTO {place.schema}.log (log_id, shards) VALUES ('{log_id}', {shards});",  # noqa: S608
            *([f"INSERT INTO {place.schema}.migration (name) VALUES {steps};"] if steps else []),  # noqa: S608
        ]
    )


def migrations() -> list[Migration]:
    """All steps, in order."""
    return [_migration(file.name, file.read_text()) for file in sorted(_migration_files(), key=lambda file: file.name)]


async def exists(connection: asyncpg.Connection[Any], schema: str) -> bool:
    """Whether the log's tables are there."""
    return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.log"))


async def make(connection: asyncpg.Connection[Any], place: Place, shards: int) -> None:
    """Make roles and schema, unless another process was quicker."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        if not await exists(connection, place.schema):
            await connection.execute(ddl(place, shards, uuid4()))


async def missing(
    connection: asyncpg.Connection[Any], schema: str, steps: Sequence[Migration] | None = None
) -> list[Migration]:
    """The migrations that a schema has not had."""
    had = {row["name"] for row in await connection.fetch(f"SELECT name FROM {schema}.migration")}  # noqa: S608
    return [step for step in (migrations() if steps is None else steps) if step.name not in had]


async def unknown(connection: asyncpg.Connection[Any], schema: str) -> list[str]:
    """The migrations that a newer threadlog made."""
    had = await connection.fetch(f"SELECT name FROM {schema}.migration ORDER BY name")  # noqa: S608
    known = {step.name for step in migrations()}
    return [row["name"] for row in had if row["name"] not in known]


async def migrate(
    connection: asyncpg.Connection[Any],
    place: Place,
    stages: Sequence[Stage],
    steps: Sequence[Migration] | None = None,
) -> list[str]:
    """Apply the missing migrations of some stages, all or none of them, and renew the functions.

    Args:
        connection: as the owner of the tables.
        place: where.
        stages: ``pre``, ``post`` or both.
        steps: the migrations there are; those that come with threadlog by default.

    Returns:
        Names of what was applied.
    """
    async with connection.transaction():
        await connection.execute(_LOCK)
        todo = [step for step in await missing(connection, place.schema, steps) if step.stage in stages]
        for step in todo:
            await connection.execute(_named(place, step.sql))
            insert = f"INSERT INTO {place.schema}.migration (name) VALUES ($1)"  # noqa: S608 - a checked name
            await connection.execute(insert, step.name)
        if "pre" in stages:
            for part in (*_FUNCTIONS, "rights.sql"):
                await connection.execute(_text(place, part))
        return [step.name for step in todo]


async def differences(connection: asyncpg.Connection[Any], place: Place) -> list[Difference]:
    """What is not as in a schema from scratch, which is made beside it for this and rolled back."""
    shards = await connection.fetchval(f"SELECT shards FROM {place.schema}.log")  # noqa: S608 - a checked name
    found = await _described(connection, place.schema)
    scratch = Place(dsn=place.dsn, doorbell_dsn=place.dsn, shown=place.shown, schema=f"{place.schema[:40]}_scratch")

    def name(text: str) -> str:
        return text.replace(scratch.schema, place.schema)

    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(_tables(scratch, shards, roles=place))
        described = await _described(connection, scratch.schema)
    finally:
        await transaction.rollback()
    wanted = {(kind, name(of)): name(text) for (kind, of), text in described.items()}
    return sorted(_compared(found, wanted), key=lambda one: (one.kind, one.name))


Described = dict[tuple[str, str], str]


def _compared(found: Described, wanted: Described) -> Iterator[Difference]:
    for key, definition in wanted.items():
        if key not in found:
            yield Difference(*key, "missing")
        elif found[key] != definition:
            yield Difference(*key, "altered")
    yield from (Difference(*key, "unknown") for key in found if key not in wanted)


async def _described(connection: asyncpg.Connection[Any], schema: str) -> Described:
    rows = await connection.fetch(_SQL.joinpath("describe.sql").read_text(), schema)
    return {(row["kind"], row["name"]): row["definition"] for row in rows}


def _tables(place: Place, shards: int, roles: Place | None = None) -> str:
    partitions = [
        f"CREATE TABLE {place.schema}.event_{shard} PARTITION OF {place.schema}.event FOR VALUES IN ({shard});"
        for shard in range(shards)
    ]
    parts = [_text(place, part, roles) for part in ("schema.sql", *_FUNCTIONS, "walls.sql", "rights.sql")]
    return "\n".join([parts[0], *partitions, *parts[1:]])


def _text(place: Place, part: str, roles: Place | None = None) -> str:
    return _named(place, _SQL.joinpath(part).read_text(), roles)


def _named(place: Place, text: str, roles: Place | None = None) -> str:
    names = {"schema": place.schema, "app": (roles or place).app_role, "redactor": (roles or place).redactor_role}
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


def _migration_files() -> list[Any]:
    return [file for file in _SQL.joinpath("migrations").iterdir() if file.name.endswith(".sql")]


def _migration(file: str, sql: str) -> Migration:
    name, stage, _ = file.rsplit(".", 2)
    assert stage in ("pre", "post"), f"{file} must end with .pre.sql or .post.sql"
    return Migration(name=f"{name}.{stage}", stage="pre" if stage == "pre" else "post", sql=sql)
