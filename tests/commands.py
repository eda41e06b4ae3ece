"""What the fixtures that run commands give."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Done]
Start: TypeAlias = "Callable[..., subprocess.Popen[str]]"
