"""The compact set of append ids."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from threadlog_file.appendids import IdSet, KnownIds


@given(st.lists(st.integers(1, 2**32 - 1) | st.integers(1, 40)), st.lists(st.integers(1, 50)))
def test_it_is_a_set(ids: list[int], others: list[int]) -> None:
    """It holds what was put in and nothing else, and stays at most half full."""
    found, expected = IdSet(ids), set(ids)
    assert all(crc in found for crc in ids)
    assert [crc in found for crc in others] == [crc in expected for crc in others]
    assert found.slots >= 2 * len(expected)


def test_zero_may_always_be_there() -> None:
    """The one number that marks a free slot is answered with perhaps."""
    found = IdSet([5])
    found.add(0)
    assert 0 in found
    assert 0 in IdSet()


def test_threads_are_loaded_once_and_forgotten_in_turn() -> None:
    """A thread's ids are loaded when it is first asked for, and again when it was pushed out by others."""
    loaded = []

    def load(row: int) -> Iterator[int]:
        loaded.append(row)
        return iter(range(row * 100_000 + 1, (row + 1) * 100_000))

    known = KnownIds(load)
    for row in range(40):
        assert row * 100_000 + 7 in known.of(row)
        assert 4_000_000_000 not in known.of(row)
    known.add(39, 4_000_000_000)
    assert 4_000_000_000 in known.of(39)
    assert loaded == list(range(40))
    assert 7 in known.of(0)
    assert loaded[-1] == 0


def test_a_thread_keeps_its_ids_as_they_become_many() -> None:
    """Whatever was loaded or added is known, a few ids as well as many, and nothing else is."""
    known = KnownIds(lambda row: range(row, row + 500))
    known.of(1)
    for crc in range(501, 3_000):
        assert crc not in known.of(1)
        known.add(1, crc)
        known.add(1, crc)
        assert crc in known.of(1)
    assert all(crc in known.of(1) for crc in range(1, 3_000))
