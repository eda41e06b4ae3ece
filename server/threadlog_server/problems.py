"""Errors as problem details (RFC 9457): the one table between what threadlog raises and what HTTP answers."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from threadlog.exchange import InvalidRun
from threadlog.log import (
    Diverged,
    InvalidAppend,
    InvalidCursor,
    LogBusy,
    LogClosed,
    LogCorrupt,
    LogReadOnly,
    LogStopped,
    OutcomeUnknown,
    StorageFull,
    TooLarge,
)
from threadlog.model import ThreadlogError
from threadlog.runs import RunActive, RunnerClosed, RunNotFound, ThreadNotActive, TooManyRuns
from threadlog.store import (
    AccessDenied,
    AppendIdReused,
    AttachmentNotFound,
    InvalidPage,
    InvalidRequest,
    ItemNotFound,
    SeqNotFound,
    StoreConflict,
    ThreadDeleted,
    ThreadNotFound,
)
from threadlog_server.errors import DevelopmentOnly, KeyReused, TooManyStreams
from threadlog_server.jsonschema import inlined, without_empty

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:threadlog:problem:"
"""What the `type` of every problem of our own begins with."""


class InvalidPart(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="forbid")

    where: list[str | int]
    """The place: ``["query", "limit"]``, ``["body", "title"]``."""
    message: str
    """What is wrong there."""


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    type: str
    """Names the kind of problem, for programs; ``about:blank`` where the status says it all."""
    title: str
    """The kind of problem in words."""
    status: int = Field(ge=400, le=599)
    """The HTTP status, once more."""
    detail: str
    """What happened and what to do about it, for people."""
    current_seq: int | None = None
    """The thread's last seq, where it is not the one that was expected."""
    run_id: str | None = None
    """The run that is in the way."""
    errors: list[InvalidPart] | None = None
    """What is wrong with the request, part by part."""


class Kind(Struct, frozen=True):
    """A kind of problem: its name, its status, and how long to wait before trying again."""

    name: str
    status: int
    title: str
    retry_after: int | None = None
    """Seconds."""
    detail: str | None = None
    """Said in place of the error's own message, where that is for operators only."""


KINDS: Mapping[type[ThreadlogError], Kind] = {
    AccessDenied: Kind("access-denied", 403, "You may not do this"),
    DevelopmentOnly: Kind("development-only", 403, "The development principal serves loopback only"),
    ThreadNotFound: Kind("thread-not-found", 404, "No such thread"),
    ItemNotFound: Kind("item-not-found", 404, "No such item"),
    AttachmentNotFound: Kind("attachment-not-found", 404, "No such attachment"),
    SeqNotFound: Kind("seq-not-found", 404, "No such seq"),
    RunNotFound: Kind("run-not-found", 404, "No such run"),
    ThreadDeleted: Kind("thread-deleted", 410, "The thread was deleted"),
    StoreConflict: Kind("conflict", 409, "The thread is not as expected"),
    KeyReused: Kind("idempotency-key-reused", 409, "The key names another request"),
    AppendIdReused: Kind("idempotency-key-reused", 409, "The key names another request"),
    RunActive: Kind("run-active", 409, "The thread has an active run"),
    ThreadNotActive: Kind("thread-not-active", 409, "The thread takes no messages"),
    Diverged: Kind("diverged", 409, "The cursor is of another history"),
    TooLarge: Kind("too-large", 413, "Too large for the log"),
    InvalidCursor: Kind("invalid-cursor", 422, "Not a cursor"),
    InvalidAppend: Kind("invalid-request", 422, "The request can never be right"),
    # Limits and orders are checked before: what is left is an `after` that names nothing.
    InvalidPage: Kind("place-not-found", 404, "No such place in the list"),
    InvalidRequest: Kind("invalid-request", 422, "The request can never be right"),
    InvalidRun: Kind("invalid-run", 422, "This is no run"),
    TooManyStreams: Kind("too-many-streams", 429, "Too many event streams", retry_after=5),
    TooManyRuns: Kind("too-many-runs", 503, "Too many active runs", retry_after=5),
    RunnerClosed: Kind("shutting-down", 503, "The server is stopping", retry_after=2),
    LogClosed: Kind("shutting-down", 503, "The server is stopping", retry_after=2),
    LogBusy: Kind("log-busy", 503, "The log has more to do than it can", retry_after=1),
    LogStopped: Kind("log-stopped", 503, "The log takes no more events"),
    StorageFull: Kind("storage-full", 503, "The storage is full", retry_after=30),
    LogReadOnly: Kind("log-read-only", 503, "The log is open for reading only"),
    OutcomeUnknown: Kind("outcome-unknown", 503, "It is not known whether this was stored", retry_after=1),
    LogCorrupt: Kind(
        "log-corrupt",
        503,
        "The log is damaged",
        detail="What was asked for lies in a damaged part of the log; the operator finds the place with "
        "`threadlog verify`.",
    ),
}
"""What each error means over HTTP; an error that is not listed answers like the nearest of its bases."""

