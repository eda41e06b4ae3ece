"""The description of the API, made true: problems by reference, no schema that says nothing."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from threadlog_server import problems
from threadlog_server.jsonschema import without_empty


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of an application, made once."""
    if app.openapi_schema is None:
        described = without_empty(FastAPI.openapi(app))
        for path in described["paths"].values():
            for operation in path.values():
                _say_optional(operation.get("parameters", []))
                _refer_to_problem(described, operation)
        app.openapi_schema = described
    return app.openapi_schema


def _say_optional(parameters: list[dict[str, Any]]) -> None:
    """A parameter may be left out; it cannot be null, as FastAPI says of it."""
    for parameter in parameters:
        given = [branch for branch in parameter["schema"].get("anyOf", []) if branch != {"type": "null"}]
        if len(given) == 1:
            parameter["schema"] = given[0]


def _refer_to_problem(described: dict[str, Any], operation: dict[str, Any]) -> None:
    """Let every problem response name one component, which FastAPI does for JSON responses only."""
    schemas = described["components"]["schemas"]
    for response in operation["responses"].values():
        content = response.get("content", {}).get(problems.MEDIA_TYPE)
        if content is not None:
            schemas["Problem"] = content["schema"]
            content["schema"] = {"$ref": "#/components/schemas/Problem"}
