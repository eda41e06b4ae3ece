"""Where a reader stands, as text and as value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.log import START, Cursor, Diverged, InvalidCursor

checks = st.none() | st.text("0123456789abcdef", min_size=8, max_size=8)


@given(st.builds(Cursor, st.integers(1, 10**18 - 1), checks) | st.just(START))
def test_text_and_value_are_the_same(cursor: Cursor) -> None:
    """A cursor survives the way through its text."""
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "a",
        "-1",
        "0-9f3a1c2b",
        "+1",
        "01",
        "1-",
        "1-9F3A1C2B",
        "1-9f3a1c2",
        "1-9f3a1c2b0",
        " 1",
        "1\n",
        "١",
        "1e3",
        "9" * 19,
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """Anything else is named and refused, as a cursor of no history."""
    with pytest.raises(InvalidCursor, match="is no cursor") as caught:
        Cursor.parse(text)
    assert isinstance(caught.value, Diverged | ValueError)


def test_long_text_is_not_repeated() -> None:
    """An error does not echo what may be megabytes."""
    with pytest.raises(InvalidCursor) as caught:
        Cursor.parse("x" * 10_000)
    assert len(str(caught.value)) < 200


def test_the_start_is_zero() -> None:
    """A reader that has seen nothing stands at 0."""
    assert (str(START), START.check) == ("0", None)
