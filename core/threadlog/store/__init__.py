"""The thread store: commands in, events out, for a principal; and who may do what."""

from threadlog.store.access import Principal
from threadlog.store.errors import (
    AccessDenied,
    AppendIdReused,
    AttachmentNotFound,
    InvalidItem,
    InvalidPage,
    InvalidRequest,
    InvalidThread,
    ItemNotFound,
    SeqNotFound,
    StoreConflict,
    StoreError,
    ThreadDeleted,
    ThreadExists,
    ThreadNotFound,
)
from threadlog.store.store import Decider, ThreadStore
from threadlog.store.values import Decision, EventPage, ItemVersion, VisibleBatch

__all__ = [
    "AccessDenied",
    "AppendIdReused",
    "AttachmentNotFound",
    "Decider",
    "Decision",
    "EventPage",
    "InvalidItem",
    "InvalidPage",
    "InvalidRequest",
    "InvalidThread",
    "ItemNotFound",
    "ItemVersion",
    "Principal",
    "SeqNotFound",
    "StoreConflict",
    "StoreError",
    "ThreadDeleted",
    "ThreadExists",
    "ThreadNotFound",
    "ThreadStore",
    "VisibleBatch",
]
