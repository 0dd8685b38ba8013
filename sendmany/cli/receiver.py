"""`sendmany receiver`: takes in what the provider posts."""

from typing import Annotated

import typer

from config.logging import set_up_logging
from config.settings import load_settings
from sendmany.receiver_process import receive


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

    What does not bring the Authorization header of webhooks.authorization_env is refused. A webhook is
    stored in Redis before it is answered; while Redis is away or full the answer is 503, and the
    provider repeats it for two minutes. `GET /healthz` says whether webhooks can be stored. It speaks
    HTTP: put something that speaks HTTPS before it. Run several if you like.

    Example: `sendmany receiver --host 0.0.0.0 --port 8090`
    """
    settings = load_settings()
    set_up_logging(settings)
    receive(
        settings,
        settings.webhooks.host if host is None else host,
        settings.webhooks.port if port is None else port,
    )
