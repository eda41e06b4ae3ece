"""The root of every error that threadlog raises on purpose.

The tree continues in the packages above: ``threadlog.log.errors`` and
``threadlog.store.errors`` draw their parts at the top of their modules.
"""


class ThreadlogError(Exception):
    """Base of all threadlog errors; its message is one sentence that names the remedy."""
