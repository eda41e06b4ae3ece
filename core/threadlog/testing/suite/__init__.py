"""The tests of the kit, by what they are about. Each carries the number of the clause that it checks."""

from threadlog.testing.suite.append import IdTests, OutcomeTests, SeqTests
from threadlog.testing.suite.concurrency import ConcurrencyTests
from threadlog.testing.suite.copies import CopyEdgeTests, HeadEdgeTests, SnapshotEdgeTests
from threadlog.testing.suite.crash import CrashTests
from threadlog.testing.suite.exact import BoundTests, ExactEventTests, ExactIdTests
from threadlog.testing.suite.faults import FaultTests, NthCallTests
from threadlog.testing.suite.heads import HeadTests, RestoreTests, SnapshotTests
from threadlog.testing.suite.isolation import IsolationTests
from threadlog.testing.suite.life import CapabilityTests, LifeTests, SecretTests
from threadlog.testing.suite.order import OrderTests, ShardPageTests, WakingTests
from threadlog.testing.suite.payloads import PayloadTests
from threadlog.testing.suite.processes import ProcessTests
from threadlog.testing.suite.read import ShardReadTests, ThreadReadTests
from threadlog.testing.suite.steps import CancellationTests, InterleavingTests

__all__ = [
    "BoundTests",
    "CancellationTests",
    "CapabilityTests",
    "ConcurrencyTests",
    "CopyEdgeTests",
    "CrashTests",
    "ExactEventTests",
    "ExactIdTests",
    "FaultTests",
    "HeadEdgeTests",
    "HeadTests",
    "IdTests",
    "InterleavingTests",
    "IsolationTests",
    "LifeTests",
    "NthCallTests",
    "OrderTests",
    "OutcomeTests",
    "PayloadTests",
    "ProcessTests",
    "RestoreTests",
    "SecretTests",
    "SeqTests",
    "ShardPageTests",
    "ShardReadTests",
    "SnapshotEdgeTests",
    "SnapshotTests",
    "ThreadReadTests",
    "WakingTests",
]
