"""A threadlog event log in one SQLite file: ``sqlite:PATH``."""

from threadlog.log import EventLog, LogURL, OpenOptions, hookimpl
from threadlog_sqlite.log import SQLiteLog

__all__ = ["SQLiteLog", "threadlog_log"]


@hookimpl
def threadlog_log(url: LogURL, options: OpenOptions) -> EventLog:
    """Serve URLs of the scheme ``sqlite``."""
    if url.options:
        raise ValueError(f"sqlite: takes no options, and got {', '.join(sorted(url.options))}: remove them.")
    return SQLiteLog(url.rest, options)
