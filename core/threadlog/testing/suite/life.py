"""Level life: opening, closing, what is left behind, and secrets (L1, L2)."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest

from threadlog.log import (
    Capability,
    Event,
    EventLog,
    LogClosed,
    LogError,
    LogLocked,
    LogNotFound,
    LogReadOnly,
    NewEvent,
    Snapshot,
)
from threadlog.testing.clauses import clause
from threadlog.testing.lab import Lab
from threadlog.testing.leaks import Holdings, left_after
from threadlog.testing.samples import LONG, error_of, make, read_numbers, send, store, tenants_of

SNAPSHOT = Snapshot(
    tenant="tenant", thread_id="thread", projection="items", version=1, seq=1, check="0123abcd", state=b"{}"
)

CALLS: dict[str, Callable[[EventLog], Awaitable[Any]]] = {
    "append": lambda log: log.append(0, []),
    "read_thread": lambda log: log.read_thread("tenant", "thread"),
    "read_shard": lambda log: log.read_shard(0),
    "wait": lambda log: log.wait(0, after=0, timeout=0),
    "list_heads": lambda log: log.list_heads("tenant"),
    "load_snapshot": lambda log: log.load_snapshot("tenant", "thread", "items", 1),
    "save_snapshot": lambda log: log.save_snapshot(SNAPSHOT),
    "restore": lambda log: log.restore(0, []),
    "status": lambda log: log.status(),
}
"""Every call of an open log, with arguments that are in order."""


class LifeTests:
    """Opening and closing (L1), and what must not be lost by it (A7)."""

    @clause("L1")
    async def test_l1_a_log_that_is_not_open_refuses(self, lab: Lab) -> None:
        """Before opening and after closing, every call raises `LogClosed`."""
        log = await lab.make()
        await _check_closed(log)
        async with log:
            await store(log, make(1))
        await _check_closed(log)

    @clause("L1")
    async def test_l1_closing_and_opening_again_are_harmless(self, lab: Lab) -> None:
        """A log may be closed when it is not open, and opened when it is."""
        log = await lab.make()
        await log.close()
        await log.open()
        await log.open()
        await store(log, make(1))
        await log.close()
        await log.close()
        await _check_closed(log)

    @clause("L1")
    async def test_l1_closing_once_closes(self, lab: Lab) -> None:
        """However often a log was opened, one closing ends it; while it is open, its info is constant."""
        log = await lab.make()
        for _ in range(2):
            await log.open()
        assert log.info == log.info, "info is to be constant while the log is open"
        await log.close()
        await _check_closed(log)

    @clause("L1")
    async def test_l1_nothing_is_left_after_closing(self, lab: Lab) -> None:
        """Opening, using and closing leaves no task, thread or file, however often."""
        await _use(await lab.make("warm-up"))
        before = Holdings.now()
        for n in range(3):
            await _use(await lab.make(f"log-{n}"))
            await _check_nothing_left(before, lab)

    @clause("L1")
    async def test_l1_nothing_is_left_after_cancelled_calls(self, lab: Lab) -> None:
        """Calls that were cancelled half way hold nothing once the log is closed."""
        await _use(await lab.make("warm-up"))
        before = Holdings.now()
        log = await lab.make()
        async with log:
            calls = [
                asyncio.ensure_future(call)
                for call in (log.wait(0, after=0, timeout=LONG), log.read_thread("tenant", "thread"))
            ]
            await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        del calls
        await _check_nothing_left(before, lab)

    @clause("L1")
    async def test_l1_nothing_is_left_after_a_failed_opening(self, lab: Lab) -> None:
        """A log that was not there to be opened leaves nothing, and is still closed."""
        await _use(await lab.make("warm-up"))
        before = Holdings.now()
        log = await lab.make("nowhere", create=False)
        with pytest.raises(LogNotFound):
            await log.open()
        await _check_nothing_left(before, lab)
        await _check_closed(log)

    @clause("L1")
    async def test_l1_a_shard_that_there_is_not_is_refused(self, lab: Lab) -> None:
        """Every call that names a shard raises `ValueError` for one below 0 or beyond the last."""
        log = await lab.open()
        calls: tuple[Callable[[int], Awaitable[Any]], ...] = (
            lambda shard: log.append(shard, [make(1)]),
            lambda shard: log.read_shard(shard),
            lambda shard: log.wait(shard, after=0, timeout=0),
            lambda shard: log.restore(shard, []),
        )
        for shard in (-1, log.info.shards):
            for call in calls:
                error = await error_of(call(shard))
                assert isinstance(error, ValueError), f"a call that names shard {shard} ends with {error!r}"

    @clause("L1")
    async def test_l1_closing_ends_waits(self, lab: Lab) -> None:
        """Who waits for more when the log is closed gets `LogClosed` and is not left waiting."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        waits = [asyncio.ensure_future(log.wait(shard, after=0, timeout=LONG)) for _ in range(2)]
        await asyncio.sleep(0.01)
        await log.close()
        async with asyncio.timeout(lab.patience):
            results = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(result) for result in results] == [LogClosed] * 2, (
            f"who waited while the log was closed is due LogClosed, and got {results}"
        )

    @clause("A7")
    async def test_a7_closing_amid_appends_loses_none(self, lab: Lab) -> None:
        """Appends under way when the log closes are acknowledged and kept, or end with an error of the log."""
        lab.need(Capability.PERSISTENT)
        log = await lab.open()
        appends = [make(n, thread=f"t{n}") for n in range(30)]
        calls = [asyncio.ensure_future(send(log, append)) for append in appends]
        for _ in range(3):
            await asyncio.sleep(0)
        await log.close()
        async with asyncio.timeout(lab.patience):
            results = await asyncio.gather(*calls, return_exceptions=True)
        log = await lab.reopen(log, whole=False)
        for n, result in enumerate(results):
            kept = await read_numbers(log, f"t{n}")
            if isinstance(result, BaseException):
                assert isinstance(result, LogError), f"closing ended an append with {result!r}"
                assert kept in ([], [n])
            else:
                assert kept == [n], "an append that was acknowledged while the log closed is gone"

    @clause("L1")
    async def test_l1_a_log_closes_only_itself(self, lab: Lab) -> None:
        """Another log of the same kind goes on when one is closed."""
        one, other = await lab.open("one"), await lab.open("other")
        await store(one, make(1))
        await store(other, make(2))
        await one.close()
        await store(other, make(3))
        assert await read_numbers(other) == [2, 3]

    @clause("L1")
    async def test_l1_a_log_can_be_opened_again(self, lab: Lab) -> None:
        """The same object, closed and opened, goes on as a log."""
        lab.need(Capability.PERSISTENT)
        log = await lab.make()
        for n in range(3):
            async with log:
                await store(log, make(n))
                assert (await read_numbers(log))[-1] == n

    @clause("L1")
    async def test_l1_a_log_keeps_its_name_and_shards(self, lab: Lab) -> None:
        """`log_id` and the number of shards are fixed when it is made, whatever is asked for later."""
        log = await lab.open(shards=3)
        made = log.info
        assert made.shards == 3, f"made with shards=3, the log says that it has {made.shards}"
        log = await lab.reopen(log, shards=2)
        assert (log.info.log_id, log.info.shards) == (made.log_id, 3)
        other = await lab.open("other", shards=3)
        assert other.info.log_id != made.log_id, (
            f"two logs have one log_id, {made.log_id}: it names a history, so make it with each log, from random bits"
        )

    @clause("L1")
    async def test_l1_a_log_can_move_to_another_event_loop(self, lab: Lab) -> None:
        """Closed here, the same object is opened and used in another event loop."""
        lab.need(Capability.PERSISTENT)
        log = await lab.make()
        async with log:
            await store(log, make(1))

        def elsewhere() -> list[int]:
            async def use() -> list[int]:
                async with log:
                    await store(log, make(2))
                    return await read_numbers(log)

            return asyncio.run(use())

        assert (await asyncio.to_thread(elsewhere))[-1] == 2
        async with log:
            await store(log, make(3))


