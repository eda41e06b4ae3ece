"""How a backend lets the kit fail the N-th call of its own I/O, for N = 1, 2, 3 …"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass


class NthCall:
    """The call of a backend's own I/O that is to fail. The kit makes one for each run; the backend's seam asks it.

    Attributes:
        number: which call fails; the first is 1.
        kind: how it fails, one of `Faults.kinds`.
        lasting: whether all calls after it fail, too.
        struck: what the failed call was, as the seam named it; None where it has not come to that call.
        counted: how many calls have asked.
    """

    def __init__(self, number: int, kind: str, *, lasting: bool = False) -> None:
        self.number, self.kind, self.lasting = number, kind, lasting
        self.struck: str | None = None
        self.counted = 0
        self._lock = threading.Lock()

    def strikes(self, what: str) -> bool:
        """Whether this call must fail; ask once for each call, from any thread.

        Args:
            what: names the call for people, such as ``"fdatasync"`` or ``"COMMIT"``.
        """
        with self._lock:
            self.counted += 1
            if self.counted == self.number:
                self.struck = what
            return self.counted == self.number or (self.lasting and self.counted > self.number)

    def __str__(self) -> str:
        how = "it and all after it were" if self.lasting else "it was"
        struck = "it was not reached" if self.struck is None else f"{self.struck!r}; {how} made to fail: {self.kind}"
        return f"call {self.number} of the backend's I/O ({struck})"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """A seam between a log and its storage, at which the kit makes calls fail.

    ::

        @contextmanager
        def seam(call: NthCall) -> Iterator[None]:
            def fsync(fd: int) -> None:
                if call.strikes("fsync"):
                    raise OSError(errno.EIO, "made to fail")
                os.fsync(fd)

            with mock.patch("acme_log.fsync", fsync):
                yield

        Backend(..., faults=Faults(seam=seam))

    Let each call of the log's I/O ask, those of opening and closing and the reading ones, too: what goes to the disk,
    the network or the driver, and can fail there; for a library database its transactions (begin, commit) and queries,
    but not each look into a mapped page. The whole workload runs once for each call and kind, so its time grows with
    the square of their number; of more than 400 calls, so many are tried, evenly spread. Fail each as the real
    thing fails: with the error that the system or the driver raises, and with what goes wrong besides. A flush that
    fails has lost what it was to bring to the disk, and the kernel will not say so again; a write on a full disk has
    taken half of the bytes; a commit whose acknowledgement is lost has happened.

    Args:
        seam: a block for all logs of the backend that are made, opened and used in it. Each call of their I/O asks
            `NthCall.strikes` and fails, in the way that `NthCall.kind` names, where the answer is True.
        kinds: names of the ways to fail; each is tried at every call. The first one also for good: that call and
            all after it.
    """

    seam: Callable[[NthCall], AbstractContextManager[None]]
    kinds: tuple[str, ...] = ("error",)

    def plans(self) -> list[tuple[str, bool]]:
        """Each kind, and whether the fault lasts."""
        return [*((kind, False) for kind in self.kinds), (self.kinds[0], True)]
