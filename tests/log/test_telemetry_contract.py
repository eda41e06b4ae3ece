"""A log keeps the contract while it is measured: telemetry changes nothing."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from threadlog.log import Capability, Durability, EventLog, LogURL, MemoryLog, OpenOptions, find_plugin
from threadlog.log.telemetry import TracedLog
from threadlog.testing import Backend, EventLogConformance


class TestTraced(EventLogConformance):
    """The memory log below the measuring one, with an SDK that records everything."""

    @pytest.fixture
    def backend(self) -> Backend:
        """A backend of its own for each test."""
        tracers, meters = TracerProvider(), MeterProvider([InMemoryMetricReader()])
        places: dict[str, EventLog] = {}

        async def make(place: str, options: OpenOptions) -> EventLog:
            if place not in places and options.create and not options.read_only:
                places[place] = TracedLog(MemoryLog(shards=options.shards or 1), tracers, meters)
            if place not in places or options.read_only:
                return TracedLog(find_plugin("memory").make_log(LogURL("memory:"), options), tracers, meters)
            return places[place]

        return Backend(make=make, durability=Durability.MEMORY, capabilities=frozenset({Capability.PERSISTENT}))
