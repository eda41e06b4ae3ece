"""What is stored must not steer the terminal that shows it."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from threadlog.cli.output import Output
from threadlog.cli.printable import one_line, printable, printable_json

NASTY = "a\x1b[31mred\x1b]0;title\x07\x9b2J\u202egnp.exe\x00\ud83d\r\x7f"
STEERING = "\x1b\x9b\x07\x00\r\x7f\u202e\u2066"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:  # noqa: D102
        return True


def test_escape_sequences_are_shown_and_not_sent() -> None:
    """Control characters appear as their escapes, and the text around them stays."""
    shown = printable(NASTY)
    assert "\\x1b[31mred" in shown
    assert "\\x9b2J" in shown
    assert "\\u202egnp" in shown
    assert not any(char in shown for char in STEERING)
    shown.encode()


@given(st.text())
def test_nothing_printable_steers(text: str) -> None:
    """Of any text whatever, only newlines and tabs remain as controls, and on one line not even those."""
    assert all(char in "\n\t" or (char >= " " and not "\x7f" <= char <= "\x9f") for char in printable(text))
    assert not set(one_line(text)) & {"\n", "\t", *STEERING}


def test_ordinary_text_stays() -> None:
    """Letters of any script, emoji with joiners, tabs and newlines are printed as they are."""
    text = "Grüße,\n\tمرحبا 👩‍👩‍👧 日本"
    assert printable(text) == text


def test_windows_line_ends_are_line_ends() -> None:
    """A carriage return before a newline is no escape."""
    assert printable("a\r\nb") == "a\nb"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_json_for_terminals_has_the_same_value(text: str) -> None:
    """JSON made safe for a terminal is on one line and means the same."""
    safe = printable_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(safe) == text
    assert safe.isprintable() or not set(safe) & set(STEERING)


def test_long_text_is_cut() -> None:
    """A line is cut to the width asked for, and says so."""
    assert one_line("abcdef", 4) == "abc…"


def test_terminal_output_is_safe_everywhere() -> None:
    """Lines, spans, tables, JSON, remarks and errors: none lets a stored escape through to a terminal."""
    out, err = Terminal(), Terminal()
    output = Output(out, err)
    output.line(NASTY)
    output.spans((NASTY, "bold"))
    output.table((NASTY, "b"), [(NASTY, "1")])
    output.json({"a": NASTY})
    output.json_bytes(json.dumps("\x9b\u202e", ensure_ascii=False).encode())
    output.remark(NASTY)
    output.error(NASTY)
    for stream in (out, err):
        text = stream.getvalue()
        for steering in ("\x1b[31mred", "\x1b]0", *(char for char in STEERING if char != "\x1b")):
            assert steering not in text


def test_markup_in_stored_text_is_text() -> None:
    """Rich's markup and emoji codes in stored text are printed as they were written."""
    out = Terminal()
    Output(out, out).line("[bold]x[/bold] :smile:")
    assert "[bold]x[/bold] :smile:" in out.getvalue()
