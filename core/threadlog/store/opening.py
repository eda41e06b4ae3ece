"""Opening a log and a thread store on it in one step."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from threadlog.log import Durability, LogURL, open_log
from threadlog.log.telemetry import TracedLog, observe
from threadlog.model import Registry
from threadlog.store.store import StoreBounds, ThreadStore


@asynccontextmanager
async def open_store(
    url: str | LogURL,
    *,
    registry: Registry | None = None,
    bounds: StoreBounds | None = None,
    read_only: bool = False,
    create: bool = True,
    shards: int | None = None,
    holder: Mapping[str, str] = MappingProxyType({}),
    require: Durability | None = None,
) -> AsyncGenerator[ThreadStore, None]:
    """Open the log at a URL with a thread store on it, and close both at the end of the block.

    Both are traced and measured by whatever OpenTelemetry SDK the process has set up; without one, by none.

    Args:
        url: such as ``file:/var/lib/threadlog``; its scheme names the storage plugin.
        registry: the types of events and items; those of this version by default.
        bounds: what the store may hold in memory.
        read_only: open for reading, beside a writer.
        create: make the log if there is none.
        shards: number of shards of a log that is made; an existing one keeps its own.
        holder: what to tell other processes about this writer, such as its server's ``url``.
        require: the durability that the application needs.

    Raises:
        LogError: see `threadlog.log.open_log`.
    """
    async with (
        open_log(url, read_only=read_only, create=create, shards=shards, holder=holder, require=require) as log,
        ThreadStore(TracedLog(log), registry=registry, bounds=bounds) as store,
    ):
        observe(store.committer, store.feeds)
        yield store
