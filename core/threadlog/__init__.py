"""threadlog: the event-sourced backend for AI-agent threads.

::

    alice = Principal(tenant="acme", user="alice")
    async with open_store("file:./threads") as store:
        thread = await store.create_thread(alice, title="Hello")
        async for batch in store.follow(alice, thread.id):
            ...

What stands behind it: `threadlog.store` (threads for principals), `threadlog.model` (events and items),
`threadlog.runs` (agents), `threadlog.log` (the event log and its plugins).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadlog.store import Principal, ThreadStore, open_store

__all__ = ["Principal", "ThreadStore", "open_store"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: a storage plugin needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from threadlog import store

    return getattr(store, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
