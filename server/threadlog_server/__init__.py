"""The thin server: threads over HTTP, as an application of its own or mounted into one."""

from threadlog_server.app import create_app
from threadlog_server.errors import DevelopmentOnly, ServerError, TooManyStreams
from threadlog_server.mount import mount, router
from threadlog_server.service import ThreadService

__all__ = ["DevelopmentOnly", "ServerError", "ThreadService", "TooManyStreams", "create_app", "mount", "router"]
