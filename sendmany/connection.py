"""The store for commands: asked at once, so that a Redis that is away is the first thing told."""

from typing import Any
from urllib.parse import urlsplit

import redis

from config.sections import SettingsError
from config.settings import Settings
from sendmany.output import say
from store.calls import Store, command
from store.errors import StoreError, StoreUnavailable
from store.schema import prepare


def connect(settings: Settings) -> Store:
    """The store of these settings, after it has answered once and its data fit this program.

    Raises:
        SettingsError: the address makes no sense.
        StoreUnavailable: nobody answers there; says what to do.
        NewerData: a newer program has written the data.
    """
    store = _store(settings)
    try:
        store.run(command("PING", parse=_nothing))
        prepare(store, say)
    except StoreError as error:
        if type(error.__cause__) in (redis.ConnectionError, redis.TimeoutError):
            raise StoreUnavailable(_nobody_there(settings.redis_url)) from error
        if isinstance(error.__cause__, redis.InvalidResponse):
            raise SettingsError(
                f"What answers at {place(settings.redis_url)} is no Redis: check redis_url."
            ) from error
        raise
    return store


def prepare_data(settings: Settings) -> None:
    """Bring the data to the layout of this program before a process serves. Does nothing while Redis is
    away: the process starts all the same.

    Raises:
        SettingsError: the address makes no sense.
        NewerData: a newer program has written the data.
    """
    store = _store(settings)
    try:
        prepare(store, say)
    except StoreUnavailable:
        return
    finally:
        store.close()


def _store(settings: Settings) -> Store:
    try:
        return Store.connect(settings.redis_url, key_prefix=settings.key_prefix)
    except ValueError as error:
        raise SettingsError(f"redis_url is no address of a Redis server: {error}") from error


def place(url: str) -> str:
    """Where a server is, without the password."""
    parts = urlsplit(url)
    if parts.scheme.startswith("unix"):
        return f"the socket {parts.path}"
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def _nobody_there(url: str) -> str:
    return (
        f"No Redis answers at {place(url)}: start it, run `sendmany up` in this directory, "
        "or set SENDMANY_REDIS_URL."
    )


def _nothing(_: Any) -> None:
    return None
