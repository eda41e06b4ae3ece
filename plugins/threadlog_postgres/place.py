"""Where a log lives in Postgres: what its URL says, with defaults."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from threadlog.log import LogURL

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}", re.ASCII)
_OURS = {"schema", "pool_size", "doorbell_url", "lock_timeout_ms", "timeout_ms", "pooler"}


class Place(Struct, frozen=True, kw_only=True):
    """A database and the schema of the log in it. Its `repr` holds no secret.

    The URL's options are ``schema`` (default ``threadlog``), ``pool_size`` (10), ``lock_timeout_ms`` (5000),
    ``timeout_ms`` (30000), ``doorbell_url`` (a direct URL where the main one goes through a pooler); ``pooler``
    (``transaction`` behind such a pooler); all others go to the driver.
    """

    dsn: str
    schema: str = "threadlog"
    pool_size: int = 10
    lock_timeout_ms: int = 5_000
    """How long an append waits for the shard's other writers."""
    timeout: float = 30.0
    """Seconds after which a call of the server counts as lost."""
    pooler: bool = False
    """Whether connections go through a pooler that lends a server's connection for one transaction only."""
    doorbell_dsn: str
    shown: str
    """The URL for people."""

    @classmethod
    def parse(cls, url: LogURL) -> Self:
        """Read a URL.

        Raises:
            ValueError: an option is wrong; the message names it.
        """
        parts = urlsplit(url.secret)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        ours = {name: given.pop(name) for name in _OURS & given.keys()}
        dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(given), ""))
        schema = ours.get("schema", "threadlog")
        if not _NAME.fullmatch(schema):
            raise ValueError("schema must be a plain lower-case name such as threadlog.")
        return cls(
            dsn=dsn,
            schema=schema,
            pooler=_choice(ours, "pooler", ("none", "transaction")) == "transaction",
            pool_size=_number(ours, "pool_size", 10, 1, 200),
            lock_timeout_ms=_number(ours, "lock_timeout_ms", 5_000, 1, 600_000),
            timeout=_number(ours, "timeout_ms", 30_000, 100, 600_000) / 1000,
            doorbell_dsn=ours.get("doorbell_url", dsn),
            shown=str(url),
        )

    @property
    def app_role(self) -> str:
        """The role that the application acts as."""
        return f"{self.schema}_app"

    @property
    def redactor_role(self) -> str:
        """The role that may change events, where the law demands it."""
        return f"{self.schema}_redactor"

    def __repr__(self) -> str:
        return f"Place({self.shown!r})"


def _choice(options: dict[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = options.get(name, choices[0])
    if text not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}.")
    return text


def _number(options: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    text = options.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ValueError(f"{name} must be a number from {least} to {most}.")
    return int(text)
