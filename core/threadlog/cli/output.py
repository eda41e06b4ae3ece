"""Where a command's words go: results to stdout, remarks and progress to stderr.

A terminal gets colours and tables, a pipe gets plain lines; the words are the same.
Everything printed passes through `printable`, so that no stored text reaches a terminal raw.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from threadlog.cli.printable import one_line, printable, printable_json

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
"""The option of a command that can write for programs."""

Advance = Callable[[int, int], None]
"""Called with how much is done and how much there is (0: nobody knows)."""


class Output:
    """What a command writes to."""

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._console = Console(file=self._stdout, highlight=False, soft_wrap=True)
        self._remarks = Console(file=self._stderr, highlight=False, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether results go to a terminal."""
        return self._stdout.isatty()

    def line(self, text: str = "", style: str = "", end: str = "\n") -> None:
        """Print a result, or with ``end=""`` the next piece of one; `style` shows on a terminal only."""
        if self.is_terminal:
            self._console.print(Text(printable(text), style), end=end)
        else:
            self._stdout.write(printable(text) + end)

    def spans(self, *spans: tuple[str, str]) -> None:
        """Print one line of several pieces, each with its style."""
        if self.is_terminal:
            self._console.print(Text.assemble(*((printable(text), style) for text, style in spans)))
        else:
            self._stdout.write("".join(printable(text) for text, _ in spans) + "\n")

    def flush(self) -> None:
        """Let what was printed be seen now."""
        self._stdout.flush()

    def json(self, value: Any) -> None:
        """Print one JSON value on a line."""
        self.json_bytes(json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"))

    def json_bytes(self, line: bytes) -> None:
        """Print one JSON value that is encoded already; in a pipe its bytes stay as they are."""
        if self.is_terminal:
            self._stdout.write(printable_json(line.decode("utf-8", "replace")) + "\n")
            return
        self._stdout.flush()
        self._stdout.buffer.write(line + b"\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows: as a table on a terminal, else as lines of tab-separated fields without a heading."""
        if not self.is_terminal:
            for row in rows:
                self.fields(*row)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(Text(one_line(column)), overflow="fold")
        for row in rows:
            table.add_row(*(Text(one_line(field)) for field in row))
        self._console.print(table, soft_wrap=False)

    def fields(self, *fields: str) -> None:
        """Print one line of tab-separated fields."""
        self._stdout.write("\t".join(one_line(field) for field in fields) + "\n")

    def remark(self, text: str, style: str = "dim") -> None:
        """Tell people something beside the result."""
        if self._stderr.isatty():
            self._remarks.print(Text(printable(text), style))
        else:
            self._stderr.write(printable(text) + "\n")

    def error(self, message: str) -> None:
        """Say what went wrong."""
        self._stdout_is_over()
        if self._stderr.isatty():
            self._remarks.print(Text.assemble(("error: ", "bold red"), printable(message)))
        else:
            self._stderr.write(f"error: {printable(message)}\n")

    @contextmanager
    def progress(self, label: str, *, shown: bool = True) -> Iterator[Advance]:
        """Show how far long work is, where stderr is a terminal; nothing otherwise, or if it is not to be `shown`."""
        if not (shown and self._stderr.isatty()):
            yield lambda _done, _total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._remarks, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)

    def _stdout_is_over(self) -> None:
        try:
            self._stdout.flush()
        except OSError:
            self.silence()

    def silence(self) -> None:
        """Drop what is left for stdout: nobody reads it, and Python would complain of it when it exits."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stdout.fileno())
        os.close(nowhere)
