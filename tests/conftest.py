"""Fixtures that every test may use."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

RUNS = Path(__file__).parent.parent.parent / "shared" / "data" / "tau-airline.jsonl.gz"


@pytest.fixture
def anyio_backend() -> str:
    """The library is asyncio's alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def airline_runs() -> list[dict[str, Any]]:
    """100 real agent runs, where they lie beside the checkout."""
    if not RUNS.exists():
        pytest.skip(f"the sample runs are not beside the checkout ({RUNS.name})")
    with gzip.open(RUNS, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def required(what: str, *, found: bool, remedy: str) -> None:
    """Skip the test where `what` is missing; in CI that is a failure."""
    if found:
        return
    message = f"{what} is missing: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
