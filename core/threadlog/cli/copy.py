"""`threadlog copy`: moving house, from any log to any other."""

from __future__ import annotations

from typing import Annotated

import typer

from threadlog.cli.errors import ExitCode, UsageFault
from threadlog.cli.invocation import until_done
from threadlog.cli.output import JsonOption, Output
from threadlog.cli.printable import counted
from threadlog.log import LogURL
from threadlog.log.copying import CopyReport, copy_log
from threadlog.log.loading import open_log

From = Annotated[str, typer.Argument(metavar="FROM", help="URL of the log to copy; it is only read.")]
To = Annotated[str, typer.Argument(metavar="TO", help="URL of the copy: nothing yet, or what an earlier copy began.")]


def copy(source: From, target: To, *, json: JsonOption = False) -> ExitCode:
    """Copy a log into another, of whatever backend, with all numbers, ids, times and bytes; then compare digests."""
    urls = LogURL(source), LogURL(target)
    if "memory" in (url.scheme for url in urls):
        raise UsageFault("a memory: log ends with this command; name logs that last, as file:PATH.")
    output = Output()
    report = until_done(_copy(*urls, output))
    if not isinstance(report, CopyReport):
        return ExitCode(report)
    if json:
        output.json({"copied": report.copied, "kept": report.kept, "digest": report.digest})
    else:
        output.line(f"{counted(report.copied, 'event')} copied, {report.kept} there before: both hold the same")
        output.line(f"sha256 {report.digest}")
    return ExitCode.OK


async def _copy(source: LogURL, target: LogURL, output: Output) -> CopyReport:
    async with open_log(source, read_only=True, create=False) as old:
        holder = {"command": "threadlog copy"}
        async with open_log(target, shards=old.info.shards, holder=holder) as new:
            with output.progress("Copying") as advance:
                return await copy_log(old, new, advance)
