"""Behind PgBouncer in transaction mode: every transaction may meet another session of the server."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from conftest import required
from postgres.logs import Database, check_dense, everything, make, until
from postgres.proxies import proxied
from threadlog.log import Append, Appended, Duplicate, EventLog, HeadChange

pytestmark = pytest.mark.anyio

PORT = 6432
CONFIGURATION = """
[databases]
* = host={server} port=5432
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {port}
listen_addr =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
logfile = {folder}/log
pidfile = {folder}/pid
"""


@pytest.fixture(scope="session")
def pooler(server_url: str) -> Iterator[str]:
    """The folder of a PgBouncer's socket."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    required("PgBouncer", found=program is not None, remedy="apt-get install pgbouncer")
    assert program is not None
    server = parse_qs(urlsplit(server_url).query)["host"][0]
    folder = Path(tempfile.mkdtemp(prefix="threadlog-pooler-"))
    (folder / "ini").write_text(CONFIGURATION.format(server=server, folder=folder, port=PORT))
    (folder / "users").write_text('"plain" ""\n')
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "nobody")
    with subprocess.Popen([program, "-q", str(folder / "ini")], stderr=subprocess.DEVNULL, **user) as process:  # type: ignore[call-overload]
        yield str(folder)
        process.terminate()
    shutil.rmtree(folder)


@pytest.fixture
async def pooled(database: Database, pooler: str) -> Database:
    """The same database through the pooler, as a user whom row-level security binds."""
    async with database.new(shards=2, schema=database.schema("pooled")) as log:
        name = log.place.schema
    with suppress(Exception):
        await database.run("CREATE ROLE plain LOGIN")
    await database.run(f"GRANT {name}_app TO plain")
    through = Database(f"postgresql://plain@/postgres?host={pooler}&port={PORT}")

    async def answers() -> bool:
        with suppress(OSError):
            await through.run("SELECT 1")
            return True
        return False

    await until(answers)
    return through


def through(pooled: Database, database: Database) -> EventLog:
    """A log through the pooler, its doorbell past it."""
    bell = quote(database.url, safe="")
    return pooled.new(schema="t_pooled", pooler="transaction", doorbell_url=bell, create=False, shards=None)


async def test_many_clients_share_few_sessions(database: Database, pooled: Database) -> None:
    """Two logs with more connections than the pooler has sessions append, read and list as if they were alone."""
    async with through(pooled, database) as one, through(pooled, database) as other:
        shard = one.shard_of("acme")

        async def write(log: EventLog, name: str) -> None:
            for number in range(10):
                append = make(name, name=f"{name}-{number}", expected=number, head=HeadChange(owner=name))
                (outcome,) = await log.append(shard, [append])
                assert isinstance(outcome, Appended)
                assert (await log.read_thread("acme", name)).last_seq == number + 1
                assert (await log.list_heads("acme", owner=name)).heads

        await asyncio.gather(*(write(log, f"{n}") for n, log in enumerate((one, other) * 5)))
        check_dense(await everything(one, shard))
        assert len(await everything(other, shard)) == 100


async def test_a_retry_through_another_session_is_known(database: Database, pooled: Database) -> None:
    """Nothing that a log relies on is kept in a session."""
    async with through(pooled, database) as one, through(pooled, database) as other:
        shard = one.shard_of("acme")
        append: Append = make(name="once")
        (first,) = await one.append(shard, [append])
        (second,) = await other.append(shard, [append])
        assert isinstance(first, Appended)
        assert isinstance(second, Duplicate)
        assert first.events == second.events
        assert await other.wait(shard, after=0, timeout=10) == 1


async def test_a_call_is_two_round_trips_at_most(database: Database, pooled: Database) -> None:
    """What no session keeps for it, the driver asks once more; nothing else is sent beside the call."""
    async with proxied(database.url) as proxy:
        straight = Database(f"postgresql://plain@/postgres?host={proxy.host}")
        async with through(straight, database) as log:
            shard = log.shard_of("acme")
            appends = [[make("a")], [make("b", expected=0)], [make("c", events=2), make("d")]]
            for append in appends:  # a connection learns each type of argument when it first meets it
                await log.append(shard, append)
            for call in (*(log.append(shard, again(append)) for append in appends), log.read_thread("acme", "a")):
                before = proxy.round_trips
                await call
                assert proxy.round_trips - before <= 2


def again(appends: list[Append]) -> list[Append]:
    """The same appends under other ids, to whatever thread there is."""
    return [
        make(f"{append.thread_id} again", expected=append.expected, events=len(append.events)) for append in appends
    ]
