"""The span of a run, by OpenTelemetry's conventions for agents.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from opentelemetry.trace import Span, StatusCode, Tracer

from threadlog.runs.active import Fenced
from threadlog.runs.ending import Completed, Ending, Failed


def span_of_run(tracer: Tracer, agent: str, thread_id: str, run_id: str) -> AbstractContextManager[Span]:
    """The span in which an agent works; what it appends is traced to it."""
    return tracer.start_as_current_span(
        f"invoke_agent {agent}",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": agent,
            "gen_ai.conversation.id": thread_id,
            "threadlog.run_id": run_id,
        },
    )


def note_ending(span: Span, ending: Ending | Fenced) -> None:
    """Put on the span how the run ended, and what its models used."""
    span.set_attribute("threadlog.run.ending", type(ending).__name__.lower())
    if isinstance(ending, Completed):
        for name, count in ending.usage.items():
            span.set_attribute(f"gen_ai.usage.{name}", count)
    elif isinstance(ending, Failed):
        span.set_attribute("error.type", ending.type)
        span.set_status(StatusCode.ERROR)
