"""The thread store: commands in, events out, for a principal; and who may do what."""

from threadlog.store.access import ADMIN, AUDITOR, MEMBER, Principal
from threadlog.store.errors import (
    AccessDenied,
    AppendIdReused,
    AttachmentNotFound,
    InvalidItem,
    InvalidPage,
    InvalidRequest,
    InvalidThread,
    ItemExists,
    ItemNotFound,
    SeqNotFound,
    StoreConflict,
    StoreError,
    ThreadDeleted,
    ThreadExists,
    ThreadNotFound,
)
from threadlog.store.opening import open_store
from threadlog.store.sending import WriteBounds
from threadlog.store.store import StoreBounds, ThreadStore
from threadlog.store.values import Decision, EventPage, ItemVersion, VisibleBatch
from threadlog.store.writing import Decider

__all__ = [
    "ADMIN",
    "AUDITOR",
    "MEMBER",
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
    "ItemExists",
    "ItemNotFound",
    "ItemVersion",
    "Principal",
    "SeqNotFound",
    "StoreBounds",
    "StoreConflict",
    "StoreError",
    "ThreadDeleted",
    "ThreadExists",
    "ThreadNotFound",
    "ThreadStore",
    "VisibleBatch",
    "WriteBounds",
    "open_store",
]
