"""Questions that an agent asks its user in a form."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from threadlog.model.base import Model, Sparse, Tagged


class StructuredInputAnswer(Model):
    """What the user answered to one question."""

    values: list[str] = Field(default_factory=list)
    skipped: bool = False


class StructuredInputBase(Sparse):
    """What all questions have."""

    id: str
    question: str
    answer: StructuredInputAnswer | None = None


class StructuredInputMultipleChoiceOption(Model):
    """One of the answers to choose from."""

    value: str


class StructuredInputMultipleChoice(StructuredInputBase, Tagged):
    """A question with answers to choose from."""

    type: Literal["multiple_choice"] = "multiple_choice"
    options: list[StructuredInputMultipleChoiceOption]
    multiple: bool = False
    """Whether more than one may be chosen."""


class StructuredInputFreeform(StructuredInputBase, Tagged):
    """A question that is answered in the user's own words."""

    type: Literal["freeform"] = "freeform"
    description: str | None = None
    """A line of help below the question."""


StructuredInput: TypeAlias = Annotated[
    StructuredInputMultipleChoice | StructuredInputFreeform, Field(discriminator="type")
]
"""Any question."""
