"""Every chore of this repository: `nox` runs what a change must pass, `nox -l` lists the rest."""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests", "wheel", "docs"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("mypy", "tests/typing", "noxfile.py")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the whole suite; arguments go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "worksteal"]))


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel and use it alone, away from the checkout."""
    session.install("build>=1.2", "hatchling>=1.27")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, silent=True)
    session.run("python", "tests/wheel/check.py", folder)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a broken link is an error."""
    session.install("-e", ".[server,openai,docs]")
    # Not --quiet: it hides warnings from --strict, too.
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Put the HTTP API through schemathesis with 200 examples an operation."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/server", "-k", "schema", *session.posargs, env={"THREADLOG_EXAMPLES": "200"})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed beside the machine's limit, and beside peers; arguments name single parts."""
    session.install("-e", ".[dev,bench]")
    session.run("python", "tests/benchmarks", *session.posargs)
