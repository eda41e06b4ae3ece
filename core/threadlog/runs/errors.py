"""What can go wrong around a run.

::

    ThreadlogError
    └── RunnerError
        ├── RunActive                   the thread has an active run; a thread runs one at a time
        ├── ThreadNotActive             the thread is locked or closed; it takes no messages
        ├── RunNotFound (LookupError)   the thread has no such run
        ├── TooManyRuns                 the runner has as many runs as it may
        ├── RunnerClosed                the runner is not open, or is stopping
        ├── RunEnded                    the run is over: what its agent still streams is refused
        │   └── RunFenced               by the thread's log another ended it, or the thread is deleted
        ├── InvalidOutput (ValueError)  an agent streams what may not be part of a run
        └── AgentFailure                raised by agents, with a message that the user may see
"""

from __future__ import annotations

from threadlog.model.errors import ThreadlogError


class RunnerError(ThreadlogError):
    """Base of the errors of runs."""


class RunActive(RunnerError):
    """The thread has an active run already; wait for its end, or cancel it.

    Attributes:
        run_id: the active run.
    """

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"the thread is busy with {run_id}: wait for its end or cancel it, then send the message again."
        )
        self.run_id = run_id


class ThreadNotActive(RunnerError):
    """The thread is locked or closed, so that it takes no messages."""

    def __init__(self, status: str, reason: str | None) -> None:
        super().__init__(f"the thread is {status}{f' ({reason})' if reason else ''}; write in another one.")


class RunNotFound(RunnerError, LookupError):
    """The thread has no run of this id."""


class TooManyRuns(RunnerError):
    """The runner has as many active runs as it may have; try again later."""


class RunnerClosed(RunnerError):
    """The runner is not open, or is stopping; nothing was started."""


class RunEnded(RunnerError):
    """The run is over; what its agent still streams is refused."""


class RunFenced(RunEnded):
    """By its thread's log this run is no longer the active one; its writes are refused and its agent is stopped."""


class InvalidOutput(RunnerError, ValueError):
    """An agent streams what may not be part of a run; nothing of it was stored."""


class AgentFailure(RunnerError):
    """Raise it in an agent to end the run as failed with a message that the user may see.

    Every other exception ends the run with its class name alone; its message may hold what users must not see, and
    goes to the server's log.

    Attributes:
        allow_retry: whether sending the message again may help.
    """

    def __init__(self, message: str, *, allow_retry: bool = False) -> None:
        super().__init__(message)
        self.allow_retry = allow_retry
