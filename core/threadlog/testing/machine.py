"""Any log beside the reference implementation: Hypothesis invents calls, and both must answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from msgspec import UNSET

from threadlog.log import (
    Append,
    Appended,
    Capability,
    Conflict,
    Duplicate,
    Event,
    EventLog,
    Expect,
    Expected,
    HeadChange,
    IdReused,
    MemoryLog,
    NewEvent,
    Outcome,
)
from threadlog.testing.backend import Backend
from threadlog.testing.clauses import across_clauses
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.lab import Lab
from threadlog.testing.samples import read_heads, read_shard, read_thread, tenants_of

T = TypeVar("T")

SHARDS = 2
TENANTS = tuple(tenant for shard in range(SHARDS) for tenant in tenants_of(SHARDS, shard, 2))
THREADS = ("a", "A", "a/b", "é")

_payloads = st.sampled_from([b"1", b"2", b'{"a":1.0}', b' "x" ', '"é"'.encode()])
_heads = st.none() | st.builds(
    HeadChange,
    owner=st.sampled_from([UNSET, "alice", "bob"]),
    title=st.sampled_from([UNSET, None, "one", "two"]),
    status=st.sampled_from([UNSET, "locked"]),
    deleted=st.sampled_from([UNSET, UNSET, True, False]),
)
_events = st.lists(st.builds(NewEvent, st.sampled_from("xy"), _payloads, head=_heads), min_size=1, max_size=3)
_expected = st.sampled_from([*Expect]) | st.integers(0, 9)
_appends = st.builds(
    Append,
    tenant=st.sampled_from(TENANTS),
    thread_id=st.sampled_from(THREADS),
    append_id=st.sampled_from("pqrstuvwxyz"),
    expected=_expected,
    events=_events.map(tuple),
    actor=st.sampled_from([None, "user:alice"]),
)


class LogMachine(RuleBasedStateMachine):
    """Sends the same calls to a log and to the reference, and compares the answers."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.runner = asyncio.Runner()
        self.lab = Lab(backend)
        self.log: EventLog = self.run(self.lab.open("machine", shards=SHARDS))
        self.model = MemoryLog(SHARDS)
        self.copies = 0
        self.sent: list[Append] = []
        self.run(self.model.open())

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """The result of a call, which must come in time."""
        return self.runner.run(asyncio.wait_for(call, self.backend.patience * 3))

    @rule(appends=st.lists(_appends, min_size=1, max_size=5))
    def append(self, appends: list[Append]) -> None:
        """One call for each shard that the appends belong to."""
        for shard in range(SHARDS):
            self._append(shard, [append for append in appends if self.model.shard_of(append.tenant) == shard])

    @precondition(lambda self: self.sent)
    @rule(choice=st.integers(min_value=0), expected=_expected, twice=st.booleans())
    def retry(self, choice: int, expected: Expected, twice: bool) -> None:
        """An append that was sent before, with another expectation."""
        again = msgspec.structs.replace(self.sent[choice % len(self.sent)], expected=expected)
        self._append(self.model.shard_of(again.tenant), [again, again] if twice else [again])

    @rule(
        tenant=st.sampled_from(TENANTS),
        thread=st.sampled_from(THREADS),
        limit=st.integers(1, 9),
        backward=st.booleans(),
    )
    def read_thread(self, tenant: str, thread: str, limit: int, backward: bool) -> None:
        """A thread, page by page."""
        wanted, given = self._both(lambda log: read_thread(log, thread, tenant, limit=limit, backward=backward))
        _same("R1", f"thread {thread} of {tenant}", _plain(wanted), _plain(given))

    @rule(shard=st.integers(0, SHARDS - 1), tenant=st.none() | st.sampled_from(TENANTS), limit=st.integers(1, 9))
    def read_shard(self, shard: int, tenant: str | None, limit: int) -> None:
        """A shard, or one tenant's part of it, page by page."""
        wanted, given = self._both(lambda log: read_shard(log, shard, tenant, limit=limit))
        _same("F1", f"shard {shard} for {tenant}", _plain(wanted), _plain(given))

    @rule(
        tenant=st.sampled_from(TENANTS),
        owner=st.sampled_from([None, "alice", "bob"]),
        limit=st.integers(1, 5),
        newest_first=st.booleans(),
    )
    def list_heads(self, tenant: str, owner: str | None, limit: int, newest_first: bool) -> None:
        """A tenant's threads, or those of one owner, page by page."""
        wanted, given = self._both(lambda log: read_heads(log, tenant, owner, limit=limit, newest_first=newest_first))
        plain = [[msgspec.structs.replace(head, created_us=0) for head in heads] for heads in (wanted, given)]
        _same("H1", f"threads of {tenant} for {owner}", *plain)

    @precondition(lambda self: Capability.PERSISTENT in self.backend.capabilities)
    @rule()
    def reopen(self) -> None:
        """A restart changes nothing."""
        self.log = self.run(self.lab.reopen(self.log, whole=False))

    def _append(self, shard: int, appends: list[Append]) -> None:
        wanted, given = self._both(lambda log: log.append(shard, appends))
        if len(given) != len(wanted):
            raise ClauseBroken("A1", f"{len(given)} outcomes for {len(wanted)} appends")
        for append, want, got in zip(appends, wanted, given, strict=True):
            _compare(append, want, got)
        self.sent += appends

    @rule()
    def copy(self) -> None:
        """All that there is goes into another log, which then holds the same."""
        self.copies += 1
        copy = self.run(self.lab.open(f"copy-{self.copies}", shards=SHARDS))
        for shard in range(SHARDS):
            wanted, given = self._both(partial(read_shard, shard=shard))
            _same("F1", f"shard {shard}", _plain(wanted), _plain(given))
            self.run(copy.restore(shard, given))
            _same("C1", f"the copy of shard {shard}", given, self.run(read_shard(copy, shard)))
        self.run(copy.close())

    def teardown(self) -> None:
        """Close all logs."""
        self.run(self.lab.__aexit__(None, None, None))
        self.runner.close()

    def _both(self, call: Any) -> tuple[Any, Any]:
        return self.run(call(self.model)), self.run(call(self.log))


