"""Sending traces and metrics to a collector, where the settings ask for it.

OpenTelemetry's own environment variables say what no setting says: headers, certificates, sampling, intervals, limits.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Thread
from time import monotonic

from opentelemetry import metrics, trace

from threadlog.cli.settings import TelemetrySettings
from threadlog.log import MissingExtra

LAST_SECONDS = 5.0
"""How long a server that ends waits for a collector to take what is left."""


@contextmanager
def exporting(settings: TelemetrySettings) -> Iterator[None]:
    """Export the traces and metrics of this process while the block runs, and what is left at its end.

    Raises:
        MissingExtra: ``threadlog[telemetry]`` is not installed.
    """
    if not settings.enabled:
        yield
        return
    try:
        endings = _set_up(settings)
    except ImportError as error:
        raise MissingExtra(
            "telemetry.enabled needs the OpenTelemetry SDK: pip install 'threadlog[telemetry]'.", name=error.name
        ) from error
    try:
        yield
    finally:
        _end(endings)


def _set_up(settings: TelemetrySettings) -> list[Callable[[], object]]:
    """Make this process export; gives what ends it."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = {"service.name": "threadlog", "service.version": version("threadlog")}
    named = {} if settings.service_name is None else {"service.name": settings.service_name}
    resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes, **named})
    endings: list[Callable[[], object]] = []
    if _wanted("TRACES"):
        tracer = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=_address(settings, "traces"))))
        trace.set_tracer_provider(tracer)
        endings.append(tracer.shutdown)
    if _wanted("METRICS"):
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=_address(settings, "metrics")))
        meter = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(meter)
        endings.append(meter.shutdown)
    return endings


def _wanted(signal: str) -> bool:
    """Whether the environment lets traces or metrics be exported (``OTEL_TRACES_EXPORTER=none`` does not)."""
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() != "none"


def _address(settings: TelemetrySettings, signal: str) -> str | None:
    return None if settings.endpoint is None else f"{settings.endpoint.rstrip('/')}/v1/{signal}"


def _end(endings: list[Callable[[], object]]) -> None:
    """Send what is left, but wait no longer than `LAST_SECONDS`: an exporter would try a dead collector for minutes."""
    until = monotonic() + LAST_SECONDS
    threads = [Thread(target=ending, daemon=True) for ending in endings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - monotonic()))
