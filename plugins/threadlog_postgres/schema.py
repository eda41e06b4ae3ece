"""Making the schema."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from uuid import uuid4

import asyncpg

from threadlog_postgres.place import Place

SHARDS = 4
"""Shards of a log that is made without a word about it."""

PARTS = ("schema.sql", "functions.sql", "walls.sql")


def ddl(schema: str, app: str, redactor: str, shards: int) -> str:
    """Everything that makes the log's schema, as one script."""
    texts = [files("threadlog_postgres").joinpath("sql", part).read_text() for part in PARTS]
    partitions = [
        f"CREATE TABLE {schema}.event_{shard} PARTITION OF {schema}.event FOR VALUES IN ({shard});"
        for shard in range(shards)
    ]
    script = "\n".join([texts[0], *partitions, *texts[1:]])
    return script.replace("{schema}", schema).replace("{app}", app).replace("{redactor}", redactor)


async def exists(connection: asyncpg.Connection[Any], schema: str) -> bool:
    """Whether the log's tables are there."""
    return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.log"))


async def make(connection: asyncpg.Connection[Any], place: Place, shards: int) -> None:
    """Make roles and schema, unless another process was quicker."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(1952803940, -1)")
        if await exists(connection, place.schema):
            return
        for role in (place.app_role, place.redactor_role):
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"CREATE ROLE {role} NOLOGIN")
        await connection.execute(f"GRANT {place.app_role} TO CURRENT_USER")
        await connection.execute(ddl(place.schema, place.app_role, place.redactor_role, shards))
        insert = f"INSERT INTO {place.schema}.log (log_id, shards) VALUES ($1, $2)"  # noqa: S608 - a checked name
        await connection.execute(insert, uuid4(), shards)
