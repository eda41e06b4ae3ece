"""Hot queries go by their index: no sort, no scan, and no more rows than they give.

The queries stand inside functions, so their plans are taken where Postgres writes them: by ``auto_explain``, in the
server's log, with row-level security on and a table that is large enough to tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from conftest import required
from postgres.clusters import Cluster, installations
from postgres.logs import Database, make
from threadlog.log import Append, HeadChange
from threadlog_postgres import calls
from threadlog_postgres.ends import Ends
from threadlog_postgres.log import PostgresLog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

THREADS, EVENTS, STEP = 4_000, 3, 500
_MARK = "plan:\n"


def stranger(log: PostgresLog) -> PostgresLog:
    """The log, as if this process had never written to it."""
    log._ends.clear()
    return log


HOT = {
    "a lone append": lambda log: log.append(0, [make("t7")]),
    "a stranger's lone append": lambda log: stranger(log).append(0, [make("t17", expected=EVENTS)]),
    "a lone append of several events": lambda log: log.append(0, [make("t9", events=3)]),
    "a lone change of a head": lambda log: log.append(0, [make("t11", head=HeadChange(title="x"))]),
    "a conflict": lambda log: log.append(0, [make("t13", expected=99)]),
    "a retry": lambda log: log.append(0, [make("t15", name="again")]),
    "a retry that is known": lambda log: log.append(0, [make("t15", name="again")]),
    "a batch": lambda log: log.append(0, [make(f"t{n}") for n in range(50)]),
    "a batch to known threads": lambda log: log.append(0, [make(f"t{n}") for n in range(50)]),
    "a batch to known threads, with heads": lambda log: log.append(
        0, [make(f"t{n}", events=2, head=HeadChange(title="x")) for n in range(50)]
    ),
    "a stranger's batch": lambda log: stranger(log).append(0, [make(f"t{n}") for n in range(50)]),
    "a thread forward": lambda log: log.read_thread("acme", "t7", after=3, limit=5),
    "a thread backward": lambda log: log.read_thread("acme", "t7", backward=True, limit=5),
    "a shard": lambda log: log.read_shard(0, after=500, limit=50),
    "a tenant of a shard": lambda log: log.read_shard(0, after=500, limit=50, tenant="acme"),
    "where a shard ends": lambda log: log._last_position(0),
    "all heads": lambda log: log.list_heads("acme", limit=5),
    "an owner's heads": lambda log: log.list_heads("acme", owner="user7", after="t7", limit=5),
    "a snapshot": lambda log: log.load_snapshot("acme", "t7", "p", 1),
}


async def fill(log: PostgresLog) -> None:
    """Threads with enough in them that a scan would cost more than an index."""
    for start in range(0, THREADS, STEP):
        appends: list[Append] = [
            make(f"t{n}", tenant="acme" if n % 2 else "other", events=EVENTS, head=HeadChange(owner=f"user{n % 40}"))
            for n in range(start, start + STEP)
        ]
        await log.append(0, appends)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def plans(text: str) -> list[dict[str, Any]]:
    """The plans in a server's log."""
    return [json.JSONDecoder().raw_decode(part.replace("\t", ""))[0] for part in text.split(_MARK)[1:]]


@pytest.fixture
def explaining() -> Iterator[Cluster]:
    """A server that writes down the plan of every query, those inside functions too; the wheel's lacks the module."""
    found = installations().get("15")
    required("PostgreSQL 15", found=found is not None, remedy="apt-get install postgresql-15")
    assert found is not None
    cluster = Cluster(found)
    yield cluster.make(
        **{
            "autovacuum": "off",  # the test says when statistics are made
            "session_preload_libraries": "'auto_explain'",
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on",
            "auto_explain.log_analyze": "on",
            "auto_explain.log_timing": "off",
            "auto_explain.log_format": "json",
            "log_min_messages": "log",
            "log_line_prefix": "''",
        }
    )
    cluster.remove()


