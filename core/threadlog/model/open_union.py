"""Unions that stay open: known types are told apart by their tag, any other object is kept as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

OTHER = "other"
"""The tag of what has no known type."""


def tag_reader(*known: type[BaseModel]) -> Callable[[Any], str]:
    """Make the function that says which branch of an open union a value belongs to (pydantic's `Discriminator`).

    Its answer is the value's `type` where that is one of `known`, otherwise `OTHER`.
    """
    tags = frozenset(tag_of(model) for model in known)

    def tag(value: Any) -> str:
        found = getattr(value, "type", None)
        if found is None and isinstance(value, Mapping):
            found = value.get("type")
        return found if isinstance(found, str) and found in tags else OTHER

    return tag


class AnyOf:
    """Publishes an open union as ``anyOf``: its open branch matches what the others match, which ``oneOf`` forbids."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Rename the union's key."""
        json_schema = handler(schema)
        if "oneOf" in json_schema:
            json_schema["anyOf"] = json_schema.pop("oneOf")
        return json_schema


def tag_of(model: type[BaseModel]) -> str:
    """The `type` that a model stands for: its field's default."""
    tag = model.model_fields["type"].default
    if not isinstance(tag, str):
        raise TypeError(f'{model.__name__} names no type: give it `type: Literal["my.type"] = "my.type"`.')
    return tag
