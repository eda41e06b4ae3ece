"""The description of the API is true and complete."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threadlog_server import create_app
from threadlog_server.problems import KINDS, PREFIX

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "http.md"
EXAMPLES = os.environ.get("THREADLOG_EXAMPLES", "10")


async def _agent(context: Any, message: Any) -> None: ...


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The description that the application publishes."""
    return create_app("memory:", _agent).openapi()


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _schemas(part: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every schema in a part of the description, with its place."""
    if isinstance(part, list):
        for index, each in enumerate(part):
            yield from _schemas(each, f"{place}/{index}")
    elif isinstance(part, dict):
        for name, value in part.items():
            here = f"{place}/{name}"
            if name in {"schema", "items", "additionalProperties"} and value is not False:
                yield here, value
            if name in {"anyOf", "oneOf", "allOf"}:
                yield from ((f"{here}/{index}", each) for index, each in enumerate(value))
            if name in {"properties", "schemas"} and isinstance(value, dict):
                yield from ((f"{here}/{key}", each) for key, each in value.items())
            yield from _schemas(value, here)


def test_no_schema_is_empty(described: dict[str, Any]) -> None:
    """Each schema says something, be it that any JSON value will do."""
    words = {"title", "description", "default", "examples"}
    empty = [place for place, schema in _schemas(described, "") if schema is True or not set(schema) - words]
    assert not empty


def test_every_answer_is_described(described: dict[str, Any]) -> None:
    """Each operation has words, a success with a schema where it has a body, and problems as problem details."""
    for name, operation in _operations(described):
        assert operation["description"], name
        assert operation["operationId"], name
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
            if status == "204":
                assert "content" not in response
            elif status < "300":
                assert all(content["schema"] for content in response["content"].values()), (name, status)
            else:
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_name_is_used_once(described: dict[str, Any]) -> None:
    """Clients that are generated from the description get one function for each operation."""
    names = [operation["operationId"] for _, operation in _operations(described)]
    assert len(names) == len(set(names))


def test_every_operation_and_problem_is_in_the_reference(described: dict[str, Any]) -> None:
    """A reader of the docs finds each of them, and nothing that is not there."""
    text = REFERENCE.read_text()
    for name, _ in _operations(described):
        assert f"`{name}`" in text, name
    for kind in KINDS.values():
        assert f"`{PREFIX}{kind.name}` | {kind.status} |" in text, kind.name
    assert text.count(f"`{PREFIX}") == len({(kind.name, kind.status) for kind in KINDS.values()})


@pytest.fixture
def served() -> Iterator[str]:
    """A server in a process of its own, with an agent that answers at once."""
    command = [sys.executable, str(Path(__file__).with_name("served_quickly.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.mark.timeout(3600)
def test_schemathesis_finds_nothing(served: str) -> None:
    """All checks, all phases, good and bad data: what the description says is what the server does.

    The environment's THREADLOG_EXAMPLES says how many examples an operation is tried with.
    """
    st = Path(sys.executable).with_name("st")
    command = [str(st), "run", f"{served}/openapi.json", "--checks", "all", "--mode", "all", "-n", EXAMPLES]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
