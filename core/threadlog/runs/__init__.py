"""Runs: agents at work in threads, their life cycle, and what they write with."""

from threadlog.runs.active import Agent
from threadlog.runs.bounds import RunBounds
from threadlog.runs.completions import CompletionStream
from threadlog.runs.context import AgentContext
from threadlog.runs.errors import (
    AgentFailure,
    InvalidOutput,
    RunActive,
    RunEnded,
    RunFenced,
    RunnerClosed,
    RunnerError,
    RunNotFound,
    ThreadNotActive,
    TooManyRuns,
)
from threadlog.runs.message import MessageStream
from threadlog.runs.response import AgentResponseHandler
from threadlog.runs.runner import Runner, StartedRun
from threadlog.runs.text import text_of

__all__ = [
    "Agent",
    "AgentContext",
    "AgentFailure",
    "AgentResponseHandler",
    "CompletionStream",
    "InvalidOutput",
    "MessageStream",
    "RunActive",
    "RunBounds",
    "RunEnded",
    "RunFenced",
    "RunNotFound",
    "Runner",
    "RunnerClosed",
    "RunnerError",
    "StartedRun",
    "ThreadNotActive",
    "TooManyRuns",
    "text_of",
]
