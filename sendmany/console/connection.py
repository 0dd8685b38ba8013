"""The store for commands: pinged at once, so that an unavailable Redis is reported first."""

import re
import sys
from typing import Any
from urllib.parse import urlsplit

import redis

from config.addresses import parse_cluster, parse_sentinels
from config.sections import SettingsError
from config.settings import Settings
from sendmany.console.output import say
from store.client import Store, command
from store.errors import StoreError, StoreUnavailable
from store.migrations.schema import prepare

PORTS = {"amqp": 5672, "pyamqp": 5672, "amqps": 5671, "sentinel": 26379}
"""Default ports by URL scheme; 6379 for all others."""


REFUSALS = {
    "AccessRefused": "it refuses the user or the password",
    "AuthenticationError": "it refuses the user or the password",
    "PreconditionFailed": "its queues are not of broker.queue_type: set that, or delete them",
    "AMQPNotImplementedError": 'its queues are quorum queues: set broker.queue_type = "quorum"',
    "NotAllowed": "it has no such virtual host, or not for this user",
    "NoPermissionError": "the user may not do what a broker needs",
    "ValueError": "the address cannot be read",
    "KeyError": "there is no such kind of broker",
    "ModuleNotFoundError": "the library for this kind of broker is not installed",
    "ConnectionRefusedError": "connection refused",
    "TimeoutError": "no answer in time",
    "gaierror": "its name is unknown",
}
"""Errors of brokers and servers by class name: the libraries are many, and loaded only when used."""


_CUT = re.compile(
    "EOF occurred|Connection reset|Broken pipe|[Cc]onnection closed|closed connection"
)


def connect(settings: Settings) -> Store:
    """The store of these settings, pinged once and with data of this version's layout.

    Raises:
        SettingsError: the address is invalid.
        StoreUnavailable: the server does not answer; says what to do.
        NewerData: a newer version has written the data.
    """
    _log_beside_results()
    store = Store.connect(settings.store_url, key_prefix=settings.key_prefix)
    try:
        store.run(command("PING", parse=_nothing))
        prepare(store, say)
    except StoreError as error:
        if type(error.__cause__) in (redis.ConnectionError, redis.TimeoutError):
            raise StoreUnavailable(_no_server_there(settings.redis_url, error)) from error
        if isinstance(error.__cause__, redis.InvalidResponse):
            raise SettingsError(
                f"What answers at {place(settings.redis_url)} is no Redis: check redis_url."
            ) from error
        raise
    return store


def prepare_data(settings: Settings) -> None:
    """Migrate the data before a process serves. Does nothing while Redis is away: the process starts
    nevertheless.

    Raises:
        SettingsError: the address is invalid.
        NewerData: a newer version has written the data.
    """
    store = Store.connect(settings.store_url, key_prefix=settings.key_prefix)
    try:
        prepare(store, say)
    except StoreUnavailable:
        return
    finally:
        store.close()


def _log_beside_results() -> None:
    """Log to stderr: stdout holds the result. Does not import structlog, which takes a tenth of a
    second: without an import there are no logs."""
    structlog = sys.modules.get("structlog")
    if structlog is not None and not structlog.is_configured():
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def place(url: str) -> str:
    """Address of a server without the password; of each one in a list (`a;b`, as Celery takes it)."""
    return ", ".join(map(_place, url.split(";")))


def _place(url: str) -> str:
    try:
        if several := parse_cluster(url) or parse_sentinels(url):
            return str(several)
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 6379)
    except ValueError:
        return "an address that cannot be read"
    if parts.scheme in ("unix", "redis+socket"):
        return f"the socket {parts.path}"
    return f"{parts.hostname or 'localhost'}:{port}"


def _no_server_there(url: str, error: StoreError) -> str:
    why = why_it_refuses(error)
    if "certificate" in why or "TLS" in why:
        return f"Redis at {place(url)} cannot be used: {why}."
    if url.startswith("rediss") and why == REFUSALS["TimeoutError"]:
        why += ": is its port one with TLS?"
    return (
        f"No Redis answers at {place(url)} ({why}): start it, run `sendmany up` in this directory, "
        "or set SENDMANY_REDIS_URL."
    )


def _nothing(_: Any) -> None:
    return None


def why_it_refuses(error: BaseException) -> str:
    """The reason why a broker or a server cannot be used. The library's text may hold the password, so
    it is quoted for TLS errors only."""
    while error.__cause__ is not None:
        error = error.__cause__
    name = type(error).__name__
    if tls := re.search(
        r"CERTIFICATE_VERIFY_FAILED\W+certificate verify failed: ([^(]+)", str(error)
    ):
        found = tls[1].strip(" .")
        if "mismatch" in found:
            return (
                f"its certificate is for another name: {found}: use a name of the certificate in "
                "the address"
            )
        return f"its certificate is not trusted: {found}: name its authority in tls.ca_file"
    if "CERTIFICATE_REQUIRED" in str(error):
        return "it asks for a client certificate: set tls.cert_file and tls.key_file"
    if _CUT.search(str(error)):  # before a server's TLS alert is read, it may have closed
        return (
            "it cuts the connection: a port with TLS needs rediss:// (amqps:// of RabbitMQ), and "
            "tls.cert_file where it asks for a client certificate"
        )
    if "[SSL" in str(error):
        return "it does not speak TLS as expected: redis:// is without TLS, rediss:// with"
    return REFUSALS.get(name, name)
