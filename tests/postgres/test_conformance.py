"""The log in Postgres keeps the contract, on every version of the server that it must work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from postgres.logs import Database, aside
from postgres.seam import FAULTS
from threadlog.log import Capability, Durability, EventLog
from threadlog.testing import Backend, EventLogConformance
from threadlog_postgres.log import PostgresLog

EXAMPLES = 10
SECRET = "correct-horse"


@contextmanager
def read_only(database: Database, log: EventLog) -> Iterator[None]:
    """The log's tables take no more events."""
    assert isinstance(log, PostgresLog)
    schema = log.place.schema
    aside(database.run(f"REVOKE INSERT ON {schema}.event FROM {schema}_app"))
    try:
        yield
    finally:
        aside(database.run(f"GRANT INSERT ON {schema}.event TO {schema}_app"))


@pytest.mark.timeout(600)
class TestPostgres(EventLogConformance):
    """Through the entry point, with a password in the URL."""

    @pytest.fixture
    def backend(self, database: Database) -> Backend:
        """Logs in schemas of the test's own."""
        database.url = database.url.replace("postgres@", f"postgres:{SECRET}@")
        return Backend.of_url(
            lambda place: database.place_url(database.schema(place)),
            durability=Durability.DISK,
            capabilities=frozenset({Capability.PERSISTENT, Capability.OTHER_READERS, Capability.OTHER_WRITERS}),
            secrets=(SECRET,),
            examples=EXAMPLES,
            fault=lambda log: read_only(database, log),
            faults=FAULTS,
        )