@pytest.mark.parametrize("planned", ["while the log was empty", "while few events were known", "with statistics"])
async def test_hot_queries_go_by_their_index(explaining: Cluster, planned: str) -> None:
    """Nothing but its own arrays is sorted, and no table is scanned, whatever was known when the plan was made."""
    wrong: list[str] = []
    async with Database(explaining.url()).new(pool_size=1, schema="house") as log:
        for turn in range(2):
            for call in HOT.values():
                await call(log)  # type: ignore[no-untyped-call]
            if planned == "while few events were known" and turn == 0:
                explaining.sql("ANALYZE")
        await fill(log)
        explaining.sql(
            "INSERT INTO house.snapshot SELECT 'acme', 't' || n, 'p', 1, 3, 'x', 'x' FROM generate_series(1, 4000) n"
        )
        if planned == "with statistics":
            explaining.sql("ANALYZE")
        for name, call in HOT.items():
            before = (explaining.folder / "log").stat().st_size
            await call(log)  # type: ignore[no-untyped-call]
            with (explaining.folder / "log").open() as file:
                file.seek(before)
                seen = plans(file.read())
            assert seen, name
            wrong += [f"{name}: {fault}" for plan in seen for fault in faults(plan["Plan"])]
    assert not wrong, "\n".join(wrong)


def faults(plan: dict[str, Any]) -> Iterator[str]:
    """What a hot query must not do."""
    for node in nodes(plan):
        kind, table = node["Node Type"], node.get("Relation Name", "")
        if kind == "Seq Scan" and table not in ("log", "pg_roles"):
            yield f"scans {table}"
        if "Sort" in kind and any(below.get("Relation Name") for below in nodes(node)):
            rows = sum(below.get("Actual Rows", 0) for below in nodes(node) if below.get("Relation Name"))
            if not any(below["Node Type"] == "Function Scan" for below in nodes(node)):
                yield f"sorts {rows} rows of a table"
        if "Index" in kind and node.get("Rows Removed by Filter", 0) > 100:
            yield f"reads {node['Rows Removed by Filter']} rows of {node.get('Index Name')} for nothing"


async def test_what_a_call_touches_does_not_grow_with_the_thread(database: Database) -> None:
    """An append and the end of a thread are found by way of an index, on every version of the server."""
    async with database.new(pool_size=1) as log:
        for seq in range(8):
            await log.append(0, [make("long", expected=seq)])
            await log.read_thread("acme", "long", backward=True, limit=1)  # what is planned is read from catalogs once
        for _ in range(3):
            await log.append(0, [make("long", events=1000)])
        for warm in ("other", "third"):
            await log._store_all(0, Ends(), [make("long"), make(warm)], None)
        one, many, ids = make("long", expected=3010), [make("long"), make("other")], [str(uuid4()), str(uuid4())]
        others, known = [make("long"), make("third")], Ends()
        touched = {
            "append_one": await blocks(log, "append_one", 0, 100, *calls.one_arguments(None, one, 3010, str(uuid4()))),
            "append": await blocks(log, "append", 0, 100, *calls.append_arguments(Ends(), many, ids, None)),
            "read_thread": await blocks(log, "read_thread", 0, "acme", "long", 0, 1, 1000, True),
            "last_position": await blocks(log, "last_position", 0),
        }
        last = (await log.read_shard(0, after=await log._last_position(0) - 1)).events[0]
        known.position, known.time_us = last.position, last.time_us
        arguments = calls.append_arguments(known, others, [str(uuid4()), str(uuid4())], [3012, 1])
        touched["append where the end is known"] = await blocks(log, "append", 0, 100, *arguments)
        here = (await log._opened().fetch(f"SELECT {log.place.schema}.here()", ()))[0][0]
        arguments = [known.position + 2, here, *calls.one_arguments(None, make("third"), 2, str(uuid4()))[2:]]
        touched["append_one where the end is known"] = await blocks(log, "append_one", 0, 100, *arguments)
        assert max(touched.values()) < 50, touched


async def blocks(log: PostgresLog, function: str, *arguments: object) -> int:
    """How many blocks of tables and indexes a call reads, those inside the function too."""
    query = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {log._query(function, len(arguments))}"
    async with log._opened().connection() as connection:
        ((explained,),) = await connection.fetch(query, *arguments)
    plan = explained[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
