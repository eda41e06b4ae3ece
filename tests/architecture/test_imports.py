"""The import graph points one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "threadlog"

LAYERS = ["model", "log", "projection", "store", "runs"]
MAY_IMPORT = {
    **{layer: set(LAYERS[: at + 1]) for at, layer in enumerate(LAYERS)},
    "exchange": {*LAYERS, "exchange"},
    "agents": {*LAYERS, "agents"},
    "testing": {"model", "log", "testing"},
    "cli": {*LAYERS, "exchange", "agents", "cli"},
}


def imported(path: Path) -> Iterator[str]:
    """Every module that the file imports, inside functions too; for typing only left out."""
    for node in walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, except what stands under ``if TYPE_CHECKING``."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield from walk(child)


def sources(folder: Path) -> list[Path]:
    """All Python files below a folder."""
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_a_layer_imports_only_what_lies_below(layer: str) -> None:
    """Model, log, projection, store, runs: each knows only those before it."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(CORE / layer)
        for name in imported(path)
        if name.startswith("threadlog.") and name.split(".")[1] not in MAY_IMPORT[layer]
    ]
    assert not wrong


def test_every_folder_of_core_has_its_place() -> None:
    """A new folder must be given its place in the order."""
    assert {path.parent.name for path in CORE.glob("*/__init__.py")} == set(MAY_IMPORT)


def test_core_knows_no_plugin_and_no_server() -> None:
    """Plugins and the server are found by entry points."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(CORE)
        for name in imported(path)
        if name.split(".")[0].startswith("threadlog_") or name.split(".")[0] in {"fastapi", "starlette", "uvicorn"}
    ]
    assert not wrong


def test_plugins_know_only_the_contract() -> None:
    """A first-party plugin imports what a stranger's may: `threadlog.log`, and for a command `threadlog.cli`."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(ROOT / "plugins")
        for name in imported(path)
        if name.split(".")[0] in {"threadlog", "threadlog_server"} and name != "threadlog.log"
        if not (path.name == "command.py" and name.startswith("threadlog.cli."))
    ]
    assert not wrong
