"""`threadlog verify`, `repair` and `backup`: care of a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from threadlog.cli.errors import ExitCode, UsageFault
from threadlog.cli.folding import FoldCheck, check_folds
from threadlog.cli.invocation import Invocation, command, until_done
from threadlog.cli.opening import reading_log
from threadlog.cli.output import JsonOption, Output
from threadlog.cli.printable import counted
from threadlog.log import Finding, Maintenance, MaintenanceReport, NoMaintenance
from threadlog.log.loading import maintenance
from threadlog.model import default_registry

Destination = Annotated[str, typer.Argument(metavar="DESTINATION", help="Where the copy goes; nothing may be there.")]

_DAMAGED = "this log is damaged (see above); threadlog repair sets the damage aside"
_UNFOLDED = "what is stored is whole, and yet does not fold to what it should (see above); report it"
_STYLES = {"error": "red", "warning": "yellow", "info": "dim"}


@command
def verify(invocation: Invocation, *, json: JsonOption = False) -> ExitCode:
    """Check everything stored, and that each thread's state follows from its events. Changes nothing."""
    storage = _verify_storage(invocation)
    if storage is not None and not storage.ok:
        _print(invocation.output, storage.findings, json=json, ok=False, event=storage.events)
        return ExitCode.CORRUPT
    folds = until_done(_verify_folds(invocation))
    findings = (*(storage.findings if storage else ()), *folds.findings)
    counts = {"event": folds.events, "thread": folds.threads, "snapshot": folds.snapshots}
    _print(invocation.output, findings, json=json, ok=not folds.findings, wrong=_UNFOLDED, **counts)
    return ExitCode.FAILED if folds.findings else ExitCode.OK


@command
def repair(invocation: Invocation, *, json: JsonOption = False) -> ExitCode:
    """Make a damaged log usable again; what is unreadable is set aside, never destroyed."""
    care = maintenance(invocation.url)
    with invocation.output.progress("Repairing") as advance:
        report = care.repair(advance)
    return _report(invocation.output, report, json=json)


@command
def backup(invocation: Invocation, *, destination: Destination, json: JsonOption = False) -> ExitCode:
    """Copy the log, while a server may write to it; the copy can be opened as a log of its own."""
    care = maintenance(invocation.url)
    try:
        with invocation.output.progress("Copying") as advance:
            report = care.backup(destination, advance)
    except FileExistsError:
        raise UsageFault(f"there is something at {destination} already; name a place where nothing is.") from None
    return _report(invocation.output, report, json=json)


def _verify_storage(invocation: Invocation) -> MaintenanceReport | None:
    try:
        care: Maintenance = maintenance(invocation.url)
    except NoMaintenance as none:
        invocation.output.remark(f"{none} Here only what can be read is checked.")
        return None
    with invocation.output.progress("Checking what is stored") as advance:
        return care.verify(advance)


async def _verify_folds(invocation: Invocation) -> FoldCheck:
    with invocation.output.progress("Folding threads") as advance:
        async with reading_log(invocation) as log:
            return await check_folds(log, default_registry(), advance)


def _report(output: Output, report: MaintenanceReport, *, json: bool) -> ExitCode:
    _print(output, report.findings, json=json, ok=report.ok, event=report.events)
    return ExitCode.OK if report.ok else ExitCode.CORRUPT


def _print(
    output: Output, findings: Sequence[Finding], *, json: bool, ok: bool, wrong: str = _DAMAGED, **counts: int
) -> None:
    if json:
        output.json(
            {
                "ok": ok,
                **{f"{name}s": count for name, count in counts.items()},
                "findings": msgspec.to_builtins(findings),
            }
        )
        return
    for found in findings:
        output.spans((f"{found.level}: ", _STYLES[found.level]), (f"{found.place}: {found.message}", ""))
    verdict = "all is well" if ok else wrong
    output.line(f"{', '.join(counted(count, name) for name, count in counts.items())}: {verdict}", "" if ok else "red")
