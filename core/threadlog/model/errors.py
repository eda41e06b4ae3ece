"""The root of every error that threadlog raises on purpose, and what can go wrong with a model.

::

    ThreadlogError
    ├── InvalidPayload (ValueError)     an event or item is not what its type asks for
    ├── NotRegistered (LookupError)     an event's type is not in the registry
    ├── AlreadyRegistered (ValueError)  a type is in the registry already
    └── UpcasterFailed                  an upcaster raised, or gave no object

The tree continues in the packages above: ``threadlog.log.errors`` and
``threadlog.store.errors`` draw their parts at the top of their modules.
"""


class ThreadlogError(Exception):
    """Base of all threadlog errors; its message is one sentence that names the remedy."""


class InvalidPayload(ThreadlogError, ValueError):
    """An event or item is not what its type asks for; the message names the field."""


class NotRegistered(ThreadlogError, LookupError):
    """The registry has no such event type, or another class for it."""


class AlreadyRegistered(ThreadlogError, ValueError):
    """The registry has the type already; a type means one thing."""


class UpcasterFailed(ThreadlogError):
    """An upcaster raised, or gave back something that is no object; the stored event is unharmed."""
