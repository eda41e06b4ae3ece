"""What would lower the promise: settings of the server, and a schema or a role that is not as it should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import asyncpg
from msgspec import Struct

from threadlog.log import Durability
from threadlog_postgres import schema
from threadlog_postgres.place import Place

_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")

_BYPASSES = """
SELECT rolsuper OR rolbypassrls OR EXISTS (
    SELECT FROM pg_class WHERE oid = to_regclass($1) AND pg_has_role(current_user, relowner, 'USAGE')
) FROM pg_roles WHERE rolname = current_user
"""


class Complaint(Struct, frozen=True):
    """One thing that is not as it should be."""

    level: Literal["error", "warning"]
    place: str
    message: str


async def durability(connection: asyncpg.Connection[Any]) -> Durability:
    """The level that the server attains for this session."""
    settings = await _settings(connection)
    safe = (
        settings["fsync"] == "on" and settings["full_page_writes"] == "on" and settings["synchronous_commit"] != "off"
    )
    return Durability.DISK if safe else Durability.MEMORY


async def bypasses(connection: asyncpg.Connection[Any], name: str) -> bool:
    """Whether the session's role is bound by no row-level security."""
    return bool(await connection.fetchval(_BYPASSES, f"{name}.event"))


async def complaints(connection: asyncpg.Connection[Any], place: Place) -> AsyncIterator[Complaint]:
    """Everything to complain of, the gravest first.

    Args:
        connection: as the owner of the tables, or another who may make a schema in the database.
        place: where.
    """
    settings = await _settings(connection)
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if settings[name] == "off":
            yield Complaint("error", name, "is off: what is acknowledged may be lost in a crash; turn it on.")
    if settings["data_checksums"] == "off":
        yield Complaint("warning", "data_checksums", "is off: a broken disk goes unnoticed; see pg_checksums.")
    for step in await schema.missing(connection, place.schema):
        yield Complaint("error", step.name, "was not applied; run threadlog db migrate.")
    for name in await schema.unknown(connection, place.schema):
        yield Complaint("error", name, "is a migration of a newer threadlog; upgrade this one.")
    for one in await schema.differences(connection, place):
        grave = one.what != "unknown" or one.kind in ("policy", "right")
        yield Complaint("error" if grave else "warning", f"{one.kind} {one.name}", f"is {one.what}.")


async def _settings(connection: asyncpg.Connection[Any]) -> dict[str, str]:
    rows = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1)", list(_SETTINGS))
    return {row["name"]: row["setting"] for row in rows}
