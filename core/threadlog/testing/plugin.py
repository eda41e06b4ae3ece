"""A pytest plugin that ends a run with a report by clause: ``pytest -p threadlog.testing.plugin``."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path

import pytest

from threadlog.testing.blame import ACROSS, clause_of
from threadlog.testing.clauses import clauses
from threadlog.testing.failures import ClauseBroken

LEVELS = ("contract", "concurrency", "life", "isolation", "crash", "faults", "machine")
"""The levels of the kit; ``machine`` is the model that Hypothesis drives."""

SILENT_SECONDS = 90.0
"""After so long it is told where a test stands."""

_FRAMES_TOLD = 8
_PROPERTY = "threadlog-clause"

_LEVEL_OF = {
    **dict.fromkeys(("append", "payloads", "exact", "read", "order", "heads", "copies"), "contract"),
    "processes": "concurrency",
    "steps": "concurrency",
}

Results = dict[str, Counter[str]]
"""For each clause, and for each level, how many tests passed, failed and were skipped."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--conformance-report``."""
    group = parser.getgroup("threadlog")
    group.addoption("--conformance-report", type=Path, metavar="FILE", help="write the report by clause as Markdown")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note on each test of the kit which log and clause it is about; notes also come back from xdist's workers."""
    number = clause_of(getattr(item, "function", None) or item.runtest)
    parent = item.getparent(pytest.Class)
    if number is not None and parent is not None:
        item.user_properties.append((_PROPERTY, f"{parent.name} {number} {_level(item)}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tell where a test of the kit stands that does not end: no timeout ends a call that blocks the loop."""
    if not any(key == _PROPERTY for key, _ in item.user_properties):
        return (yield)
    watchdog = threading.Timer(SILENT_SECONDS, _tell_where, (item, threading.get_ident()))
    watchdog.daemon = True
    watchdog.start()
    try:
        return (yield)
    finally:
        watchdog.cancel()


def _tell_where(item: pytest.Item, thread: int) -> None:
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way, for all its name
    capture = item.config.pluginmanager.getplugin("capturemanager")
    with nullcontext() if capture is None else capture.global_and_fixture_disabled():
        sys.stdout.write(
            f"\n{item.nodeid} still runs after {SILENT_SECONDS:g} s. If it stays here, the log blocks the event loop's "
            f"thread, and no timeout can end it:\n{''.join(traceback.format_stack(frame)[-_FRAMES_TOLD:])}\n"
        )
        sys.stdout.flush()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on a failure which clause is broken, where a test across clauses, or one of another, has found it."""
    report = yield
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, ClauseBroken):
        told = [
            (key, _blaming(value, error.number) if key == _PROPERTY else value) for key, value in report.user_properties
        ]
        report.user_properties = told
    return report


def _blaming(value: object, number: str) -> str:
    name, _, level = str(value).split()
    return f"{name} {number} {level}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the report of each log, and write it where that was asked for."""
    logs = _results(terminalreporter)
    if not logs:
        return
    terminalreporter.section("conformance")
    for name, results in logs.items():
        terminalreporter.write_line(f"{name}: {_summary(results)}")
        for level in LEVELS:
            terminalreporter.write_line(f"    {level}: {_counts(results[level])}")
    path = terminalreporter.config.getoption("conformance_report")
    if path is not None:
        path.write_text("\n".join(_markdown(logs)), encoding="utf-8")
        terminalreporter.write_line(f"the report by clause is in {path}")


def _results(reporter: pytest.TerminalReporter) -> dict[str, Results]:
    logs: dict[str, Results] = defaultdict(lambda: defaultdict(Counter))
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in reporter.stats.get(outcome, []):
            for key, value in getattr(report, "user_properties", ()):
                if key == _PROPERTY:
                    name, number, level = value.split()
                    for counted in (number, level):
                        logs[name][counted]["failed" if outcome == "error" else outcome] += 1
    return logs


def _level(item: pytest.Item) -> str:
    """The level of a test, which is that of the module in which it stands."""
    module = getattr(item, "function", item).__module__.rpartition(".")[2]
    return _LEVEL_OF.get(module, module)


def _summary(results: Results) -> str:
    broken = [number for number in (*clauses(), ACROSS) if results[number]["failed"]]
    checked = {number for number in results if results[number]["failed"] or results[number]["passed"]}
    if results["faults"]["passed"]:
        checked.add("X1")
    unchecked = [number for number in clauses() if number not in checked]
    told = f"fails tests of {', '.join(broken)}" if broken else "keeps every clause that was checked"
    return f"{told}; not checked: {', '.join(unchecked)}" if unchecked else told


def _counts(counts: Counter[str]) -> str:
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped") if counts[outcome])
    return told if counts["passed"] or counts["failed"] else f"not run ({told or 'not asked for'})"


def _markdown(logs: dict[str, Results]) -> Iterator[str]:
    yield f"# Conformance to the contract of threadlog {metadata.version('threadlog')}"
    for name, results in logs.items():
        yield f"\n## {name}\n\nIt {_summary(results)}.\n"
        yield from (f"- {level}: {_counts(results[level])}" for level in LEVELS)
        yield ""
        yield "| clause | passed | failed | skipped | in words |"
        yield "| --- | --- | --- | --- | --- |"
        for number, text in {**clauses(), ACROSS: "Across clauses: the model, and recorded histories."}.items():
            counts = results[number]
            yield f"| {number} | {counts['passed']} | {counts['failed']} | {counts['skipped']} | {text} |"
    yield ""
