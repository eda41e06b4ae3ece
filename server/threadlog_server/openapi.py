"""The description of the API, made true: problems by reference, no schema that says nothing, links for readers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from threadlog_server import problems
from threadlog_server.jsonschema import without_empty


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of an application, made once."""
    if app.openapi_schema is None:
        described = without_empty(FastAPI.openapi(app))
        app.openapi_schema = described
        _refer_to_problem(described)
    return app.openapi_schema


def _refer_to_problem(described: dict[str, Any]) -> None:
    """Let every problem response name one component, which FastAPI does for JSON responses only."""
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    for path in described["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                content = response.get("content", {}).get(problems.MEDIA_TYPE)
                if content is not None:
                    schemas["Problem"] = content["schema"]
                    content["schema"] = {"$ref": "#/components/schemas/Problem"}
