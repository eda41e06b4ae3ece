"""What all models share: open JSON objects that keep what they do not know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AnyUrl,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    WithJsonSchema,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_url = TypeAdapter(AnyUrl)


def _in_utc(moment: datetime) -> datetime:
    """A naive moment is taken as UTC, which is how servers that write no zone mean it."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment lies outside the years 1 to 9999 in UTC") from None


def _as_given(url: str) -> str:
    """Checked, and kept as it is: a normalised URL is another text."""
    _url.validate_python(url)
    return url


UTCTime = Annotated[datetime, AfterValidator(_in_utc)]
"""A moment, always aware and in UTC."""

Url = Annotated[str, AfterValidator(_as_given), WithJsonSchema({"type": "string", "format": "uri"})]
"""An absolute URL, kept character by character."""


class Model(BaseModel):
    """A JSON object. Fields that this version does not know are kept and dumped as they came."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class Sparse(Model):
    """A model with optional fields: an optional field that nobody set is left out of the dump.

    One that was set to null explicitly stays null. So parsing and dumping gives equal JSON, whether or not the writer
    spells out its nulls. (Models without optional fields are plain `Model`: they dump six times faster.)
    """

    # Without a return annotation on purpose: pydantic would publish it as the JSON schema of the whole model.
    @model_serializer(mode="wrap")
    def _without_unset_nulls(self, handler: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def] # noqa: ANN202
        data = handler(self)
        unset = type(self).model_fields.keys() - self.model_fields_set
        return {key: value for key, value in data.items() if value is not None or key not in unset}


class Tagged(Model):
    """A member of a union that is told apart by `type`: its JSON schema requires the tag."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add `type` to what is required."""
        json_schema = handler(schema)
        found: dict[str, Any] = handler.resolve_ref_schema(json_schema)
        if "type" in found.get("properties", {}):
            found["required"] = sorted({*found.get("required", []), "type"})
        return json_schema
