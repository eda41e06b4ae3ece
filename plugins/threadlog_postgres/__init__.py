"""The event log in Postgres 15 and later: ``postgresql://…``."""

from threadlog.log import EventLog, LogURL, OpenOptions, hookimpl

__all__ = ["threadlog_log"]


@hookimpl
def threadlog_log(url: LogURL, options: OpenOptions) -> EventLog:
    """Serve URLs of the scheme ``postgresql``."""
    from threadlog_postgres.log import PostgresLog  # the driver is an extra: its absence must be told by the loader
    from threadlog_postgres.place import Place

    return PostgresLog(Place.parse(url), options)
