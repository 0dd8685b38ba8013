"""Runs a sandbox as a process of its own, until it is told to stop."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys

import uvicorn

from chatapps.sandbox.app import create_app
from chatapps.sandbox.config import SandboxConfig

_EXPECTED_COMPLAINTS = (
    "ASGI callable returned without completing response.",
    "Cancel ",
)


def serve(config: SandboxConfig, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; call it in the main thread. Port 0 means any free one.

    Prints one JSON line, `{"listening": "http://…"}`, once connections are welcome. Returns the
    exit code: 0, or 1 with a sentence on stderr when the address cannot be had.
    """
    try:
        listener = _listen(host, port)
    except (OSError, OverflowError) as exc:
        what = f"The sandbox cannot listen on {host} port {port} ({_reason(exc)})"
        print(f"{what}: choose another port.", file=sys.stderr)
        return 1
    server = uvicorn.Server(_server_config(config))
    _stop_on_signals(server)
    print(json.dumps({"listening": _address(listener)}), flush=True)
    server.run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def _reason(exc: OSError | OverflowError) -> str:
    number = getattr(exc, "errno", None) or 0
    return os.strerror(number) if number > 0 else str(exc)  # negative: a name was not found


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server_config(config: SandboxConfig) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(_is_surprising)
    return uvicorn.Config(
        create_app(config),
        http="httptools",
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        backlog=1024,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=0,  # whoever stops a sandbox does not wait for its answers
    )


def _stop_on_signals(server: uvicorn.Server) -> None:
    """uvicorn handles signals while it serves, and raises them again afterwards, which would end
    the process by signal; and one may come before it starts. Both arrive here."""

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _is_surprising(record: logging.LogRecord) -> bool:
    """Whether a complaint of the server is news: not about an answer that we cut off on purpose,
    nor about those that were under way when the sandbox was told to stop."""
    cancelled = record.exc_info and record.exc_info[0] is asyncio.CancelledError
    return not cancelled and not record.getMessage().startswith(_EXPECTED_COMPLAINTS)
