"""Spans and metrics of runs, by OpenTelemetry's conventions for agents.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeAlias

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import Span, StatusCode, TracerProvider, get_tracer

from threadlog.log import Limits, NewEvent
from threadlog.model import ServerToolCallItem, ThreadEvent, ThreadItemAddedEvent, ThreadItemDoneEvent
from threadlog.runs.active import Fenced
from threadlog.runs.bounds import RunBounds
from threadlog.runs.ending import Completed, Ending, Failed
from threadlog.runs.fence import Fence
from threadlog.runs.output import Output

SCOPE = "threadlog.runs"
"""Name of the instrumentation scope."""

Note: TypeAlias = "Callable[[Ending | Fenced], None]"
"""Takes how a run ended."""


class RunTelemetry:
    """What is measured of the runs of one agent.

    Args:
        agent: the agent's name.
        tracer_provider: None: the process's.
        meter_provider: None: the process's.
    """

    def __init__(
        self, agent: str, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._of = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}
        self._tracer = get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = get_meter(SCOPE, meter_provider=meter_provider)
        self._active = meter.create_up_down_counter("threadlog.runs.active", "{run}", "Runs at work.")
        self._duration = meter.create_histogram("threadlog.run.duration", "s", "Duration of runs, by how they ended.")
        self._fenced = meter.create_counter(
            "threadlog.runs.fenced", "{run}", "Runs whose writes were refused, for they were no longer the thread's."
        )

    @contextmanager
    def measured(self, thread_id: str, run_id: str) -> Iterator[Note]:
        """The span in which an agent works; what it appends is traced to it."""
        began = perf_counter()
        endings = {"threadlog.run.ending": "unrecorded"}
        self._active.add(1, self._of)
        try:
            with self._tracer.start_as_current_span(
                f"invoke_agent {self._of['gen_ai.agent.name']}",
                attributes={**self._of, "gen_ai.conversation.id": thread_id, "threadlog.run.id": run_id},
                record_exception=False,  # its message may hold what no trace may tell
                set_status_on_exception=False,
            ) as span:

                def note(ending: Ending | Fenced) -> None:
                    endings["threadlog.run.ending"] = type(ending).__name__.lower()
                    _describe(span, ending)

                yield note
        finally:
            self._active.add(-1, self._of)
            self._duration.record(perf_counter() - began, {**self._of, **endings})
            if endings["threadlog.run.ending"] == "fenced":
                self._fenced.add(1, self._of)

    def output(
        self, thread_id: str, fence: Fence, dump: Callable[[ThreadEvent], NewEvent], bounds: RunBounds, limits: Limits
    ) -> Output:
        """An output that makes a span of every tool call."""
        return _TracedOutput(self, thread_id, fence, dump, bounds, limits)

    def tool_call(self, call: ServerToolCallItem) -> Span:
        """The span of a tool call that begins; whoever sees the end of the call ends it."""
        return self._tracer.start_span(
            f"execute_tool {call.name}",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": call.name,
                "gen_ai.tool.call.id": call.call_id,
                "gen_ai.conversation.id": call.thread_id,
            },
        )


class _TracedOutput(Output):
    """An output that sees which tools are called; neither their arguments nor what they give are on a span."""

    def __init__(
        self,
        telemetry: RunTelemetry,
        thread_id: str,
        fence: Fence,
        dump: Callable[[ThreadEvent], NewEvent],
        bounds: RunBounds,
        limits: Limits,
    ) -> None:
        super().__init__(thread_id, fence, dump, bounds, limits)
        self._telemetry = telemetry
        self._calls: dict[str, Span] = {}

    async def put(self, event: ThreadEvent) -> None:
        """See `Output.put`."""
        await super().put(event)
        if isinstance(event, ThreadItemAddedEvent | ThreadItemDoneEvent) and isinstance(event.item, ServerToolCallItem):
            self._see(event.item)

    async def end(self, timeout: float) -> Exception | None:
        """See `Output.end`."""
        for span in self._calls.values():
            span.set_attribute("error.type", "unfinished")
            span.end()
        self._calls.clear()
        return await super().end(timeout)

    def _see(self, call: ServerToolCallItem) -> None:
        if call.status == "pending":
            self._calls.setdefault(call.id, self._telemetry.tool_call(call))
        elif (span := self._calls.pop(call.id, None)) is not None:
            if call.status == "failed":
                span.set_attribute("error.type", "failed")
                span.set_status(StatusCode.ERROR)
            span.end()


def _describe(span: Span, ending: Ending | Fenced) -> None:
    """Put on the span how the run ended, and what its models used."""
    span.set_attribute("threadlog.run.ending", type(ending).__name__.lower())
    if isinstance(ending, Completed):
        for name, count in ending.usage.items():
            span.set_attribute(f"gen_ai.usage.{name}", count)
    elif isinstance(ending, Failed):
        span.set_attribute("error.type", ending.type)
        span.set_status(StatusCode.ERROR)
