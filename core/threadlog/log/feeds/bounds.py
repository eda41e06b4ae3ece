"""What feeds may hold in memory, and how often they look."""

from __future__ import annotations

from msgspec import Struct


class FeedBounds(Struct, frozen=True, kw_only=True):
    """Bounds of the feeds of one log."""

    ring_events: int = 1_024
    """Recent events kept for the slow subscribers of one channel; who falls further behind reads the log."""
    ring_bytes: int = 384 * 1024
    """Memory of those events, their encodings included, roughly."""
    page_events: int = 200
    """Events read from the log at a time."""
    watch_seconds: float = 2.0
    """How long one wait for other processes' writes lasts at most."""
    watch_pause: float = 0.01
    """Seconds between two looks for other processes' writes while this process writes the same shard itself."""
    pace_each: float = 40e-6
    """Seconds that it takes to serve one waiting subscriber: a channel is not woken again before all had this long."""
    pace_most: float = 0.02
    """Longest time in seconds for which events are held back to be delivered together."""
