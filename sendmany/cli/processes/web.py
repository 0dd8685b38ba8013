"""`sendmany web`: the HTTP API."""

from typing import Annotated

import typer

from config.logging import set_up_logging
from config.settings import load_settings
from sendmany.api.__main__ import serve_web
from sendmany.api.sockets import listen
from sendmany.console.connection import connect
from sendmany.console.output import say
from store.errors import StoreUnavailable


def web(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0 is any free one. Default: web.port."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: web.host.")
    ] = None,
) -> None:
    """Serve the HTTP API: messages, campaigns, status, live events, metrics.

    Every path but `/healthz`, `/readyz` and `/webhooks` needs a token: see `sendmany token create`. Once
    [webhooks] has an authorization, it also receives receipts and replies, on `/webhooks`. It speaks
    HTTP: put a proxy with HTTPS in front. Several can run.

    Example: `sendmany web --host 0.0.0.0 --port 8080`
    """
    settings = load_settings()
    set_up_logging(settings)
    place = settings.web.host if host is None else host
    listener = listen(place, settings.web.port if port is None else port)
    try:
        connect(settings).close()
    except StoreUnavailable as error:
        say(f"{error} Until then requests are answered with 503.")
    serve_web(settings, listener)
