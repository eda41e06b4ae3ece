"""Writing through the server that holds the log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from threadlog.cli.errors import ServerUnavailable, UsageFault
from threadlog.cli.invocation import Invocation
from threadlog.exchange import ImportOutcome
from threadlog.log import LogLocked, MissingExtra

if TYPE_CHECKING:
    import httpx

_SECONDS = 60.0
"""How long the server may take for one run."""


@asynccontextmanager
async def through_server(
    invocation: Invocation, locked: LogLocked
) -> AsyncGenerator[Callable[[bytes], Awaitable[ImportOutcome]], None]:
    """Import runs through the server that holds the log.

    Args:
        invocation: must not name a principal, since the server decides who acts.
        locked: what opening the log said; names the server.

    Raises:
        LogLocked: the holder is no server; the message says who it is and what to do.
        UsageFault: a principal was named.
        MissingExtra: httpx is not installed.
        ServerUnavailable: the server does not answer (raised by the importer that is given).
    """
    url = locked.holder.get("url")
    if url is None:
        who = f"process {locked.holder.get('pid', '?')} ({locked.holder.get('command', 'no server')})"
        raise LogLocked(
            f"{who} writes to the log: wait until it is done, or stop it, and run this again.", locked.holder
        )
    if invocation.names_principal:
        raise UsageFault(f"the server at {url} holds the log and decides who acts: leave out --tenant and --user.")
    invocation.output.remark(f"the log is held by the server at {url}: importing through it")
    async with _client(url) as client:

        async def take(run: bytes) -> ImportOutcome:
            return await _post(client, run)

        yield take


def _client(url: str) -> httpx.AsyncClient:
    try:
        import httpx
    except ImportError as error:
        raise MissingExtra(
            "the log is held by a server, and talking to it needs httpx: pip install 'threadlog[server]'.", name="httpx"
        ) from error
    # The server is on this machine: no proxy of the environment has a part in it.
    return httpx.AsyncClient(base_url=url, timeout=_SECONDS, trust_env=False)


async def _post(client: httpx.AsyncClient, run: bytes) -> ImportOutcome:
    import httpx

    try:
        answer = await client.post("/v1/imports", content=run, headers={"content-type": "application/json"})
    except httpx.TransportError as error:
        raise ServerUnavailable(
            f"the server at {client.base_url} does not answer ({error}); run this again once it does, or is stopped."
        ) from error
    if answer.is_success:
        return _outcome(answer)
    problem = _problem(answer)
    if answer.status_code in {400, 413, 422}:
        return ImportOutcome(status="invalid", thread_id=None, events=0, message=problem)
    raise ServerUnavailable(f"the server at {client.base_url} refused with {answer.status_code}: {problem}")


def _outcome(answer: httpx.Response) -> ImportOutcome:
    try:
        return msgspec.json.decode(answer.content, type=ImportOutcome)
    except msgspec.MsgspecError as error:
        raise ServerUnavailable(
            f"what answers at {answer.url} is no threadlog server that takes imports ({error}); stop it or upgrade it."
        ) from error


def _problem(answer: httpx.Response) -> str:
    """The words of a problem document (RFC 9457), or else of HTTP."""
    try:
        document: Any = answer.json()
    except ValueError:
        return answer.reason_phrase
    return str(document.get("detail") or document.get("title")) if isinstance(document, dict) else answer.reason_phrase