class CapabilityTests:
    """What the log says that it can do, it can; what it does not say, it refuses (L1)."""

    @clause("L1")
    async def test_l1_capabilities_are_the_declared_ones(self, lab: Lab) -> None:
        """`info.capabilities` and the declaration for the kit are the same."""
        assert (await lab.open()).info.capabilities == lab.backend.capabilities, (
            "left: what `info.capabilities` says; right: what the Backend of your tests declares. Make them the same"
        )

    @clause("L1")
    async def test_l1_a_log_that_keeps_nothing_says_so(self, lab: Lab) -> None:
        """Without `persistent`, another log at the place is empty."""
        lab.lack(Capability.PERSISTENT)
        log = await lab.open()
        await store(log, make(1))
        await log.close()
        assert await read_numbers(await lab.open()) == [], (
            "the declaration lacks Capability.PERSISTENT, and the log keeps what was stored: declare it, in `info`, too"
        )

    @clause("L1")
    async def test_l1_a_reader_beside_the_writer_reads_only(self, lab: Lab) -> None:
        """With `other-readers`, a log can be opened for reading beside the writer, reads, and refuses to write."""
        lab.need(Capability.OTHER_READERS)
        log = await lab.open()
        await store(log, make(1))
        reader = await lab.open(read_only=True)
        assert reader.info.read_only, "a log opened with read_only=True does not say so in `info.read_only`"
        assert await read_numbers(reader) == [1]
        with pytest.raises(LogReadOnly):
            await store(reader, make(2))
        assert not (await reader.status()).writable, "the status of a log opened for reading says that it can write"
        await reader.save_snapshot(SNAPSHOT)
        await reader.close()
        await store(log, make(3))

    @clause("L1")
    async def test_l1_a_reader_makes_nothing(self, lab: Lab) -> None:
        """With `other-readers`, there must be a log to open it for reading; none is made."""
        lab.need(Capability.OTHER_READERS)
        for _ in range(2):
            with pytest.raises(LogNotFound):
                await lab.try_open("nowhere", read_only=True)

    @clause("L1")
    async def test_l1_there_is_no_reader_beside_a_log_for_one(self, lab: Lab) -> None:
        """Without `other-readers`, opening for reading beside the writer is refused."""
        lab.lack(Capability.OTHER_READERS)
        await lab.open()
        with pytest.raises(LogError):
            await lab.try_open(read_only=True)

    @clause("L1")
    async def test_l1_there_is_one_writer(self, lab: Lab) -> None:
        """Without `other-writers`, a second log for writing is refused with `LogLocked`, until the first is closed."""
        lab.lack(Capability.OTHER_WRITERS)
        lab.need(Capability.PERSISTENT)
        log = await lab.open(holder={"url": "http://127.0.0.1:1"})
        second = await lab.make()
        if second is log:
            pytest.skip("the log lives in one object")
        with pytest.raises(LogLocked) as caught:
            await second.open()
        assert caught.value.holder["url"] == "http://127.0.0.1:1", (
            "LogLocked is to tell what the holder gave as `OpenOptions.holder`, so that people find it"
        )
        await store(log, make(1))
        await log.close()
        async with second:
            assert await read_numbers(second) == [1]

    @clause("L1")
    async def test_l1_two_writers_share_a_log(self, lab: Lab) -> None:
        """With `other-writers`, two open logs append in turns and each sees the other's events."""
        lab.need(Capability.OTHER_WRITERS)
        logs = (await lab.open(), await lab.open())
        for n in range(6):
            await store(logs[n % 2], make(n, expected=n))
        for log in logs:
            assert await read_numbers(log) == list(range(6))


