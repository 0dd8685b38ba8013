"""Runs the HTTP API with the configured settings: `python -m sendmany.api.__main__`."""

import argparse
import json
import socket
import sys

from config.logging import set_up_logging
from config.sections import SettingsError
from config.settings import Settings, load_settings
from sendmany.api.app import create_app
from sendmany.api.http_protocol import Bounds
from sendmany.api.middleware.security import HEADERS
from sendmany.api.server import serve
from sendmany.api.sockets import address, listen
from sendmany.console.connection import prepare_data
from sendmany.errors import ProcessError
from store.errors import StoreError


def serve_web(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT. Prints `{"listening": "http://…"}` once it listens.

    Raises:
        SettingsError: the settings of webhooks or redis_url are invalid.
        StoreError: the data in Redis have another layout.
    """
    app = create_app(settings)
    prepare_data(settings)
    print(json.dumps({"listening": address(listener)}), flush=True)
    serve(
        app,
        listener,
        bounds=Bounds(settings.web.max_connections),
        raw_routes=app.state.raw_routes,
        raw_headers=HEADERS,
        shortcuts=app.state.shortcuts,
        when_told=app.state.events.close,
    )


def main() -> int:
    """Serve on the configured address. Returns the exit code; an error is printed as a sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, metavar="FD", help="listens already, for us")
    given = parser.parse_args().socket
    try:
        settings = load_settings()
        set_up_logging(settings)
        serve_web(settings, _listener(settings, given))
    except (SettingsError, ProcessError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _listener(settings: Settings, given: int | None) -> socket.socket:
    if given is None:
        return listen(settings.web.host, settings.web.port)
    return socket.socket(fileno=given)


if __name__ == "__main__":
    sys.exit(main())
