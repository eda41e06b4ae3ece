"""The command `threadlog db`: care of the schema."""

from __future__ import annotations

import enum
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import typer

from threadlog.cli.errors import ExitCode, UsageFault
from threadlog.cli.invocation import Invocation, command
from threadlog.log import LogNotFound
from threadlog_postgres import care, faults, schema
from threadlog_postgres.place import Place
from threadlog_postgres.pool import connect


class Action(enum.StrEnum):
    """What to do with the schema."""

    MIGRATE = "migrate"
    DDL = "ddl"
    CHECK = "check"


class Part(enum.StrEnum):
    """Which migrations to apply."""

    PRE = "pre"
    POST = "post"
    ALL = "all"


ActionArgument = Annotated[
    Action, typer.Argument(metavar="ACTION", help="migrate: make or move on; ddl: print all SQL; check: find faults.")
]
StageOption = Annotated[
    Part, typer.Option("--stage", help="Before (pre) or after (post) the last process of the old version has gone.")
]


@command
async def db(invocation: Invocation, *, action: ActionArgument, stage: StageOption = Part.ALL) -> ExitCode:
    """Make, move on or check the schema of a log in Postgres."""
    if invocation.url.scheme != "postgresql":
        raise UsageFault(f"{invocation.url} is no log in Postgres; name one with --log postgresql://HOST/DATABASE.")
    place = Place.parse(invocation.url)
    shards = invocation.settings.log.shards or schema.SHARDS
    if action is Action.DDL:
        invocation.output.line(schema.ddl(place, shards, uuid4()))
        return ExitCode.OK
    with faults.reading():
        connection = await connect(place.dsn)
        try:
            if action is Action.MIGRATE:
                return await _migrate(invocation, connection, place, stage, shards)
            return await _check(invocation, connection, place)
        finally:
            await connection.close()


async def _migrate(
    invocation: Invocation, connection: asyncpg.Connection[Any], place: Place, stage: Part, shards: int
) -> ExitCode:
    if not await schema.exists(connection, place.schema):
        await schema.make(connection, place, shards)
        invocation.output.line(f"schema {place.schema} made, with {shards} shards")
        return ExitCode.OK
    stages: list[schema.Stage] = ["pre", "post"] if stage is Part.ALL else ["pre" if stage is Part.PRE else "post"]
    applied = await schema.migrate(connection, place, stages)
    invocation.output.line(f"applied: {', '.join(applied)}" if applied else "nothing to apply")
    return ExitCode.OK


async def _check(invocation: Invocation, connection: asyncpg.Connection[Any], place: Place) -> ExitCode:
    if not await schema.exists(connection, place.schema):
        raise LogNotFound(f"{place.shown} has no schema {place.schema}; run threadlog db migrate.")
    styles = {"error": "red", "warning": "yellow"}
    failed = False
    async for one in care.complaints(connection, place):
        invocation.output.spans((f"{one.level}: ", styles[one.level]), (f"{one.place} {one.message}", ""))
        failed = failed or one.level == "error"
    if not failed:
        invocation.output.line(f"schema {place.schema} keeps its promise")
    return ExitCode.FAILED if failed else ExitCode.OK