class SecretTests:
    """Secrets of the URL (L2)."""

    @clause("L2")
    async def test_l2_secrets_are_in_no_description(self, lab: Lab) -> None:
        """Neither repr nor info nor status tells a secret, open or closed."""
        log = await lab.make()
        told = [repr(log), str(log)]
        async with log:
            told += [repr(log), str(log), repr(log.info), repr(await log.status())]
        told += [repr(log), str(log)]
        _check_secrets(lab, told)

    @clause("L2")
    async def test_l2_secrets_are_in_no_error(self, lab: Lab) -> None:
        """Errors of wrong and late calls, and of an opening that fails, tell none; nor do their causes."""
        log = await lab.make(shards=2)
        errors = [await error_of(call(log)) for call in CALLS.values()]
        missing = await lab.make("nowhere", create=False)
        errors.append(await error_of(missing.open()))
        async with log:
            errors.append(await error_of(log.read_shard(-1)))
            errors.append(await error_of(log.append(-1, [make(1)])))
            errors += [await error_of(call) for call in _wrong_calls(log)]
        _check_secrets(lab, [line for error in errors for line in _chain(error)])

    @clause("L2")
    async def test_l2_secrets_are_in_no_log_record(self, lab: Lab) -> None:
        """Whatever is logged, at any level, tells none."""
        records = _Records()
        root = logging.getLogger()
        level = root.level
        root.addHandler(records)
        root.setLevel(logging.DEBUG)
        try:
            await _use(await lab.make())
        finally:
            root.removeHandler(records)
            root.setLevel(level)
        _check_secrets(lab, records.lines)

    @clause("L2")
    async def test_l2_secrets_are_in_no_name_of_a_task_or_thread(self, lab: Lab) -> None:
        """Tasks and threads, the log's and its caller's, are named without: debuggers and dumps show them."""
        log = await lab.make()
        told: list[str] = []
        async with log:
            waiting = asyncio.ensure_future(log.wait(0, after=0, timeout=LONG))
            for call in CALLS.values():
                await error_of(call(log))
                told += [repr(task) for task in asyncio.all_tasks()]
                told += [thread.name for thread in threading.enumerate()]
            waiting.cancel()
            await asyncio.wait([waiting], timeout=1)
        _check_secrets(lab, told)


