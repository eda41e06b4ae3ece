"""Who calls. A principal comes from one dependency: this one for development, or an application's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from fastapi import Request

from threadlog.store import Principal
from threadlog_server.errors import DevelopmentOnly
from threadlog_server.guards import is_loopback

PrincipalDependency: TypeAlias = Callable[..., Principal | Awaitable[Principal]]
"""A FastAPI dependency that says who calls, or raises `HTTPException` (401, 403)."""


def development_principal(principal: Principal) -> Callable[[Request], Awaitable[Principal]]:
    """The dependency that takes every caller on this machine for `principal`, and nobody else."""

    async def trusted(request: Request) -> Principal:
        if request.client is None or not is_loopback(request.client.host):
            raise DevelopmentOnly("without authentication only this machine is served; give the server a principal.")
        return principal

    return trusted


def check_development_host(host: str) -> None:
    """Refuse to listen where others could reach a server that trusts everybody.

    Raises:
        DevelopmentOnly: `host` is not a loopback address.
    """
    if not is_loopback(host):
        raise DevelopmentOnly(
            f"nobody is authenticated, so the server listens on loopback only, not on {host[:80]!r}: use 127.0.0.1, "
            "or mount the routes into an application of yours that says who calls."
        )
