"""Folding events into state, and keeping recent states at hand."""

from threadlog.projection.cache import CacheBounds, StateCache
from threadlog.projection.lifting import lifted
from threadlog.projection.runs import RunState, RunStatus
from threadlog.projection.state import ThreadState
from threadlog.projection.stored import PROJECTION, VERSION

__all__ = ["PROJECTION", "VERSION", "CacheBounds", "RunState", "RunStatus", "StateCache", "ThreadState", "lifted"]
