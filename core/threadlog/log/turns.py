"""Fair turns: a queue in which tenants take turns, so that a busy one delays nobody else for long."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Things in the queues of their tenants; the next is the first one of the tenant whose turn it is.

    The order within a tenant is kept. Putting, looking and taking cost the same however many there are.
    """

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[T]:
        """Everything, tenant by tenant."""
        for queue in self._queues.values():
            yield from queue

    def put(self, tenant: str, thing: T) -> None:
        """Queue a thing behind those of its tenant; a tenant that had none comes last in the round."""
        queue = self._queues.get(tenant)
        if queue is None:
            queue = self._queues[tenant] = deque()
        queue.append(thing)

    def first(self) -> T:
        """What `take` would give; there must be something."""
        return next(iter(self._queues.values()))[0]

    def take(self) -> T:
        """Remove the next thing; there must be something. Its tenant goes to the end of the round."""
        tenant, queue = next(iter(self._queues.items()))
        thing = queue.popleft()
        if queue:
            self._queues.move_to_end(tenant)
        else:
            del self._queues[tenant]
        return thing

    def take_all(self) -> list[T]:
        """Remove everything, tenant by tenant."""
        everything = list(self)
        self._queues.clear()
        return everything

    def first_of(self, tenant: str) -> T | None:
        """The first thing of one tenant, whoever's turn it is."""
        queue = self._queues.get(tenant)
        return queue[0] if queue else None

    def drop_first_of(self, tenant: str) -> None:
        """Remove the first thing of a tenant that has one, without its turn."""
        queue = self._queues[tenant]
        queue.popleft()
        if not queue:
            del self._queues[tenant]
