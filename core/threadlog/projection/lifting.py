"""Bringing stored events to the payload versions of today, on their way out of the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from threadlog.log import Event
from threadlog.model import Registry, UpcasterFailed

_log = logging.getLogger("threadlog.projection")


def lifted(registry: Registry, events: Iterable[Event]) -> list[Event]:
    """The events with their payloads lifted; the same objects where there is nothing to lift.

    An event whose upcaster fails is passed on as it is stored, so that it does not take its thread with it.
    """
    return [_lifted(registry, event) for event in events]


def _lifted(registry: Registry, event: Event) -> Event:
    try:
        version, data = registry.lift(event.type, event.version, event.data)
    except UpcasterFailed as error:
        _log.error("event %s of thread %s stays at version %d: %s", event.seq, event.thread_id, event.version, error)
        return event
    return event if data is event.data else msgspec.structs.replace(event, version=version, data=data)
