"""Stepping through a call: to cancel it, or to let another one go first, at each place where it waits.

A coroutine tells its event loop where it waits by what it yields. A wrapper sees each such place, whatever it waits
for: a lock, a thread, a socket, another task. So the same places can be visited one after the other, on any log.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

HOLD = 0.05
"""Seconds for which a call is held back at the most: where the other one waits for it, it can only go on."""


class Stepped(Generic[T]):
    """A call, run as a task, with a pause at one of the places where it waits.

    Args:
        call: the call.
        step: at which wait; the first is 1.
        pause: called there, with this and with what the call waits for; what it gives is waited for before the call
            goes on.

    Attributes:
        task: the call, running.
        reached: whether it has come to that place.
    """

    def __init__(self, call: Coroutine[Any, Any, T], step: int, pause: Pause) -> None:
        self.reached = False
        self._step, self._pause = step, pause
        self.task: asyncio.Task[T] = asyncio.ensure_future(self._run(call))

    async def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return await self._drive(call)

    @types.coroutine
    def _drive(self, call: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        error: BaseException | None = None
        step = 0
        while True:
            step += 1
            try:
                waited = call.send(None) if error is None else call.throw(error)
            except StopIteration as done:
                result: T = done.value
                return result
            error, first = None, None
            if step == self._step:
                self.reached = True
                first = self._pause(self, waited)
            try:
                yield waited
                if first is not None:
                    yield from first.__await__()
            except GeneratorExit:
                call.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - it is thrown into the call
                error = thrown


Pause = Callable[[Stepped[Any], Any], Awaitable[object] | None]


def cancel_waiting(call: Stepped[Any], waited: Any) -> None:
    """Cancel a call while it waits."""
    call.task.cancel()


def cancel_ready(call: Stepped[Any], waited: Any) -> None:
    """Cancel a call when what it waited for is there, and before it goes on."""
    if waited is None:
        asyncio.get_running_loop().call_soon(call.task.cancel)
    else:
        waited.add_done_callback(lambda _: call.task.cancel())


CANCELS = (cancel_waiting, cancel_ready)
"""The two moments at which a cancellation can fall."""


async def cancelled_at(
    call: Coroutine[Any, Any, object], step: int, cancel: Callable[[Stepped[Any], Any], None]
) -> bool:
    """Cancel a call at one of its waits, and wait until it has ended, somehow; whether it came so far."""
    stepped = Stepped(call, step, cancel)
    await asyncio.wait([stepped.task])
    if not stepped.task.cancelled():
        stepped.task.exception()  # how it ended is not the question
    return stepped.reached


def amid(other: Callable[[], Coroutine[Any, Any, Any]], into: list[asyncio.Task[Any]] | None = None) -> Pause:
    """A pause in which another call runs to its end, or until it waits for the one that pauses.

    Args:
        other: makes the other call.
        into: takes the task in which it runs.
    """

    def start(call: Stepped[Any], waited: Any) -> Awaitable[object]:
        task = asyncio.ensure_future(other())
        if into is not None:
            into.append(task)
        return asyncio.wait([task], timeout=HOLD)

    return start


async def interleaved(
    first: Coroutine[Any, Any, Any], second: Callable[[], Coroutine[Any, Any, Any]], step: int
) -> tuple[bool, Any, Any]:
    """Run one call up to one of its waits, then another one to its end, then the first one.

    Returns:
        Whether the first one came to that wait, and what both gave; without the second one, where it did not.
    """
    other: list[asyncio.Task[Any]] = []
    call = Stepped(first, step, amid(second, other))
    result = await call.task
    return call.reached, result, await other[0] if other else None
