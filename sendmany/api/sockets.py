"""Listening sockets of our processes."""

import errno
import os
import socket

from sendmany.errors import ProcessError

_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on; port 0 means any free one.

    Raises:
        ProcessError: the address cannot be bound; the text is for people.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else str(error)  # negative: unknown name
        what = "address" if number in _NOT_OURS or number < 0 else "port"
        raise ProcessError(
            f"Cannot listen on {host} port {port} ({reason}): choose another {what}."
        ) from error


def listen_or_anywhere(host: str, port: int) -> socket.socket:
    """As `listen`, on any free port if this one is in use."""
    try:
        return listen(host, port)
    except ProcessError as error:
        try:
            return listen(host, 0)
        except ProcessError:
            raise error from None


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
