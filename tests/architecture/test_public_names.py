"""Public names are exported once, in their package, and each is there."""

from __future__ import annotations

import importlib

import pytest

PACKAGES = [
    "threadlog",
    "threadlog.log",
    "threadlog.model",
    "threadlog.projection",
    "threadlog.store",
    "threadlog.runs",
    "threadlog.exchange",
    "threadlog.testing",
    "threadlog_server",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_its_public_names(package: str) -> None:
    """`__all__` is sorted as ruff sorts it, complete, and every name in it exists."""
    module = importlib.import_module(package)
    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_have_a_docstring(package: str) -> None:
    """Whoever asks for help gets it."""
    module = importlib.import_module(package)
    silent = [
        name
        for name in module.__all__
        if callable(thing := getattr(module, name))
        and hasattr(thing, "__module__")
        and not thing.__doc__
        and str(thing.__module__).startswith("threadlog")
    ]
    assert not silent
