"""Telemetry around the event log, by OpenTelemetry's API and its conventions.

Nothing here is needed for the log to work, and plugins do not import it. Without an SDK in the process nothing is
measured, and the cost is next to nothing.
"""

from threadlog.log.telemetry.gauges import gauge, observe
from threadlog.log.telemetry.log import TracedLog
from threadlog.log.telemetry.operation import Operation, current
from threadlog.log.telemetry.trace import current_traceparent, note_events

__all__ = ["Operation", "TracedLog", "current", "current_traceparent", "gauge", "note_events", "observe"]
