"""Feeds: the events of a thread, a tenant or a shard from a point on, then live, without gap or repetition."""

from threadlog.log.feeds.batch import Batch
from threadlog.log.feeds.bounds import FeedBounds
from threadlog.log.feeds.cursors import SHARD_START, TENANT_START, ShardCursor, TenantCursor
from threadlog.log.feeds.feeds import Feeds, FeedStats

__all__ = [
    "SHARD_START",
    "TENANT_START",
    "Batch",
    "FeedBounds",
    "FeedStats",
    "Feeds",
    "ShardCursor",
    "TenantCursor",
]
