"""Runs a sandbox as a process until a signal stops it."""

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

    Prints one JSON line, `{"listening": "http://…"}`, once it accepts connections. Returns the exit
    code: 0, or 1 with a sentence on stderr when it cannot bind the address.
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
    return os.strerror(number) if number > 0 else str(exc)  # negative: name resolution failed


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
        timeout_graceful_shutdown=0,  # stop without waiting for answers
    )


def _stop_on_signals(server: uvicorn.Server) -> None:
    """Stop on signals, also on one that comes before uvicorn serves. uvicorn re-raises signals
    afterwards, which would end the process by signal."""

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _is_surprising(record: logging.LogRecord) -> bool:
    """False for records about an answer that was cut off on purpose or that was in progress when the
    sandbox stopped."""
    cancelled = record.exc_info and record.exc_info[0] is asyncio.CancelledError
    return not cancelled and not record.getMessage().startswith(_EXPECTED_COMPLAINTS)
