"""The conformance kit for storage plugins.

An author derives a class from `EventLogConformance`, overrides one fixture, and runs pytest. Every test carries the
number of the clause of the contract that it checks, and a failure says what that clause demands.

Needs the extra ``testing``.
"""

import pytest

pytest.register_assert_rewrite("threadlog.testing.suite", "threadlog.testing.machine")

from threadlog.testing.backend import Backend  # noqa: E402 - after its asserts can be rewritten
from threadlog.testing.blame import clause_of  # noqa: E402
from threadlog.testing.clauses import clause, clauses  # noqa: E402
from threadlog.testing.conformance import EventLogConformance, Verdict, cases, judge  # noqa: E402
from threadlog.testing.failures import ClauseBroken  # noqa: E402
from threadlog.testing.faults import Faults, NthCall  # noqa: E402
from threadlog.testing.history import History, Violation  # noqa: E402
from threadlog.testing.lab import Lab  # noqa: E402

__all__ = [
    "Backend",
    "ClauseBroken",
    "EventLogConformance",
    "Faults",
    "History",
    "Lab",
    "NthCall",
    "Verdict",
    "Violation",
    "cases",
    "clause",
    "clause_of",
    "clauses",
    "judge",
]
