"""Lines of a file, however long."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from threadlog.exchange import bounded_lines


@given(st.binary(max_size=60), st.integers(1, 12))
def test_lines_are_whole_or_cut(content: bytes, most: int) -> None:
    """Every line of the file comes once: as it is, or cut to one byte more than is allowed."""
    whole = io.BytesIO(content).readlines()
    assert list(bounded_lines(io.BytesIO(content), most)) == [line[: most + 1] for line in whole]


def test_gzip_is_read_as_lines(tmp_path: Path) -> None:
    """An unpacked stream is a file like any other."""
    path = tmp_path / "runs.jsonl.gz"
    path.write_bytes(gzip.compress(b"a\nb\n"))
    with gzip.open(path) as file:
        assert list(bounded_lines(file)) == [b"a\n", b"b\n"]  # type: ignore[arg-type]