INVALID = Kind("invalid-request", 422, "The request can never be right")


def kind_of(error: ThreadlogError) -> Kind | None:
    """The kind of problem that an error is; None for one that no caller could do anything about."""
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), None)


def detail_of(error: ThreadlogError) -> str:
    """What to tell people of an error, where there is no status to go with it."""
    kind = kind_of(error)
    if kind is None:
        return "the server failed; its log says more."
    return kind.detail or str(error)


def of_error(error: ThreadlogError) -> Response | None:
    """The answer to an error of threadlog's, or None for one that is the server's own fault."""
    kind = kind_of(error)
    if kind is None:
        return None
    return respond(
        Problem(
            type=PREFIX + kind.name,
            title=kind.title,
            status=kind.status,
            detail=kind.detail or str(error),
            current_seq=getattr(error, "current_seq", None),
            run_id=getattr(error, "run_id", None),
        ),
        {"retry-after": str(kind.retry_after)} if kind.retry_after else None,
    )


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer where the HTTP status says what kind of problem it is."""
    title = http.HTTPStatus(status).phrase
    return respond(Problem(type="about:blank", title=title, status=status, detail=detail), headers)


def of_http(error: HTTPException) -> Response:
    """The answer to an error that Starlette, FastAPI or a dependency raised as HTTP."""
    return of_status(error.status_code, str(error.detail), error.headers)


def of_validation(error: RequestValidationError) -> Response:
    """The answer to a request that is not what the API describes. Never repeats what was sent."""
    parts = [InvalidPart(where=_place(part["loc"]), message=part["msg"]) for part in error.errors()]
    where = "/".join(str(step) for step in parts[0].where) if parts else "request"
    what = parts[0].message if parts else "it cannot be read"
    return respond(
        Problem(type=PREFIX + INVALID.name, title=INVALID.title, status=422, detail=f"{where}: {what}", errors=parts)
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response."""
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, dict(headers or {}), MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation's description says of its problems: these, and those that any request may meet."""
    return {
        status: {"description": _DESCRIBED[status], "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        for status in sorted({*_ANY_REQUEST, *statuses})
    }


def _place(location: Sequence[str | int]) -> list[str | int]:
    return list(location)


_SCHEMA = without_empty(inlined(Problem.model_json_schema()))
"""In full, because an application into which the routes are mounted has no components of ours."""

_ANY_REQUEST = (403, 408, 413, 415, 421, 422, 500, 503)
_DESCRIBED = {
    403: "Refused: a page of another origin, or more than your rights allow.",
    404: "There is no such thing, or none that you may know of.",
    408: "The body took too long to arrive.",
    409: "Things are not as the request takes them to be.",
    410: "The thread was deleted.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The server does not answer to this `Host`.",
    422: "The request is not as described here.",
    429: "You have too many event streams open.",
    500: "A fault of the server's; its log says more.",
    503: "The server cannot do this now; `detail` says why.",
}
