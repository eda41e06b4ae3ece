"""Servers and databases for the tests of the log in Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import Done, Run
from conftest import required
from postgres.clusters import Cluster, installations
from postgres.logs import Database, aside

URL = "THREADLOG_POSTGRES_URL"
VERSIONS = ("18",) if os.environ.get(URL) else ("18", "15")


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"postgres{version}")
def programs(request: pytest.FixtureRequest) -> Path:
    """PostgreSQL's programs, of each version that must work."""
    found = installations().get(request.param)
    remedy = "pip install 'threadlog[dev]'" if request.param == "18" else "apt-get install postgresql-15"
    required(f"PostgreSQL {request.param}", found=found is not None, remedy=remedy)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def server_url(programs: Path) -> Iterator[str]:
    """Where the tests make their logs: the database that the environment names, or a server that all tests share."""
    given = os.environ.get(URL)
    if given:
        yield given
        return
    cluster = Cluster(programs)
    try:
        yield cluster.make().url()
    finally:
        cluster.remove()


@pytest.fixture
def database(server_url: str) -> Iterator[Database]:
    """A database; the schemas that a test makes in it are dropped when it ends."""
    database = Database(server_url)
    yield database
    aside(database.remove())


@pytest.fixture
def new_cluster(programs: Path) -> Iterator[Callable[..., Cluster]]:
    """Makes servers that a test has for itself."""
    made: list[Cluster] = []

    def make(**settings: str) -> Cluster:
        made.append(Cluster(programs))
        return made[-1].make(**settings)

    yield make
    for cluster in made:
        cluster.remove()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``threadlog`` as a process, its output piped."""

    def run(*arguments: str) -> Done:
        process = subprocess.run(
            [sys.executable, "-m", "threadlog", *arguments],
            cwd=tmp_path,
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return Done(process.returncode, process.stdout, process.stderr)

    return run
