"""What a committer and feeds are doing, for whoever collects metrics; nothing is counted on the way of an event."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation, get_meter

from threadlog.log.committer import Committer
from threadlog.log.feeds import Feeds
from threadlog.log.telemetry.trace import SCOPE

T = TypeVar("T")

Observe = Callable[[CallbackOptions], Iterable[Observation]]


def observe(
    committer: Committer,
    feeds: Feeds,
    *,
    meter_provider: MeterProvider | None = None,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Let the metrics of a committer and of feeds be collected for as long as these live.

    ``threadlog.committer.queue.events``, ``.bytes`` and ``.callers`` (who wait for room);
    ``threadlog.feeds.subscribers`` and ``.channels``; ``threadlog.feeds.resumed``; and
    ``messaging.client.consumed.messages``, events given to subscribers.

    Args:
        meter_provider: None: the process's.
        attributes: set on every value, to tell several logs in one process apart.
    """
    meter = get_meter(SCOPE, meter_provider=meter_provider)
    of = dict(attributes or {})
    gauge(meter, "threadlog.committer.queue.events", "{event}", committer, lambda c: c.depth.events, of)
    gauge(meter, "threadlog.committer.queue.bytes", "By", committer, lambda c: c.depth.bytes, of)
    gauge(meter, "threadlog.committer.queue.callers", "{caller}", committer, lambda c: c.depth.callers, of)
    gauge(meter, "threadlog.feeds.subscribers", "{subscriber}", feeds, lambda f: f.stats.subscribers, of)
    gauge(meter, "threadlog.feeds.channels", "{channel}", feeds, lambda f: f.stats.channels, of)
    meter.create_observable_counter(
        "threadlog.feeds.resumed", [_reader(feeds, lambda f: f.stats.resumed, of)], "{subscription}"
    )
    messaging = {**of, "messaging.system": "threadlog", "messaging.operation.name": "feed"}
    meter.create_observable_counter(
        "messaging.client.consumed.messages", [_reader(feeds, lambda f: f.stats.delivered, messaging)], "{message}"
    )


def gauge(
    meter: Meter, name: str, unit: str, thing: T, read: Callable[[T], int], attributes: Mapping[str, str] | None = None
) -> None:
    """Let a number of a thing be collected for as long as the thing lives; it is read in the collector's thread."""
    meter.create_observable_up_down_counter(name, [_reader(thing, read, attributes or {})], unit)


def _reader(thing: T, read: Callable[[T], int], attributes: Mapping[str, str]) -> Observe:
    """Read a number of a thing, unless the thing is gone: a meter never forgets whom it calls."""
    reference = weakref.ref(thing)

    def observe_it(options: CallbackOptions) -> Iterable[Observation]:
        alive = reference()
        return [] if alive is None else [Observation(read(alive), attributes)]

    return observe_it
