"""`threadlog version`: which threadlog this is."""

from __future__ import annotations

import platform
from importlib import metadata

from threadlog.cli.output import JsonOption, Output


def version(*, json: JsonOption = False) -> None:
    """Print the version of threadlog, of Python and of the platform."""
    output = Output()
    versions = {"threadlog": metadata.version("threadlog"), "python": platform.python_version()}
    versions["platform"] = platform.platform()
    if json:
        output.json(versions)
        return
    output.line(f"threadlog {versions['threadlog']} (Python {versions['python']}, {versions['platform']})")
