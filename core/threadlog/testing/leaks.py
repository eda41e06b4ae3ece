"""What a process holds that a closed log must have given back: tasks, threads, files."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Holdings:
    """Tasks, threads and files of this process at one moment."""

    tasks: frozenset[asyncio.Task[object]]
    threads: frozenset[threading.Thread]
    files: frozenset[str]

    @classmethod
    def now(cls) -> Holdings:
        """What is held at this moment."""
        return cls(frozenset(asyncio.all_tasks()), frozenset(threading.enumerate()), frozenset(_open_files()))

    def new_since(self, before: Holdings) -> list[str]:
        """What is held and was not before, for people."""
        tasks = [f"task {task.get_name()} ({task.get_coro()})" for task in self.tasks - before.tasks if not task.done()]
        threads = [f"thread {thread.name}" for thread in self.threads - before.threads if not _is_shared(thread)]
        return [*tasks, *threads, *(f"file {name}" for name in self.files - before.files)]


async def left_after(before: Holdings, patience: float) -> list[str]:
    """What is held that was not before; what ends on its own, as a thread that has been told to, is given a moment.

    Args:
        patience: how long that moment is at most, in seconds.
    """
    until = time.monotonic() + patience
    turn = 0
    while True:
        left = Holdings.now().new_since(before)
        if not left or time.monotonic() >= until:
            return left
        turn += 1
        if turn % 10 == 0:
            gc.collect()
        await asyncio.sleep(0.001)


def _is_shared(thread: threading.Thread) -> bool:
    """The event loop's own pool, made by the first `asyncio.to_thread`, belongs to the loop."""
    return thread.name.startswith("asyncio_")


def _open_files() -> Iterator[str]:
    """Every open descriptor with what it stands for, where the platform tells."""
    with suppress(FileNotFoundError):
        for number in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                target = os.readlink(f"/proc/self/fd/{number}")
                if not target.startswith("/proc/"):
                    yield f"{number} -> {target}"
