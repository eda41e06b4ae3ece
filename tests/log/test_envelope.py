"""The values that go in and out of a log refuse what no log could keep."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.log import (
    MAX_HEAD_BYTES,
    MAX_ID_BYTES,
    Append,
    Appended,
    Duplicate,
    Event,
    Expect,
    Expected,
    HeadChange,
    InvalidAppend,
    NewEvent,
    is_expected,
    same_append,
    shard_of,
    uuid7s,
)


def append(**changes: Any) -> Append:
    """A small append with some fields changed."""
    fields: dict[str, Any] = {
        "tenant": "acme",
        "thread_id": "thr_1",
        "append_id": "apd_1",
        "expected": 0,
        "events": (NewEvent("x", b"{}"),),
    }
    return Append(**fields | changes)


def event(**changes: Any) -> Event:
    """A stored event with some fields changed."""
    fields: dict[str, Any] = {
        "tenant": "acme",
        "thread_id": "thr_1",
        "seq": 1,
        "shard": 0,
        "position": 1,
        "id": "01a1fba5-9d16-7785-89ff-008b0d99f945",
        "append_id": "apd_1",
        "type": "x",
        "version": 1,
        "time_us": 1,
        "data": b"{}",
    }
    return Event(**fields | changes)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b"1e2",
        b"-0.0",
        b'"\\ud83d\\ude00"',
        b' {"a" : 1.10, "a":2}\t',
        '"é\u2028"'.encode(),
        b"1" * 400,
        b"null",
    ],
)
def test_any_json_on_one_line_is_a_payload(data: bytes) -> None:
    """What JSON allows is kept as it is, odd spacing, repeated keys and escaped pairs included."""
    assert NewEvent("x", data).data == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"{} {}", "JSON"),
        (b"nope", "JSON"),
        (b"NaN", "JSON"),
        (b'{"a":1,}', "JSON"),
        (b'"\xff"', "UTF-8"),
        ('"\ud800"'.encode("utf-8", "surrogatepass"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "JSON"),
        (b'"\\ud800"', "half a surrogate pair"),
        (b'"a\\udc00 b"', "half a surrogate pair"),
        (b'{"a":\n1}', "one line"),
        (b"{}\r", "one line"),
        (b'"' + b"a\x00b" + b'"', "JSON"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_no_other_payload_is_taken(data: bytes, reason: str) -> None:
    """Anything but one JSON value in UTF-8 on one line is refused by name."""
    with pytest.raises(InvalidAppend, match=reason):
        NewEvent("x", data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        st.lists,
    )
)
def test_whatever_json_dumps_writes_is_a_payload(value: object) -> None:
    """The standard library's JSON is accepted."""
    NewEvent("x", json.dumps(value).encode())


@pytest.mark.parametrize("name", ["tenant", "thread_id", "append_id", "actor", "run_id", "trace"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("a\nb", "control character"),
        ("a\0", "control character"),
        ("\x7f", "control character"),
        ("\ud800", "lone surrogate"),
        ("é" * 101, "202 bytes long; 200 is the most"),
        ("a" * 201, "201 bytes"),
    ],
)
def test_no_id_is_odd(name: str, value: str, reason: str) -> None:
    """An id that some storage could not keep or compare is refused, and named."""
    with pytest.raises(InvalidAppend, match=f"{name}.*{reason}"):
        append(**{name: value})


@pytest.mark.parametrize(
    "value", ["a" * MAX_ID_BYTES, "é" * 100, "a/b", "a b ", "日本", "😀", "..", "%2e", "'; --", "$where"]
)
def test_ids_may_hold_anything_else(value: str) -> None:
    """Ids are not restricted to what is convenient for one storage."""
    assert append(tenant=value, thread_id=value, append_id=value).thread_id == value


@pytest.mark.parametrize("version", [0, -1, 2**31])
def test_payload_versions_fit_everywhere(version: int) -> None:
    """A version starts at 1 and fits 31 bits."""
    with pytest.raises(InvalidAppend, match="version"):
        NewEvent("x", b"{}", version=version)


