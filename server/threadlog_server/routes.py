"""How routes of threadlog read requests and answer errors, in whatever application they are mounted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from threadlog.model import ThreadlogError
from threadlog_server import problems

MAX_DEPTH = 100
"""How deep JSON in a body may be nested; encoders of the standard kind stop at a few hundred."""


class StrictRequest(Request):
    """A request whose body is JSON by the letter of RFC 8259, and of reasonable depth."""

    async def json(self) -> Any:
        """The body.

        Raises:
            JSONDecodeError: it is no JSON in UTF-8, or holds NaN, an infinity, a lone surrogate or too much nesting.
        """
        body = await self.body()
        try:
            text = body.decode()
            value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        except UnicodeDecodeError as error:
            raise json.JSONDecodeError("not UTF-8", "", error.start) from None
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(_why(error), "", 0) from None
        if _depth(value) > MAX_DEPTH:
            raise json.JSONDecodeError(f"nested deeper than {MAX_DEPTH}", "", 0)
        if "\\ud" in text.lower() and _has_lone_surrogate(value):
            raise json.JSONDecodeError("a lone surrogate, which UTF-8 cannot carry", "", 0)
        return value


class ProblemRoute(APIRoute):
    """A route that answers its errors with problem details, in whatever application it is mounted."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, between a strict request and problem details."""
        handler = super().get_route_handler()
        known = _query_names(self.dependant)

        async def handle(request: Request) -> Response:
            try:
                _check_query(request, known)
                return await handler(StrictRequest(request.scope, request.receive))
            except RequestValidationError as error:
                return problems.of_validation(error)
            except HTTPException as error:
                return problems.of_http(error)
            except ThreadlogError as error:
                answer = problems.of_error(error)
                if answer is None:
                    raise
                return answer

        return handle


def json_response(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as it dumps itself: what is optional and unset stays away."""
    return Response(model.model_dump_json(by_alias=True), status, headers, "application/json")


def _query_names(dependant: Dependant) -> frozenset[str]:
    """The query parameters of a route and of everything it depends on."""
    below = [_query_names(child) for child in dependant.dependencies]
    return frozenset(field.alias for field in dependant.query_params).union(*below)


def _check_query(request: Request, known: frozenset[str]) -> None:
    """Refuse a parameter that nobody reads, which is most likely misspelt, and one that is given twice."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise _wrong_parameter(name, f"unknown; there are {', '.join(sorted(known)) or 'none'}")
        if name in seen:
            raise _wrong_parameter(name, "given more than once")
        seen.add(name)


def _wrong_parameter(name: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "parameter", "loc": ("query", name[:80]), "msg": message, "input": None}])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _why(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return depth


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
