"""The embedded event log: segments of readable frames in a folder (``file:PATH``).

How the files are laid out, and what a crash may leave, is told in ``docs/explanation/file-format.md``.
"""

from __future__ import annotations

from threadlog.log import EventLog, LogURL, Maintenance, OpenOptions, hookimpl
from threadlog_file.files import Files
from threadlog_file.log import FileLog
from threadlog_file.maintenance import FileMaintenance
from threadlog_file.manifest import SHARDS_AT_MOST
from threadlog_file.options import FileOptions, options_of, path_of


@hookimpl
def threadlog_log(url: LogURL, options: OpenOptions) -> EventLog:
    """The log of a ``file:PATH`` URL."""
    if options.shards is not None and not 1 <= options.shards <= SHARDS_AT_MOST:
        raise ValueError(f"shards is {options.shards}; a file log has 1 to {SHARDS_AT_MOST}.")
    return FileLog(path_of(url), options, options_of(url.options))


@hookimpl
def threadlog_maintenance(url: LogURL) -> Maintenance:
    """Care of the log of a ``file:PATH`` URL."""
    return FileMaintenance(path_of(url), options_of(url.options))


__all__ = ["FileLog", "FileMaintenance", "FileOptions", "Files"]
