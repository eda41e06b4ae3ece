"""Level concurrency, step by step: calls cancelled, or interleaved with another, at each place where they wait."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest

from threadlog.log import Append, Appended, Duplicate, EventLog, HeadChange, LogClosed, Snapshot, same_append
from threadlog.testing.blame import ACROSS
from threadlog.testing.clauses import clause
from threadlog.testing.failures import ClauseBroken
from threadlog.testing.history import History
from threadlog.testing.lab import Lab
from threadlog.testing.leaks import Holdings, left_after
from threadlog.testing.samples import make, more, read, read_heads, read_numbers, read_shard, send, store
from threadlog.testing.steps import CANCELS, Stepped, amid, cancelled_at, interleaved

Call = Coroutine[Any, Any, Any]

STEPS_AT_MOST = 500
"""No call waits so often."""


class CancellationTests:
    """What is left when a call is cancelled at its first wait, at its second, and so on."""

    @clause("A2")
    async def test_a2_an_append_cancelled_at_any_wait_is_all_or_nothing(self, lab: Lab) -> None:
        """Each of its appends is stored wholly or not at all; sent again under the same id, it is there once (A6)."""
        log = await lab.open()
        async for name in _cancelling(lambda name: send(log, *_two(name))):
            for append in _two(name):
                found = await read(log, append.thread_id)
                told = f"an append of {len(append.events)} events, {name}, left {found}"
                assert not found or same_append(append, found), told
            outcomes = await send(log, *_two(name))
            for append, outcome in zip(_two(name), outcomes, strict=True):
                found = await read(log, append.thread_id)
                if not isinstance(outcome, Appended | Duplicate) or not same_append(append, found):
                    told = f"an append, {name} and sent again, is answered {outcome} and stored as {found}"
                    raise ClauseBroken("A6", told)

    @clause("R2")
    async def test_r2_a_read_cancelled_at_any_wait_harms_nobody(self, lab: Lab) -> None:
        """The next read finds all, of the thread and of the shard."""
        log = await lab.open()
        await store(log, make(1, 2, 3))
        shard = log.shard_of("tenant")
        before = await log.read_thread("tenant", "thread"), await log.read_shard(shard)
        for call in (lambda name: log.read_thread("tenant", "thread"), lambda name: log.read_shard(shard)):
            async for name in _cancelling(call):
                found = await log.read_thread("tenant", "thread"), await log.read_shard(shard)
                assert found == before, f"after a read that was {name}"

    @clause("F3")
    async def test_f3_a_wait_cancelled_at_any_place_harms_nobody(self, lab: Lab) -> None:
        """Others who wait are told of the next append."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        last = (await store(log, make(0)))[-1].position
        for after in (0, 2**40):  # one wait that has something to tell, and one that has not
            async for name in _cancelling(partial(_wait, log, shard, after)):
                waiting = asyncio.ensure_future(more(log, shard, last))
                await asyncio.sleep(0)
                last = (await store(log, make(1)))[-1].position
                await _told_in_time(waiting, lab, f"beside a wait that was {name}, another one")

    @clause("H1")
    async def test_h1_listing_cancelled_at_any_wait_harms_nobody(self, lab: Lab) -> None:
        """The next listing finds all threads."""
        log = await lab.open()
        await store(log, make(1, head=HeadChange(owner="alice")))
        heads = await read_heads(log, "tenant", "alice")
        async for name in _cancelling(lambda name: log.list_heads("tenant", owner="alice")):
            assert await read_heads(log, "tenant", "alice") == heads, f"after a listing that was {name}"

    @clause("S1")
    async def test_s1_snapshots_cancelled_at_any_wait_harm_nobody(self, lab: Lab) -> None:
        """A snapshot whose saving was cancelled is there or not, and another can be saved and loaded."""
        log = await lab.open()
        (event,) = await store(log, make(1))
        first, second = (_snapshot(event.check, state) for state in (b'"first"', b'"second"'))
        for call in (lambda name: log.save_snapshot(first), lambda name: log.load_snapshot(*_KEY)):
            async for name in _cancelling(call):
                assert await log.load_snapshot(*_KEY) in (None, first, second), f"a snapshot call was {name}"
                await log.save_snapshot(second)
                assert await log.load_snapshot(*_KEY) in (None, second), (
                    f"a snapshot call was {name}, and another saved"
                )

    @clause("C1")
    async def test_c1_a_restore_cancelled_at_any_wait_is_all_or_nothing(self, lab: Lab) -> None:
        """The copy holds all of the call's events or none, and the same call again completes it."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        events = await store(log, make(1, 2), make(3, thread="u"), make(4, 5, 6))
        copies: dict[str, EventLog] = {}

        async def restore(name: str) -> None:
            await copies[name].restore(shard, events)

        async def fresh(name: str) -> None:
            copies[name] = await lab.open(f"copy-{name}", shards=log.info.shards)

        async for name in _cancelling(restore, before=fresh):
            found = await read_shard(copies[name], shard)
            assert found in ([], list(events)), f"a restore of {len(events)} events, {name}, left {found}"
            await copies[name].restore(shard, events)
            assert await read_shard(copies[name], shard) == list(events), f"a restore, {name} and called again"
            await copies[name].close()

    @clause("L1")
    async def test_l1_opening_and_closing_cancelled_at_any_wait_can_be_done_again(self, lab: Lab) -> None:
        """A log whose opening or closing was cancelled is closed by the next closing, leaves nothing, opens again."""
        log = await lab.make()
        async with log:
            await store(log, make(1, thread="warm-up"))

        async def opened(name: str) -> None:
            await log.open()

        async def closed(name: str) -> None:
            await log.close()

        for call, before in ((opened, None), (closed, opened)):
            held = Holdings.now()
            async for name in _cancelling(call, before=before):
                await log.close()
                with pytest.raises(LogClosed):
                    _ = log.info
                left = await left_after(held, lab.patience)
                assert not left, f"left after a call that was {name}, and closing: {', '.join(left)}"
                async with log:  # and not appended to: where opening waits for each event, this would never end
                    await log.read_thread("tenant", "warm-up")


class InterleavingTests:
    """One call goes up to its first wait, another runs to its end, and the first goes on; then at the second wait."""

    @clause("A4")
    async def test_a4_of_two_interleaved_who_expect_the_same_one_wins(self, lab: Lab) -> None:
        """Wherever the one stands when the other comes, one is stored and one is told of a conflict."""
        log = await lab.open()
        for step, thread in _steps():
            one, other = (partial(send, log, make(n, thread=thread, expected=0)) for n in (1, 2))
            reached, *outcomes = await interleaved(one(), other, step)
            if not reached:
                return
            kinds = sorted(type(outcome).__name__ for (outcome,) in outcomes)
            told = f"with the second call at wait {step} of the first, both of which expect seq 0, the outcomes are"
            assert kinds == ["Appended", "Conflict"], f"{told} {outcomes}"

    @clause("A6")
    async def test_a6_of_two_equal_interleaved_one_is_stored(self, lab: Lab) -> None:
        """Wherever the one stands when its retry comes, one is stored and the other is its duplicate."""
        log = await lab.open()
        for step, thread in _steps():
            one = partial(send, log, make(1, 2, thread=thread))
            reached, *outcomes = await interleaved(one(), one, step)
            if not reached:
                return
            kinds = sorted(type(outcome).__name__ for (outcome,) in outcomes)
            told = f"with the retry at wait {step} of the first call, the outcomes are"
            assert kinds == ["Appended", "Duplicate"], f"{told} {outcomes}"
            assert await read_numbers(log, thread) == [1, 2], f"with the retry at wait {step} of the first call"

    @clause("F2")
    async def test_f2_an_append_amid_reading_is_not_skipped(self, lab: Lab) -> None:
        """A page of the shard that is read while an append comes holds it, or does not say that it has passed it."""
        log = await lab.open()
        shard, seen = log.shard_of("tenant"), 0
        for step, thread in _steps():
            other = partial(store, log, make(1, 2, thread=thread))
            reached, page, _ = await interleaved(log.read_shard(shard, after=seen), other, step)
            positions = [event.position for event in page.events]
            told = f"with an append at wait {step} of the reading, a page after {seen} holds"
            assert positions == list(range(seen + 1, page.looked_to + 1)), f"{told} {positions}, up to {page.looked_to}"
            if not reached:
                return
            seen = page.looked_to

    @clause("F3")
    async def test_f3_an_append_amid_the_beginning_of_a_wait_is_told(self, lab: Lab) -> None:
        """Whoever begins to wait while an append comes is told of it, and not left waiting."""
        log = await lab.open()
        shard = log.shard_of("tenant")
        last = 0
        for step, thread in _steps():
            call = Stepped(more(log, shard, last), step, amid(lambda: store(log, make(1))))
            await asyncio.wait([call.task], timeout=0.1)
            reached = call.reached
            if not reached:  # it waits for news, at an earlier wait
                await store(log, make(1, thread=thread))
            await _told_in_time(call.task, lab, f"with an append at wait {step} of it, a call that waits")
            last = await log.wait(shard, after=0, timeout=0)
            if not reached:
                return

    @clause(ACROSS)
    async def test_history_of_interleaved_calls_is_consistent(self, lab: Lab) -> None:
        """Appends and reads of one thread, each amid each other, are answered as if one came after the other."""
        log = await lab.open()
        for number, (first, second) in enumerate(itertools.product(_RECORDED, repeat=2)):
            for step, thread in _steps(f"pair{number}"):
                history = History()
                await history.append(log, make(0, thread=thread))
                other = partial(second, history, log, thread)
                reached, _, _ = await interleaved(first(history, log, thread), other, step)
                await history.read_thread(log, "tenant", thread)
                history.confirm(await read(log, thread))
                if not reached:
                    break


_KEY = ("tenant", "thread", "items", 1)


async def _record_append(history: History, log: EventLog, thread: str) -> None:
    await history.append(log, make(1, 2, thread=thread))


async def _record_expecting(history: History, log: EventLog, thread: str) -> None:
    await history.append(log, make(3, thread=thread, expected=1))


async def _record_read(history: History, log: EventLog, thread: str) -> None:
    await history.read_thread(log, "tenant", thread)


_RECORDED = (_record_append, _record_expecting, _record_read)


async def _cancelling(
    call: Callable[[str], Call], *, before: Callable[[str], Awaitable[None]] | None = None
) -> AsyncGenerator[str, None]:
    """Cancel a call at its first wait, at its second, and so on until it ends before that; in both ways.

    Yields, after each, what was done to it: ``cancelled-waiting-3``. The call is given that, too.
    """
    for cancel in CANCELS:
        for step in range(1, STEPS_AT_MOST):
            name = f"{cancel.__name__}-{step}".replace("cancel_", "cancelled-")
            if before is not None:
                await before(name)
            reached = await cancelled_at(call(name), step, cancel)
            yield name
            if not reached:
                break


def _steps(name: str = "thread") -> Iterator[tuple[int, str]]:
    """Numbers of waits, each with a thread of its own."""
    return ((step, f"{name}-{step}") for step in range(1, STEPS_AT_MOST))


def _two(name: str) -> list[Append]:
    """Two appends of one call, the same for the same name."""
    return [
        make(1, 2, 3, thread=name, append_id=f"{name}-one"),
        make(4, 5, thread=f"{name}-too", append_id=f"{name}-other"),
    ]


def _snapshot(check: str, state: bytes) -> Snapshot:
    tenant, thread, projection, version = _KEY
    return Snapshot(
        tenant=tenant, thread_id=thread, projection=projection, version=version, seq=1, check=check, state=state
    )


async def _wait(log: EventLog, shard: int, after: int, name: str) -> None:
    """Wait a little for more; `name` is that of the cancellation."""
    await log.wait(shard, after=after, timeout=0.02)


async def _told_in_time(waiting: asyncio.Future[int], lab: Lab, what: str) -> None:
    try:
        await asyncio.wait_for(waiting, lab.patience)
    except (TimeoutError, asyncio.CancelledError) as error:
        raise ClauseBroken("F3", f"{what} for more is not told of the next append: it ends with {error!r}") from error