@pytest.mark.parametrize("expected", [-1, 2**63])
def test_expected_seq_fits_everywhere(expected: int) -> None:
    """An exact seq is not negative and fits 63 bits."""
    with pytest.raises(InvalidAppend, match="expected"):
        append(expected=expected)


def test_an_append_has_events() -> None:
    """An empty append would have no number to answer with."""
    with pytest.raises(InvalidAppend, match="at least one event"):
        append(events=())


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (HeadChange(owner=""), "head.owner is empty"),
        (HeadChange(title="\ud800"), "head.title holds a lone surrogate"),
        (HeadChange(info="a\0b"), "head.info holds NUL"),
        (HeadChange(status="x" * (MAX_HEAD_BYTES + 1)), "head.status is 65537 bytes"),
    ],
)
def test_heads_hold_what_every_storage_can_keep(head: HeadChange, reason: str) -> None:
    """Texts of a head are bounded and can be written as UTF-8."""
    with pytest.raises(InvalidAppend, match=reason):
        NewEvent("x", b"{}", head=head)


def test_size_is_that_of_all_payloads() -> None:
    """Limits are compared with the bytes of the payloads alone."""
    assert append(events=(NewEvent("x", b"12"), NewEvent("x", b"345"))).size == 5


@pytest.mark.parametrize(
    ("expected", "no_thread", "live", "deleted"),
    [
        (Expect.NO_THREAD, True, False, False),
        (0, True, False, False),
        (Expect.THREAD_EXISTS, False, True, False),
        (Expect.ANY, True, True, False),
        (3, False, True, True),
        (2, False, False, False),
        (4, False, False, False),
    ],
)
def test_the_table_of_expected(expected: Expected, no_thread: bool, live: bool, deleted: bool) -> None:
    """The function answers as the table in the documentation does, for a thread of 3 events."""
    answers = is_expected(expected, 0, False), is_expected(expected, 3, False), is_expected(expected, 3, True)
    assert answers == (no_thread, live, deleted)


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        ([event()], True),
        ([event(actor="user:a", run_id="r", trace="t", time_us=9)], True),
        ([event(data=b"{} ")], False),
        ([event(type="y")], False),
        ([event(version=2)], False),
        ([event(head=HeadChange())], False),
        ([event(), event()], False),
        ([], False),
    ],
)
def test_same_append_compares_bytes(stored: list[Event], same: bool) -> None:
    """A retry is the same append when its events have the same bytes, whoever sends it."""
    assert same_append(append(), stored) is same


def test_results_name_the_next_expected() -> None:
    """A writer goes on with the seq of its append's last event."""
    events = (event(seq=4), event(seq=5))
    assert Appended(events).next_expected == 5
    assert Duplicate(events).next_expected == 5


def test_time_is_exact_to_the_microsecond() -> None:
    """The datetime of an event is in UTC and loses nothing to floating point."""
    assert event(time_us=1_700_000_000_123_457).time == datetime(2023, 11, 14, 22, 13, 20, 123_457, UTC)


@given(st.integers(0, 2**47), st.integers(0, 50))
def test_event_ids_are_uuid7(millis: int, count: int) -> None:
    """Ids carry the time in milliseconds, version and variant, and are all different."""
    ids = uuid7s(millis * 1000 + 999, count)
    assert len(set(ids)) == count
    for text in ids:
        digits = text.replace("-", "")
        assert [len(part) for part in text.split("-")] == [8, 4, 4, 4, 12]
        assert (int(digits[:12], 16), digits[12]) == (millis, "7")
        assert digits[16] in "89ab"


def test_shards_are_stable_for_ever() -> None:
    """Which shard a tenant lives in may never change: these numbers are on disks."""
    assert [shard_of(tenant, 16) for tenant in ("acme", "globex", "日本")] == [0, 7, 11]


def test_values_cannot_be_changed() -> None:
    """What was stored or is to be stored is frozen."""
    with pytest.raises(AttributeError):
        event().seq = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        append().tenant = "other"  # type: ignore[misc]


def test_events_go_through_msgspec() -> None:
    """The structs encode and decode as they are, an unset head field staying unset."""
    original = event(head=HeadChange(title=None))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(original), type=Event) == original
