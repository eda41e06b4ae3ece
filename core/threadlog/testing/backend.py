"""What the author of a storage plugin tells the kit: how to make a log, and what it claims to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache

from threadlog.log import Capability, Durability, EventLog, LogURL, OpenOptions, find_plugin
from threadlog.testing.faults import Faults

Make = Callable[[str, OpenOptions], Awaitable[EventLog]]
"""Makes an unopened log at a place."""

Fault = Callable[[EventLog], AbstractContextManager[None]]
"""A block in which every write of an open log to its storage fails."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A log under test.

    Args:
        make: called with the name of a place and `OpenOptions`; gives a log that is not opened yet. The kit invents the
            names (lowercase letters, digits and dashes), a new one for each log that it wants to be empty. The same
            name again must give the same data, as another log object of the same process would see it.
        durability: the level that the log attains here.
        capabilities: all that the log can do; each is checked to be there, and the others not to be.
        secrets: texts of the URL (passwords) that must appear nowhere.
        patience: seconds after which the kit no longer believes that something will happen. No test waits that long
            when all is well.
        examples: how many histories Hypothesis invents.
        fault: a context manager that makes every write of an open log fail; without one, X1 is checked only by
            `faults`.
        faults: a seam at which the N-th call of the backend's own I/O fails, for N = 1, 2, 3 …; without one, the level
            *faults* is not run.
        address: gives for the name of a place the URL by which another process opens the same log. Without one,
            neither crashes nor many processes are checked.
        factory: ``module:function``, where a URL is not enough: another process imports it and calls it with what
            `address` gives and `OpenOptions`; it gives an unopened log, or a coroutine of one.
    """

    make: Make
    durability: Durability
    capabilities: frozenset[Capability] = frozenset()
    secrets: tuple[str, ...] = ()
    patience: float = 10.0
    examples: int = 200
    fault: Fault | None = None
    faults: Faults | None = None
    address: Callable[[str], str] | None = None
    factory: str | None = None
    findings: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """For clauses that were looked into, the name of a test that fails; the kit's own notes."""

    @classmethod
    def of_url(
        cls,
        url: Callable[[str], str],
        *,
        durability: Durability,
        capabilities: frozenset[Capability] = frozenset(),
        secrets: tuple[str, ...] = (),
        patience: float = 10.0,
        examples: int = 200,
        fault: Fault | None = None,
        faults: Faults | None = None,
    ) -> Backend:
        """A backend whose logs come through the front door: an installed plugin.

        Args:
            url: gives the log's URL for the name of a place.
        """
        find = cache(find_plugin)  # reads the metadata of every installed distribution

        async def make(place: str, options: OpenOptions) -> EventLog:
            at = LogURL(url(place))
            return find(at.scheme).make_log(at, options)

        return cls(
            make=make,
            durability=durability,
            capabilities=capabilities,
            secrets=secrets,
            patience=patience,
            examples=examples,
            fault=fault,
            faults=faults,
            address=url,
        )
