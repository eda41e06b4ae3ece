"""Sending traces and metrics to a collector, where the settings ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import metrics, trace

from threadlog.cli.settings import TelemetrySettings
from threadlog.log import MissingExtra


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
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtra(
            "telemetry.enabled needs the OpenTelemetry SDK: pip install 'threadlog[telemetry]'.", name=error.name
        ) from error
    resource = Resource.create({"service.name": settings.service_name})
    base = None if settings.endpoint is None else settings.endpoint.rstrip("/")
    tracer = TracerProvider(resource=resource)
    tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=base and f"{base}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=base and f"{base}/v1/metrics"))
    meter = MeterProvider([reader], resource=resource)
    trace.set_tracer_provider(tracer)
    metrics.set_meter_provider(meter)
    try:
        yield
    finally:
        tracer.shutdown()
        meter.shutdown()
