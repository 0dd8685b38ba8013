"""`sendmany receiver`: receives the provider's webhooks."""

import json
from typing import Annotated

import typer

from config.logging import set_up_logging
from config.settings import Settings, load_settings
from sendmany.api.server import serve
from sendmany.api.sockets import address, listen
from sendmany.api.webhooks.receiver import WEBHOOKS, Receiver, health_app
from sendmany.console.connection import prepare_data
from store.client import AsyncStore


def receiver(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0 is any free one. Default: webhooks.port."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: webhooks.host.")
    ] = None,
) -> None:
    """Receive receipts and replies: the provider posts them to `/webhooks`.

    Posts without the Authorization header of webhooks.authorization_env are refused. A webhook is stored
    in Redis before it is answered; while Redis is away or full the answer is 503, and the provider
    repeats it for two minutes. `GET /healthz` shows whether webhooks can be stored. It speaks HTTP: put
    a proxy with HTTPS in front. Several can run. `sendmany web` receives webhooks, too; this command
    separates them from the HTTP API.

    Example: `sendmany receiver --host 0.0.0.0 --port 8090`
    """
    settings = load_settings()
    set_up_logging(settings)
    _receive(
        settings,
        settings.webhooks.host if host is None else host,
        settings.webhooks.port if port is None else port,
    )


def _receive(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Prints `{"listening": "http://…"}` once it listens."""
    secrets = settings.webhooks.secrets()
    store = AsyncStore.connect(settings.store_url, key_prefix=settings.key_prefix)
    prepare_data(settings)
    listener, routes = listen(host, port), {WEBHOOKS: Receiver(store, secrets)}
    print(json.dumps({"listening": address(listener)}), flush=True)
    serve(health_app(store), listener, raw_routes=routes)