def _wrong_calls(log: EventLog) -> list[Awaitable[Any]]:
    """Calls that a log of two shards refuses: wrong numbers and shards, a large event, events of another history."""
    large = NewEvent("large", b'"' + b"x" * log.info.limits.event_bytes + b'"')
    here, there = (tenants_of(2, shard, 1)[0] for shard in range(2))
    stray = Event(
        tenant="tenant",
        thread_id="thread",
        seq=9,
        shard=0,
        position=9,
        id="01890a5d-ac96-774b-bcce-b302099a8057",
        append_id="a",
        type="t",
        version=1,
        time_us=0,
        data=b"1",
    )
    return [
        log.read_thread("tenant", "thread", after=-1),
        log.read_thread("tenant", "thread", limit=0),
        log.list_heads("tenant", limit=0),
        log.append(0, [make(events=(large,), tenant=here)]),
        log.append(0, [make(1, tenant=there)]),
        log.append(2, [make(1)]),
        log.restore(0, [stray]),
    ]


class _Records(logging.Handler):
    """Keeps what is logged, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


async def _use(log: EventLog) -> None:
    """A bit of everything, on a log that is opened and closed for it."""
    async with log:
        await store(log, make(1))
        for call in CALLS.values():
            await call(log)
        await log.wait(0, after=10, timeout=0.01)


async def _check_closed(log: EventLog) -> None:
    with pytest.raises(LogClosed):
        _ = log.info
    for name, call in CALLS.items():
        error = await error_of(call(log))
        assert isinstance(error, LogClosed), f"{name} of a log that is not open: {error!r}"


async def _check_nothing_left(before: Holdings, lab: Lab) -> None:
    left = await left_after(before, lab.patience)
    assert not left, f"left after closing: {', '.join(left)}"


def _chain(error: BaseException | None) -> list[str]:
    """The texts of an error and of all that it is chained to."""
    told: list[str] = []
    while error is not None:
        told += [str(error), repr(error), *getattr(error, "__notes__", ())]
        error = error.__cause__ or error.__context__
    return told


def _check_secrets(lab: Lab, told: list[str]) -> None:
    """No text holds a secret, be it as it is, quoted as in a URL, or in base64."""
    for text in told:
        for secret in lab.backend.secrets:
            coded = base64.b64encode(secret.encode()).decode().rstrip("=")
            shown = unquote_plus(text.replace(secret, "***").replace(coded, "***")).replace(secret, "***")
            assert shown == unquote_plus(text), f"a secret of the URL is told (shown is the text without it): {shown}"
