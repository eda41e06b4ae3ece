"""Exchange with files: agent runs in, threads out, and stored threads played back."""

from threadlog.exchange.exporting import export_line, export_run, export_threads
from threadlog.exchange.importing import ImportOutcome, import_run
from threadlog.exchange.lines import bounded_lines
from threadlog.exchange.pace import Pace
from threadlog.exchange.replaying import replay
from threadlog.exchange.run import InvalidRun, Run, read_run

__all__ = [
    "ImportOutcome",
    "InvalidRun",
    "Pace",
    "Run",
    "bounded_lines",
    "export_line",
    "export_run",
    "export_threads",
    "import_run",
    "read_run",
    "replay",
]
