"""How much a benchmark does: enough to measure, or just enough to see that it still runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """How much to do.

    Attributes:
        quick: whether it is only to be seen that everything still runs; the numbers then mean nothing.
    """

    quick: bool = False

    def of(self, full: T, quick: T) -> T:
        """One of two sizes of the same thing."""
        return quick if self.quick else full
