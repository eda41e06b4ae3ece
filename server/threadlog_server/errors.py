"""What can go wrong in the server alone.

::

    ThreadlogError
    └── ServerError
        ├── DevelopmentOnly     the development principal was to serve others than this machine
        ├── KeyReused           an idempotency key names another request
        └── TooManyStreams      as many event streams are open as may be
"""

from __future__ import annotations

from threadlog.model import ThreadlogError


class ServerError(ThreadlogError):
    """Base of the server's own errors."""


class DevelopmentOnly(ServerError):
    """The development principal trusts everybody who reaches it; it serves this machine and nobody else."""


class KeyReused(ServerError):
    """The idempotency key was sent before with another body; nothing was done."""


class TooManyStreams(ServerError):
    """As many event streams are open as may be, in all or of this user's; close one, or try again later."""
