"""How much a runner and its runs may take."""

from __future__ import annotations

from msgspec import Struct


class RunBounds(Struct, frozen=True, kw_only=True):
    """The limits of a `Runner`."""

    runs: int = 100
    """Active runs at once; more are refused with `TooManyRuns`."""
    deadline: float = 600.0
    """Seconds after which a run is interrupted."""
    grace: float = 5.0
    """Seconds that an agent has to stop once it was told to; then the run ends without it."""
    drain: float = 10.0
    """Seconds for storing what waits when a run ends; then it is dropped."""
    waiting_events: int = 256
    """Events of one run that wait to be stored before its agent has to wait."""
    waiting_bytes: int = 1024 * 1024
    """Their payloads."""
    delta_chars: int = 16 * 1024
    """Longest text that adjacent waiting deltas are merged to."""
    retries: int = 8
    """How often an append whose outcome is unknown, or that found the log busy, is tried again."""
