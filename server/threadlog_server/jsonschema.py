"""JSON schemas as OpenAPI shows them."""

from __future__ import annotations

from typing import Any

ANY: dict[str, Any] = {"type": ["object", "array", "string", "number", "boolean", "null"]}
"""Any JSON value, said in so many words."""


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without ``$defs``: each reference is replaced by what it names. Not for recursive schemas."""
    definitions: dict[str, Any] = schema.get("$defs", {})

    def expand(part: Any) -> Any:
        if isinstance(part, list):
            return [expand(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return expand(definitions[part["$ref"].rpartition("/")[2]])
        return {name: expand(value) for name, value in part.items() if name != "$defs"}

    expanded: dict[str, Any] = expand(schema)
    return expanded


def without_empty(part: Any) -> Any:
    """The same description with every schema that says nothing replaced by one that says "any JSON value"."""
    if isinstance(part, list):
        return [without_empty(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: _spelled_out(name, value) for name, value in part.items()}


_MAPS = frozenset({"properties", "$defs", "schemas", "patternProperties"})
_SCHEMAS = frozenset({"schema", "items", "additionalProperties", "not"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})


def _spelled_out(name: str, value: Any) -> Any:
    if name in _SCHEMAS and value in ({}, True):
        return ANY
    if name in _MAPS and isinstance(value, dict):
        return {key: _schema(each) for key, each in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [_schema(each) for each in value]
    return without_empty(value)


def _schema(value: Any) -> Any:
    if isinstance(value, dict) and not value.keys() - {"title", "description", "default"}:
        return {**value, **ANY}
    return without_empty(value)
