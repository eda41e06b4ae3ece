"""Small values: ids, moments, URLs, and what is left out of a dump."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import threadlog.model as model
from threadlog.model import (
    EndOfTurnItem,
    ImageAttachment,
    Kind,
    NoticeEvent,
    ServerToolCallItem,
    ThreadItem,
    ThreadMetadata,
    derived_id,
    new_id,
)
from threadlog.model.ids import PREFIXES


@pytest.mark.parametrize("kind", get_args(Kind))
def test_ids_are_readable_and_random(kind: Kind) -> None:
    """An id is its kind's prefix and 20 letters of base32, 100 random bits, and no two are the same."""
    made = {new_id(kind) for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(rf"{PREFIXES[kind]}_[a-z2-7]{{20}}", found) for found in made)
    assert all(len({found[-at] for found in made}) > 8 for at in range(1, 21))


def test_prefixes_tell_kinds_apart() -> None:
    """Each kind of id has a prefix of its own."""
    assert set(PREFIXES) == set(get_args(Kind))
    assert len(set(PREFIXES.values())) == len(PREFIXES)


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_derived_ids_name_their_names(names: list[str], others: list[str]) -> None:
    """A derived id is the same for the same names, and another one for others, wherever a name ends."""
    assert derived_id("thread", *names) == derived_id("thread", *names)
    assert (derived_id("thread", *names) == derived_id("thread", *others)) == (names == others)


@given(st.datetimes(timezones=st.none() | st.integers(-23, 23).map(lambda h: timezone(timedelta(hours=h)))))
def test_moments_are_aware_and_in_utc(moment: datetime) -> None:
    """Whatever zone a moment comes in, it is the same moment in UTC; without a zone it is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        expected = aware.astimezone(UTC)
    except OverflowError:
        with pytest.raises(ValidationError, match="years 1 to 9999"):
            ThreadMetadata(id="t", created_at=moment)
        return
    found = ThreadMetadata(id="t", created_at=moment).created_at
    assert (found, found.utcoffset()) == (expected, timedelta(0))


def test_urls_are_kept_as_they_are() -> None:
    """A URL is checked and not rewritten."""
    fields = {"id": "a", "name": "a.png", "mime_type": "image/png"}
    assert ImageAttachment(**fields, preview_url="HTTP://Example.org").preview_url == "HTTP://Example.org"
    with pytest.raises(ValidationError):
        ImageAttachment(**fields, preview_url="no url")


def test_nulls_that_nobody_set_are_left_out() -> None:
    """An optional field is dumped when it was set, to null as well, and left out otherwise."""
    assert NoticeEvent(level="info", message="m").model_dump() == {"type": "notice", "level": "info", "message": "m"}
    assert NoticeEvent(level="info", message="m", title=None).model_dump()["title"] is None
    call = ServerToolCallItem(id="i", thread_id="t", created_at=datetime.now(UTC), call_id="c", name="n", arguments="")
    assert "output" not in call.model_dump()
    call.output = None
    assert call.model_dump()["output"] is None


def test_published_schema_asks_for_the_tag() -> None:
    """The JSON schema of a union's members requires `type`, as reading them does."""
    schema = TypeAdapter(ThreadItem).json_schema(mode="validation")
    assert all("type" in schema["$defs"][ref["$ref"].rpartition("/")[2]]["required"] for ref in schema["oneOf"])
    with pytest.raises(ValidationError):
        TypeAdapter(ThreadItem).validate_json(json.dumps({"id": "x", "thread_id": "t", "created_at": "2026-01-01"}))


def test_dumping_a_page_keeps_the_items_fields() -> None:
    """A page of items of any type dumps each with all of its fields."""
    item = EndOfTurnItem(id="e", thread_id="t", created_at="2026-01-01T00:00:00Z", note=1)
    page = model.Page[model.Item](data=[item])
    assert page.model_dump(mode="json")["data"] == [item.model_dump(mode="json")]


def test_everything_public_is_listed() -> None:
    """`__all__` names what the package gives, sorted, and all of it exists."""
    assert list(model.__all__) == sorted(model.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(model, name) for name in model.__all__)
