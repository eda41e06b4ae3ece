"""The socket on which the server listens: bound before anything else, so that its port is known and is one's own."""

from __future__ import annotations

import socket

from threadlog_server.errors import ServerError


class AddressTaken(ServerError, OSError):
    """The address and port cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket.

    Args:
        host: an address or name of this machine; IPv6 with or without brackets.
        port: 0 takes a free one.

    Raises:
        AddressTaken: something else listens there, or there is no such address.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AddressTaken(
            f"{host}:{port} cannot be listened on ({reason}): stop what listens there, or take --port 0."
        ) from error


def url_of(listening: socket.socket) -> str:
    """The URL at which the server is reached."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
