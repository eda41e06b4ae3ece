"""How commands open the log and the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from threadlog.cli.errors import UsageFault
from threadlog.cli.invocation import Invocation
from threadlog.log import EventLog, LogNotFound
from threadlog.log.loading import open_log
from threadlog.store import Principal, ThreadStore

ADMIN = "admin"


def principal_of(invocation: Invocation) -> Principal:
    """Who acts: the development principal of the settings, seeing everything of its tenant as an operator does."""
    who = invocation.settings.principal
    return Principal(who.tenant, who.user, frozenset(who.roles) | {ADMIN})


@asynccontextmanager
async def reading_log(invocation: Invocation) -> AsyncGenerator[EventLog, None]:
    """The log, open for reading: beside a server or whoever else writes.

    Raises:
        LogNotFound: there is no log; none is made.
        UsageFault: the log would be a new one of this process alone.
    """
    if invocation.url.scheme == "memory":
        raise UsageFault("a memory: log holds nothing that another command wrote; name one that lasts, as file:PATH.")
    async with AsyncExitStack() as stack:
        try:
            log = await stack.enter_async_context(open_log(invocation.url, read_only=True, create=False))
        except LogNotFound as error:
            message = f"there is no log at {invocation.url}: check --log, or make one with threadlog import or serve."
            raise LogNotFound(message) from error
        yield log


@asynccontextmanager
async def reading_store(invocation: Invocation) -> AsyncGenerator[ThreadStore, None]:
    """A store over `reading_log`."""
    async with reading_log(invocation) as log, ThreadStore(log) as store:
        yield store


@asynccontextmanager
async def writing_store(invocation: Invocation, doing: str) -> AsyncGenerator[ThreadStore, None]:
    """A store over the log, open for writing; the log is made if there is none.

    Args:
        invocation: which log.
        doing: what to tell other processes that find the log locked, such as ``threadlog import``.

    Raises:
        LogLocked: another process writes.
    """
    settings = invocation.settings.log
    opening = open_log(settings.url, shards=settings.shards, require=settings.durability, holder={"command": doing})
    async with opening as log, ThreadStore(log) as store:
        yield store
