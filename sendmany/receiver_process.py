"""`python -m sendmany.receiver_process`: the receiver of webhooks, with the settings found here."""

import json
import sys

from config.logging import set_up_logging
from config.sections import SettingsError
from config.settings import Settings, load_settings
from dashboard.receiver import create_receiver
from sendmany.processes import ProcessError
from sendmany.serving import address, listen, serve
from store.calls import AsyncStore


def receive(settings: Settings, host: str, port: int) -> None:
    """Receive webhooks until SIGTERM or SIGINT. Prints `{"listening": "http://…"}` once it listens.

    Raises:
        SettingsError: there is no authorization, or redis_url is no address.
        ProcessError: the port cannot be had.
    """
    secrets = settings.webhooks.secrets()
    try:
        store = AsyncStore.connect(settings.redis_url)
    except ValueError as error:
        raise SettingsError(f"redis_url is no address of a Redis server: {error}") from error
    app, listener = create_receiver(store, secrets), listen(host, port)
    print(json.dumps({"listening": address(listener)}), flush=True)
    serve(app, listener, at_the_end=store.close)


def main() -> int:
    """Run it on the configured address. Returns the exit code; a fault is told in a sentence."""
    try:
        settings = load_settings()
        set_up_logging(settings)
        receive(settings, settings.webhooks.host, settings.webhooks.port)
    except (SettingsError, ProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