class ModelTests:
    """The log beside the reference implementation."""

    @across_clauses
    def test_model_any_calls_are_answered_as_by_the_reference(self, backend: Backend) -> None:
        """Whatever calls Hypothesis invents, the log and `MemoryLog` give the same answers."""
        for steps in (2, 5, 12, 30):  # short histories first: what fails there needs no shrinking, which takes minutes
            run_state_machine_as_test(
                cast("type[LogMachine]", partial(LogMachine, backend)),  # any factory will do
                settings=settings(
                    max_examples=max(1, backend.examples // 4),
                    stateful_step_count=steps,
                    phases=[Phase.generate],
                    report_multiple_bugs=False,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )


def _compare(append: Append, want: Outcome, got: Outcome) -> None:
    what = f"append {append}"
    if type(want) is not type(got):
        by_id = {Duplicate, IdReused} & {type(want), type(got)}
        raise ClauseBroken("A6" if by_id else "A4", f"{what}\nwas to give {want}\nand gives {got}")
    match want, got:
        case (Duplicate(wanted), Duplicate(given)):
            _same("A6", what, [_numbers(event) for event in wanted], [_numbers(event) for event in given])
            _same("A8", what, _plain(wanted), _plain(given))
        case (Appended(wanted), Appended(given)):
            _same("A3", what, [event.seq for event in wanted], [event.seq for event in given])
            _same("F1", what, [event.position for event in wanted], [event.position for event in given])
            _same("A8", what, [event.data for event in wanted], [event.data for event in given])
            _same("A1", what, _plain(wanted), _plain(given))
        case _:
            _same("A5" if isinstance(want, Conflict) else "A6", what, want, got)


def _numbers(event: Event) -> tuple[object, ...]:
    """Which event of its thread and shard it is."""
    return event.tenant, event.thread_id, event.seq, event.position, event.append_id


def _plain(events: Sequence[Event]) -> list[Event]:
    """Events without what each log gives of its own."""
    return [msgspec.structs.replace(event, id="", time_us=0) for event in events]


def _same(clause: str, what: str, want: object, got: object) -> None:
    if want != got:
        raise ClauseBroken(clause, f"{what}\nwas to give {want}\nand gives {got}")
